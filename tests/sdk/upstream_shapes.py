"""Bodies and event streams in the shapes of the provider's four API families."""

import base64
import json
import struct

ANSWER = ["Forty", "-two", ", as", " ever", "."]
VECTOR = [0.25, -1.5, 3.0, 0.125]
TOOL_ARGS = ['{"city":', '"Zürich"', ',"days":3}']
BINARY = bytes(range(256)) * 64

CHAT_USAGE = {
    "prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 24,
    "prompt_tokens_details": {"text_tokens": 12, "audio_tokens": 0, "image_tokens": 0,
                              "cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 7, "audio_tokens": 0,
                                  "accepted_prediction_tokens": 0,
                                  "rejected_prediction_tokens": 0},
    "num_sources_used": 0, "cost_in_usd_ticks": 2244800}
RESPONSES_USAGE = {
    "input_tokens": 12, "input_tokens_details": {"cached_tokens": 4},
    "output_tokens": 12, "output_tokens_details": {"reasoning_tokens": 7},
    "total_tokens": 24, "num_sources_used": 0, "num_server_side_tools_used": 0,
    "cost_in_usd_ticks": 2244800}
MESSAGES_USAGE = {"input_tokens": 9, "cache_creation_input_tokens": 0,
                  "cache_read_input_tokens": 0, "output_tokens": 32}


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def data_only(value):
    return b"data: " + compact(value) + b"\n\n"


def named(value):
    return b"event: " + value["type"].encode() + b"\n" + data_only(value)


def chat(body, pieces):
    message = {"role": "assistant", "content": "".join(pieces), "refusal": None}
    reason = "stop"
    if body.get("tools"):
        call = {"id": "call_1", "type": "function",
                "function": {"name": "weather", "arguments": "".join(TOOL_ARGS)}}
        message.update(content=None, tool_calls=[call])
        reason = "tool_calls"
    return {"id": "chat-1", "object": "chat.completion", "created": 1, "model": body["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": reason}],
            "usage": CHAT_USAGE, "system_fingerprint": "fp_test", "service_tier": "default"}


def chat_events(body, pieces):
    def chunk(choices, **extra):
        return data_only({"id": "chat-1", "object": "chat.completion.chunk", "created": 1,
                          "model": body["model"], "choices": choices, **extra})

    def delta(value, reason=None):
        return chunk([{"index": 0, "delta": value, "finish_reason": reason}])

    if body.get("tools"):
        head = {"index": 0, "id": "call_1", "type": "function",
                "function": {"name": "weather", "arguments": ""}}
        events = [delta({"role": "assistant", "content": None, "tool_calls": [head]})]
        events += [delta({"tool_calls": [{"index": 0, "function": {"arguments": a}}]})
                   for a in TOOL_ARGS]
        events.append(delta({}, "tool_calls"))
    else:
        events = [delta({"role": "assistant", "content": pieces[0]})]
        events += [delta({"content": p}) for p in pieces[1:]]
        events.append(delta({}, "stop"))
    if (body.get("stream_options") or {}).get("include_usage"):
        events.append(chunk([], usage=CHAT_USAGE))
    return events + [b"data: [DONE]\n\n"]


def response_item(body, pieces):
    if body.get("tools"):
        return {"id": "fc_1", "type": "function_call", "call_id": "call_1", "name": "weather",
                "arguments": "".join(TOOL_ARGS), "status": "completed"}
    content = {"type": "output_text", "text": "".join(pieces), "annotations": [], "logprobs": []}
    return {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed",
            "content": [content]}


def response(body, pieces, status="completed"):
    done = status == "completed"
    return {"id": "resp_1", "object": "response", "created_at": 1, "status": status,
            "model": body["model"], "output": [response_item(body, pieces)] if done else [],
            "usage": RESPONSES_USAGE if done else None, "error": None,
            "incomplete_details": None, "parallel_tool_calls": True, "tool_choice": "auto",
            "tools": body.get("tools") or [], "store": True, "service_tier": "default"}


def response_events(body, pieces):
    item = response_item(body, pieces)
    at = {"item_id": item["id"], "output_index": 0}
    opened = {**item, "status": "in_progress"}
    opened.update({"arguments": ""} if body.get("tools") else {"content": []})
    events = [{"type": "response.created", "response": response(body, pieces, "in_progress")},
              {"type": "response.in_progress", "response": response(body, pieces, "in_progress")},
              {"type": "response.output_item.added", "output_index": 0, "item": opened}]
    if body.get("tools"):
        events += [{"type": "response.function_call_arguments.delta", **at, "delta": a}
                   for a in TOOL_ARGS]
        events.append({"type": "response.function_call_arguments.done", **at,
                       "name": "weather", "arguments": item["arguments"]})
    else:
        at["content_index"] = 0
        part = item["content"][0]
        events.append({"type": "response.content_part.added", **at, "part": {**part, "text": ""}})
        events += [{"type": "response.output_text.delta", **at, "delta": p, "logprobs": []}
                   for p in pieces]
        events.append({"type": "response.output_text.done", **at, "text": part["text"],
                       "logprobs": []})
        events.append({"type": "response.content_part.done", **at, "part": part})
    events.append({"type": "response.output_item.done", "output_index": 0, "item": item})
    events.append({"type": "response.completed", "response": response(body, pieces)})
    return [named({**e, "sequence_number": i}) for i, e in enumerate(events)]


def message(body, pieces):
    block = {"type": "text", "text": "".join(pieces)}
    reason = "end_turn"
    if body.get("tools"):
        block = {"type": "tool_use", "id": "toolu_1", "name": "weather",
                 "input": json.loads("".join(TOOL_ARGS))}
        reason = "tool_use"
    return {"id": "msg_1", "type": "message", "role": "assistant", "model": body["model"],
            "content": [block], "stop_reason": reason, "stop_sequence": None,
            "usage": MESSAGES_USAGE}


def message_events(body, pieces):
    whole = message(body, pieces)
    first = {**whole, "content": [], "stop_reason": None,
             "usage": {**MESSAGES_USAGE, "output_tokens": 1}}
    block = whole["content"][0]
    if body.get("tools"):
        block = {**block, "input": {}}
        deltas = [{"type": "input_json_delta", "partial_json": a} for a in TOOL_ARGS]
    else:
        block = {**block, "text": ""}
        deltas = [{"type": "text_delta", "text": p} for p in pieces]
    events = [{"type": "message_start", "message": first},
              {"type": "content_block_start", "index": 0, "content_block": block}]
    events += [{"type": "content_block_delta", "index": 0, "delta": d} for d in deltas]
    events += [{"type": "ping"}, {"type": "content_block_stop", "index": 0},
               {"type": "message_delta", "usage": {"output_tokens": 32},
                "delta": {"stop_reason": whole["stop_reason"], "stop_sequence": None}},
               {"type": "message_stop"}]
    return [named(e) for e in events]


def embeddings(body):
    vector = VECTOR
    if body.get("encoding_format") == "base64":
        vector = base64.b64encode(struct.pack(f"<{len(VECTOR)}f", *VECTOR)).decode()
    given = body.get("input")
    count = len(given) if isinstance(given, list) else 1
    return {"object": "list", "model": body["model"],
            "data": [{"object": "embedding", "index": i, "embedding": vector}
                     for i in range(count)],
            "usage": {"prompt_tokens": count, "total_tokens": count}}


def model(name):
    return {"id": name, "object": "model", "type": "model", "created": 1, "owned_by": "xai",
            "display_name": name, "created_at": "2026-01-01T00:00:00Z", "aliases": [],
            "prompt_text_token_price": 12500}


def models():
    data = [model("grok-4"), model("grok-4-fast")]
    return {"object": "list", "data": data, "has_more": False,
            "first_id": data[0]["id"], "last_id": data[-1]["id"]}


def image():
    return {"created": 1, "data": [{"url": "https://images.invalid/1.jpg",
                                    "mime_type": "image/jpeg", "revised_prompt": ""}],
            "usage": {"cost_in_usd_ticks": 200000000}}
