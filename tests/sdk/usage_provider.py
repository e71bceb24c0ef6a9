"""Scripted answers of several providers, told apart by the first segment of the path.

Each answer is as the provider's own documentation shows it. A path or a key that the real provider
would not know is 404 or 401, as it would be there.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import upstream_shapes

MESSAGE = {"role": "assistant", "content": "Hello"}
# All bytes there are, as a recording.
SPEECH = bytes(range(256)) * 40


def chat(model, usage, **more):
    choice = {"index": 0, "message": MESSAGE, "finish_reason": "stop", "logprobs": None}
    return {"id": "c-1", "object": "chat.completion", "created": 1, "model": model,
            "choices": [choice], "usage": usage, **more}


def chunk(model, delta, finish=None, **more):
    choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
    return {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": model,
            "choices": [choice], **more}


def sse(*events, done=True):
    lines = [f"data: {json.dumps(event)}\n\n" for event in events]
    return "text/event-stream", "".join(lines) + ("data: [DONE]\n\n" if done else "")


def named(*events):
    lines = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events]
    return "text/event-stream", "".join(lines)


def whole(body):
    return "application/json", json.dumps(body)


def tokens(prompt, completion, total=None, **more):
    total = prompt + completion if total is None else total
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total, **more}


def grok(body):
    """Reasoning stands beside the completion, and in the total; the cost comes in ticks."""
    used = tokens(32, 9, 151, prompt_tokens_details={"cached_tokens": 6},
                  completion_tokens_details={"reasoning_tokens": 110}, cost_in_usd_ticks=1_234_500)
    if not body.get("stream"):
        return whole(chat("grok-4.3", used))
    return sse(chunk("grok-4.3", {"role": "assistant", "content": "Hel"}),
               chunk("grok-4.3", {"content": "lo"}, "stop"),
               {**chunk("grok-4.3", {}), "choices": [], "usage": used})


def groq(body):
    used = tokens(23, 19, queue_time=0.07, prompt_time=0.006, completion_time=0.02, total_time=0.026)
    if not body.get("stream"):
        return whole(chat("llama-x", used, x_groq={"id": "req_1"}))
    return sse(chunk("llama-x", {"role": "assistant", "content": "Hel"}, x_groq={"id": "req_1"}),
               chunk("llama-x", {"content": "lo"}),
               chunk("llama-x", {}, "stop", x_groq={"id": "req_1", "usage": used}))


def mistral(body):
    used = tokens(11, 4, num_cached_tokens=5)
    if not body.get("stream"):
        return whole(chat("mistral-x", used))
    return sse(chunk("mistral-x", {"role": "assistant", "content": "Hel"}),
               chunk("mistral-x", {"content": "lo"}, "stop", usage=used))


def cerebras(body):
    used = tokens(44, 12, prompt_tokens_details={"cached_tokens": 0})
    times = {"queue_time": 0.001, "prompt_time": 0.002, "completion_time": 0.01, "total_time": 0.02,
             "created": 1}
    if not body.get("stream"):
        return whole(chat("llama-c", used, system_fingerprint="fp", time_info=times))
    return sse(chunk("llama-c", {"role": "assistant", "content": "Hel"}, system_fingerprint="fp"),
               chunk("llama-c", {"content": "lo"}, system_fingerprint="fp"),
               chunk("llama-c", {}, "stop", system_fingerprint="fp", usage=used, time_info=times))


def cohere(body):
    """What is billed is less than what was read."""
    used = {"billed_units": {"input_tokens": 507, "output_tokens": 21},
            "tokens": {"input_tokens": 1013, "output_tokens": 23}, "cached_tokens": 64}
    content = [{"type": "text", "text": "Hello"}]
    message = {"role": "assistant", "content": content}
    if not body.get("stream"):
        return whole({"id": "c-1", "finish_reason": "COMPLETE", "message": message, "usage": used})
    start = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    return named({"type": "message-start", "id": "c-1", "delta": {"message": start}},
                 {"type": "content-start", "index": 0,
                  "delta": {"message": {"content": {"type": "text", "text": ""}}}},
                 {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "Hello"}}}},
                 {"type": "content-end", "index": 0},
                 {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": used}})


def rerank(_):
    return whole({"id": "r-1", "results": [{"index": 0, "relevance_score": 0.9}],
                  "meta": {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}}})


def embed(_):
    return whole({"id": "e-1", "embeddings": {"float": [[0.1, 0.2]]}, "texts": ["hello"],
                  "response_type": "embeddings_by_type",
                  "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": 7}}})


GEMINI = {"promptTokenCount": 427, "candidatesTokenCount": 122, "toolUsePromptTokenCount": 771,
          "thoughtsTokenCount": 447, "totalTokenCount": 1767, "cachedContentTokenCount": 100,
          "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 427}]}


def gemini_part(text, finish=None, usage=GEMINI):
    candidate = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "gemini-x-001",
            "responseId": "g-1"}


def gemini(_):
    return whole(gemini_part("Hello", "STOP"))


def gemini_stream(_):
    early = {"promptTokenCount": 8, "totalTokenCount": 8}
    return sse(gemini_part("Hel", usage=early), gemini_part("lo", "STOP"), done=False)


def gemini_count(_):
    return whole({"totalTokens": 31, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 31}]})


def messages(body):
    used = {"input_tokens": 25, "cache_creation_input_tokens": 7, "cache_read_input_tokens": 100,
            "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4},
            "output_tokens": 15, "service_tier": "standard"}
    message = {"id": "m-1", "type": "message", "role": "assistant", "model": "claude-x",
               "content": [{"type": "text", "text": "Hello"}], "stop_reason": "end_turn",
               "stop_sequence": None, "usage": used}
    if not body.get("stream"):
        return whole(message)
    start = {**message, "content": [], "stop_reason": None, "usage": {**used, "output_tokens": 1}}
    text = {"type": "text", "text": ""}
    return named({"type": "message_start", "message": start},
                 {"type": "content_block_start", "index": 0, "content_block": text},
                 {"type": "ping"},
                 {"type": "content_block_delta", "index": 0,
                  "delta": {"type": "text_delta", "text": "Hello"}},
                 {"type": "content_block_stop", "index": 0},
                 {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None},
                  "usage": {"output_tokens": 15}},
                 {"type": "message_stop"})


def count_tokens(_):
    return whole({"input_tokens": 31})


def transcription(_):
    return whole({"text": "Hello", "usage": {"type": "duration", "seconds": 7}})


def openai(body):
    used = tokens(20, 8, prompt_tokens_details={"cached_tokens": 5, "audio_tokens": 0},
                  completion_tokens_details={"reasoning_tokens": 6, "audio_tokens": 0})
    if not body.get("stream"):
        return whole(chat("gpt-x-2026-01-01", used))
    return sse(chunk("gpt-x-2026-01-01", {"role": "assistant", "content": "Hello"}, usage=None),
               chunk("gpt-x-2026-01-01", {}, "stop", usage=None),
               {**chunk("gpt-x-2026-01-01", {}), "choices": [], "usage": used})


def responses(body):
    pieces = ["Hel", "lo"]
    if not body.get("stream"):
        return whole(upstream_shapes.response(body, pieces))
    return "text/event-stream", b"".join(upstream_shapes.response_events(body, pieces)).decode()


def embeddings(body):
    return whole(upstream_shapes.embeddings(body))


def images(body):
    used = {"input_tokens": 9, "output_tokens": 196, "total_tokens": 205,
            "input_tokens_details": {"text_tokens": 9, "image_tokens": 0}}
    facts = {"background": "opaque", "output_format": "png", "quality": "low", "size": "1024x1024"}
    if not body.get("stream"):
        return whole({"created": 1, "data": [{"b64_json": "iVBORw0KGgo="}], "usage": used, **facts})
    event = {"created_at": 1, "b64_json": "iVBORw0KGgo=", **facts}
    return named({"type": "image_generation.partial_image", "partial_image_index": 0, **event},
                 {"type": "image_generation.completed", "usage": used, **event})


def speech(_):
    return "audio/mpeg", SPEECH


# By provider: the base path, and what is answered below it.
PROVIDERS = {
    "grok": ("/v1", {"/v1/chat/completions": grok}),
    "openai": ("/v1", {
        "/v1/chat/completions": openai,
        "/v1/responses": responses,
        "/v1/embeddings": embeddings,
        "/v1/images/generations": images,
        "/v1/audio/speech": speech,
        "/v1/audio/transcriptions": transcription,
    }),
    "groq": ("/openai/v1", {"/openai/v1/chat/completions": groq}),
    "mistral": ("", {"/v1/chat/completions": mistral}),
    "cerebras": ("", {"/v1/chat/completions": cerebras, "/v1/tcp_warming": lambda _: whole({})}),
    "cohere": ("", {"/v2/chat": cohere, "/v2/rerank": rerank, "/v2/embed": embed}),
    "anthropic": ("", {"/v1/messages": messages, "/v1/messages/count_tokens": count_tokens}),
    # Its library asks for `v1` since version 3, and for `v1beta` before.
    "google-ai-studio": ("", {
        "/v1/models/gemini-x:generateContent": gemini,
        "/v1/models/gemini-x:streamGenerateContent": gemini_stream,
        "/v1/models/gemini-x:countTokens": gemini_count,
    }),
}
KEYS = ("authorization", "x-api-key", "x-goog-api-key")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        try:
            body = json.loads(raw)
        except ValueError:
            body = {}
        path = self.path.split("?")[0]
        _, answers = PROVIDERS[self.server.slug]
        answer = answers.get(path)
        is_known = any(f"key-{self.server.slug}" in self.headers.get(name, "") for name in KEYS)
        self.server.seen.append(path)
        if answer is None:
            self.reply(404, *whole({"error": {"message": f"no handler on {path}"}}))
        elif not is_known:
            self.reply(401, *whole({"error": {"message": "no key"}}))
        else:
            self.reply(200, *answer(body))

    do_GET = do_POST

    def reply(self, status, kind, body):
        if isinstance(body, str):
            body = body.encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def start(slug):
    """A server for this provider, which notes the paths that it was asked for in `seen`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.slug, server.seen = slug, []
    server.base = f"http://127.0.0.1:{server.server_port}{PROVIDERS[slug][0]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
