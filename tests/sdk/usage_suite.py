"""The official libraries of several providers, and whether the gateway counts as they do.

    usage_suite.py GATEWAY_BINARY

Each library is given the base URL that the hosted gateway's pages give for it, with our host. What
it says of a call's usage must be what the gateway has logged of it.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import traceback

import usage_provider

VERBOSE = os.environ.get("SDK_VERBOSE") == "1"
ASK = [{"role": "user", "content": "Say hello."}]


class Gateway:
    """A gateway in front of all the stand-in providers, and what it has logged. `settings`: of a file."""

    def __init__(self, binary, settings=None):
        self.folder = tempfile.TemporaryDirectory()
        self.log = os.path.join(self.folder.name, "log.jsonl")
        self.providers = {slug: usage_provider.start(slug) for slug in usage_provider.PROVIDERS}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [binary, "--listen", f"127.0.0.1:{port}", "--log", self.log]
        for slug, server in self.providers.items():
            command += ["--provider", f"{slug}={server.base}"]
        if settings:
            with open(os.path.join(self.folder.name, "gateway.toml"), "w") as file:
                file.write(settings)
            command += ["--config", file.name]
        self.errors = open(os.path.join(self.folder.name, "stderr"), "w+")
        self.process = subprocess.Popen(command, stdout=self.errors, stderr=self.errors)
        self.address = f"http://127.0.0.1:{port}"
        self.read = 0
        end = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                if time.monotonic() > end or self.process.poll() is not None:
                    self.errors.seek(0)
                    sys.exit(f"the gateway did not come up: {self.errors.read()}")
                time.sleep(0.02)

    def base(self, slug):
        return f"{self.address}/v1/acct/gw/{slug}"

    def record(self, operation):
        """The next record of this operation; others in front of it are passed over."""
        end = time.monotonic() + 10
        while time.monotonic() < end:
            lines = []
            if os.path.exists(self.log):
                with open(self.log) as file:
                    lines = [line for line in file.read().split("\n")[:-1]]
            while self.read < len(lines):
                record = json.loads(lines[self.read])
                self.read += 1
                if record["model_type"] == operation:
                    return record
            time.sleep(0.02)
        raise AssertionError(f"no record of {operation} was logged")

    def close(self):
        self.process.terminate()
        self.process.wait(10)
        self.errors.close()
        self.folder.cleanup()


def equal(got, expected, what):
    assert got == expected, f"{what}: got {got!r:.300}, expected {expected!r:.300}"


def counted(record, given, expected, terminal=None):
    """What the library was given, what was logged, and what the provider meant are one."""
    equal(given, expected, "what the library says")
    equal((record["tokens_in"], record["tokens_out"]), expected, "what was logged")
    equal((record["success"], record["metering"]), (True, "complete"), "success and metering")
    if terminal:
        equal(record["stream"], True, "a stream")


def of_chat(usage):
    return usage.prompt_tokens, usage.completion_tokens


def test_groq(gateway):
    from groq import Groq

    client = Groq(api_key="key-groq", base_url=gateway.base("groq"), max_retries=0)
    answer = client.chat.completions.create(model="llama-x", messages=ASK)
    counted(gateway.record("chat"), of_chat(answer.usage), (23, 19))
    stream = client.chat.completions.create(model="llama-x", messages=ASK, stream=True)
    last = [chunk for chunk in stream][-1]
    counted(gateway.record("chat"), of_chat(last.x_groq.usage), (23, 19), "done")


def test_mistral(gateway):
    from mistralai.client import Mistral

    client = Mistral(api_key="key-mistral", server_url=gateway.base("mistral"))
    answer = client.chat.complete(model="mistral-x", messages=ASK)
    counted(gateway.record("chat"), of_chat(answer.usage), (11, 4))
    last = [event.data for event in client.chat.stream(model="mistral-x", messages=ASK)][-1]
    record = gateway.record("chat")
    counted(record, of_chat(last.usage), (11, 4), "done")
    equal(record["usage_metadata"]["cache_read"], 5, "from the cache")


def test_cerebras(gateway):
    from cerebras.cloud.sdk import Cerebras

    # It warms its connection up, which costs nothing.
    client = Cerebras(api_key="key-cerebras", base_url=gateway.base("cerebras"), max_retries=0)
    equal(gateway.providers["cerebras"].seen, ["/v1/tcp_warming"], "paths")
    warming = gateway.record("other")
    equal((warming["cost_unknown"], warming["cost_ticks"]), (False, None), "the cost of warming up")
    answer = client.chat.completions.create(model="llama-c", messages=ASK)
    counted(gateway.record("chat"), of_chat(answer.usage), (44, 12))
    stream = client.chat.completions.create(model="llama-c", messages=ASK, stream=True)
    last = [chunk for chunk in stream][-1]
    counted(gateway.record("chat"), of_chat(last.usage), (44, 12), "done")


def test_cohere(gateway):
    import cohere

    client = cohere.ClientV2(api_key="key-cohere", base_url=gateway.base("cohere"))

    def billed(usage):
        return usage.billed_units.input_tokens, usage.billed_units.output_tokens

    answer = client.chat(model="command-x", messages=ASK)
    counted(gateway.record("chat"), billed(answer.usage), (507, 21))
    last = list(client.chat_stream(model="command-x", messages=ASK))[-1]
    counted(gateway.record("chat"), billed(last.delta.usage), (507, 21), "message_end")
    answer = client.rerank(model="rerank-x", query="hello", documents=["Hello"])
    record = gateway.record("rerank")
    equal(answer.meta.billed_units.search_units, 1, "what the library says")
    equal(record["usage_metadata"]["search_units"], 1, "what was logged")
    answer = client.embed(model="embed-x", texts=["hello"], input_type="search_query",
                          embedding_types=["float"])
    equal(answer.meta.billed_units.input_tokens, 7, "what the library says")
    equal(gateway.record("embeddings")["tokens_in"], 7, "what was logged")


def test_google_genai(gateway):
    from google import genai

    client = genai.Client(api_key="key-google-ai-studio",
                          http_options={"base_url": gateway.base("google-ai-studio")})

    def used(usage):
        return (usage.prompt_token_count + usage.tool_use_prompt_token_count,
                usage.candidates_token_count + usage.thoughts_token_count)

    answer = client.models.generate_content(model="gemini-x", contents="Say hello.")
    record = gateway.record("generate_content")
    counted(record, used(answer.usage_metadata), (427 + 771, 122 + 447))
    equal(record["usage_metadata"]["cache_read"], 100, "from the cache")
    stream = client.models.generate_content_stream(model="gemini-x", contents="Say hello.")
    last = list(stream)[-1]
    record = gateway.record("generate_content")
    counted(record, used(last.usage_metadata), (427 + 771, 122 + 447), "finish_reason")
    equal(record["model"], "gemini-x-001", "the model that has answered")
    counting = client.models.count_tokens(model="gemini-x", contents="Say hello.")
    equal(counting.total_tokens, 31, "what the library says")
    is_free(gateway.record("count_tokens"))


def test_xai(gateway):
    from openai import OpenAI

    client = OpenAI(api_key="key-grok", base_url=gateway.base("grok"), max_retries=0)

    def used(usage):
        # xAI's reasoning stands beside the completion.
        return (usage.prompt_tokens,
                usage.completion_tokens + usage.completion_tokens_details.reasoning_tokens)

    answer = client.chat.completions.create(model="grok-4.3", messages=ASK)
    record = gateway.record("chat")
    counted(record, used(answer.usage), (32, 119))
    equal(record["cost_ticks"], answer.usage.cost_in_usd_ticks, "what it costs")
    stream = client.chat.completions.create(model="grok-4.3", messages=ASK, stream=True,
                                            stream_options={"include_usage": True})
    last = list(stream)[-1]
    counted(gateway.record("chat"), used(last.usage), (32, 119), "done")


def test_openai(gateway):
    from openai import OpenAI

    client = OpenAI(api_key="key-openai", base_url=gateway.base("openai"), max_retries=0)
    answer = client.chat.completions.create(model="gpt-x", messages=ASK)
    counted(gateway.record("chat"), of_chat(answer.usage), (20, 8))
    stream = client.chat.completions.create(model="gpt-x", messages=ASK, stream=True,
                                            stream_options={"include_usage": True})
    last = list(stream)[-1]
    record = gateway.record("chat")
    counted(record, of_chat(last.usage), (20, 8), "done")
    equal(record["usage_metadata"]["reasoning"], 6, "reasoning, a part of the output")
    answer = client.audio.transcriptions.create(model="whisper-1", file=("a.mp3", b"ID3"))
    record = gateway.record("transcription")
    equal(answer.usage.seconds, 7, "what the library says")
    equal(record["usage_metadata"]["duration_ms"], 7000, "what was logged")


def test_anthropic(gateway):
    from anthropic import Anthropic

    client = Anthropic(api_key="key-anthropic", base_url=gateway.base("anthropic"), max_retries=0)

    def used(usage):
        return (usage.input_tokens + usage.cache_creation_input_tokens
                + usage.cache_read_input_tokens, usage.output_tokens)

    answer = client.messages.create(model="claude-x", max_tokens=9, messages=ASK)
    record = gateway.record("messages")
    counted(record, used(answer.usage), (132, 15))
    equal(record["usage_metadata"]["cache_write_long"], 4, "kept for an hour")
    with client.messages.stream(model="claude-x", max_tokens=9, messages=ASK) as stream:
        last = stream.get_final_message()
    record = gateway.record("messages")
    counted(record, used(last.usage), (132, 15), "message_stop")
    equal(record["usage_metadata"]["cache_write_long"], 4, "kept for an hour")
    counting = client.messages.count_tokens(model="claude-x", messages=ASK)
    equal(counting.input_tokens, 31, "what the library says")
    is_free(gateway.record("count_tokens"))


def is_free(record):
    facts = (record["cost_ticks"], record["cost_unknown"], record["tokens_in"], record["success"])
    equal(facts, (None, False, None, True), "cost, unknown cost, tokens and success of a free call")


def main():
    start = time.monotonic()
    tests = [(name, test) for name, test in globals().items() if name.startswith("test_")]
    gateway = Gateway(sys.argv[1])
    passed = 0
    for name, test in tests:
        # What a test that failed has left is not the next one's.
        gateway.read = len(open(gateway.log).readlines()) if os.path.exists(gateway.log) else 0
        try:
            test(gateway)
            passed += 1
            if VERBOSE:
                print(f"ok {name}", flush=True)
        except Exception as error:
            frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == __file__]
            print(f"FAIL {name}: {type(error).__name__}: {error} (line {frames[-1].lineno})"[:700])
    gateway.close()
    print(f"RESULT {passed} {len(tests) - passed} {time.monotonic() - start:.1f}")
    sys.exit(0 if passed == len(tests) else 1)


if __name__ == "__main__":
    main()
