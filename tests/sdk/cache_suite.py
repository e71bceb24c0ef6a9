"""The official libraries of several providers, and whether they can tell an answer from the cache.

    cache_suite.py GATEWAY_BINARY

Each call is made twice at a gateway that keeps answers. The second one is a hit, of which the provider
knows nothing, and the library makes the same of it.
"""

import json
import os
import subprocess
import sys
import time
import traceback

import httpx

from usage_provider import SPEECH
from usage_suite import ASK, VERBOSE, Gateway, equal

SETTINGS = """
[gateways.gw]
account = "acct"
[gateways.gw.cache]
ttl_seconds = 3600
"""
HERE = os.path.dirname(os.path.abspath(__file__))


class Statuses:
    """What the answers to calls say of the cache."""

    def __init__(self):
        self.said = []

    def note(self, response):
        # One library warms its connection up, with a GET.
        if response.request.method == "POST":
            self.said.append(response.headers.get("cf-aig-cache-status"))

    def client(self, kind=httpx.Client):
        """What a library sends by."""
        return kind(event_hooks={"response": [self.note]})


def plain(answer):
    """What a library has made of an answer, but for the head of the response that it came with."""
    if isinstance(answer, list):
        return [plain(part) for part in answer]
    if isinstance(answer, bytes):
        equal(answer, SPEECH, "a recording")
        return answer
    assert type(answer).__module__.split(".")[0] not in ("builtins", "httpx"), type(answer)
    return type(answer), answer.model_dump(exclude={"sdk_http_response"})


def openai_client(base, slug, statuses):
    from openai import OpenAI

    return OpenAI(api_key=f"key-{slug}", base_url=base, max_retries=0,
                  http_client=statuses.client())


def chats(*to):
    chat = openai_client(*to).chat
    ask = {"model": "model-x", "messages": ASK}
    yield "chat", lambda: chat.completions.create(**ask)
    yield "stream", lambda: list(chat.completions.create(**ask, stream=True))
    usage = {"stream": True, "stream_options": {"include_usage": True}}
    yield "stream with usage", lambda: list(chat.completions.create(**ask, **usage))
    yield "raw", lambda: chat.completions.with_raw_response.create(**ask, seed=1).parse()

    def final():
        with chat.completions.stream(**ask, seed=2) as stream:
            return stream.get_final_completion()

    yield "helper", final


def openai(*to):
    yield from chats(*to)
    api = openai_client(*to)
    ask = {"model": "model-x", "input": "Say hello."}
    yield "response", lambda: api.responses.create(**ask)
    yield "response events", lambda: list(api.responses.create(**ask, stream=True))

    def final():
        with api.responses.stream(**ask, temperature=0.5) as stream:
            return stream.get_final_response()

    yield "response helper", final
    yield "embeddings", lambda: api.embeddings.create(**ask)
    yield "embeddings as numbers", lambda: api.embeddings.create(**ask, encoding_format="float")
    draw = {"model": "image-x", "prompt": "a towel"}
    yield "image", lambda: api.images.generate(**draw)
    yield "image events", lambda: list(api.images.generate(**draw, stream=True, partial_images=1))
    speak = {**ask, "voice": "alloy"}
    yield "speech", lambda: api.audio.speech.create(**speak).content

    def frames():
        create = api.audio.speech.with_streaming_response.create
        with create(**speak, speed=2) as answer:
            return b"".join(answer.iter_bytes(1000))

    yield "speech in frames", frames


def anthropic(base, slug, statuses):
    from anthropic import Anthropic, DefaultHttpxClient

    api = Anthropic(api_key=f"key-{slug}", base_url=base, max_retries=0,
                    http_client=statuses.client(DefaultHttpxClient)).messages
    ask = {"model": "claude-x", "messages": ASK}
    yield "message", lambda: api.create(**ask, max_tokens=9)
    yield "events", lambda: list(api.create(**ask, max_tokens=9, stream=True))

    def final():
        with api.stream(**ask, max_tokens=8) as stream:
            return stream.get_final_message()

    yield "helper", final
    yield "count", lambda: api.count_tokens(model="claude-x", messages=ASK)


def stainless(library, base, slug, statuses):
    chat = library(api_key=f"key-{slug}", base_url=base, max_retries=0,
                   http_client=statuses.client()).chat
    yield "chat", lambda: chat.completions.create(model="llama-x", messages=ASK)
    yield "stream", lambda: list(
        chat.completions.create(model="llama-x", messages=ASK, stream=True))


def groq(*to):
    from groq import Groq

    return stainless(Groq, *to)


def cerebras(*to):
    from cerebras.cloud.sdk import Cerebras

    return stainless(Cerebras, *to)


def mistral(base, slug, statuses):
    from mistralai.client import Mistral

    chat = Mistral(api_key=f"key-{slug}", server_url=base, client=statuses.client()).chat
    yield "chat", lambda: chat.complete(model="mistral-x", messages=ASK)
    yield "stream", lambda: list(chat.stream(model="mistral-x", messages=ASK))


def cohere(base, slug, statuses):
    from cohere import ClientV2

    api = ClientV2(api_key=f"key-{slug}", base_url=base, httpx_client=statuses.client())
    yield "chat", lambda: api.chat(model="command-x", messages=ASK)
    yield "stream", lambda: list(api.chat_stream(model="command-x", messages=ASK))
    yield "rerank", lambda: api.rerank(model="rerank-x", query="hello", documents=["Hello"])
    yield "embed", lambda: api.embed(model="embed-x", texts=["hello"],
                                     input_type="search_query", embedding_types=["float"])


def google(base, slug, statuses):
    from google import genai

    api = genai.Client(api_key=f"key-{slug}",
                       http_options={"base_url": base, "httpx_client": statuses.client()}).models
    ask = {"model": "gemini-x", "contents": "Say hello."}
    yield "content", lambda: api.generate_content(**ask)
    yield "stream", lambda: list(api.generate_content_stream(**ask))
    yield "count", lambda: api.count_tokens(**ask)


LIBRARIES = {"openai": openai, "grok": chats, "anthropic": anthropic, "groq": groq,
             "cerebras": cerebras, "mistral": mistral, "cohere": cohere, "google-ai-studio": google}


def twice(call, said, seen):
    """Makes the call again, of which the provider must know nothing."""
    said.clear()
    first = plain(call())
    calls = len(seen)
    second = plain(call())
    equal(second, first, "what the library makes of it")
    equal(said, ["MISS", "HIT"], "cf-aig-cache-status")
    equal(len(seen), calls, "calls of the provider")


def of_python(gateway):
    """The name of each test, and what is wrong with it."""
    for slug, calls in LIBRARIES.items():
        statuses = Statuses()
        seen = gateway.providers[slug].seen
        for name, call in calls(gateway.base(slug), slug, statuses):
            try:
                twice(call, statuses.said, seen)
                yield f"{slug} {name}", None
            except Exception as error:
                line = traceback.extract_tb(error.__traceback__)[-1].lineno
                yield f"{slug} {name}", f"{type(error).__name__}: {error} (line {line})"


def of_node(gateway):
    """The same of the libraries for JavaScript."""
    seen = [provider.seen for provider in gateway.providers.values()]
    before = sum(map(len, seen))
    command = ["node", os.path.join(HERE, "cache_suite.mjs"), gateway.base("")]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=60, check=True)
    results = json.loads(done.stdout)
    yield from results.items()
    calls = sum(map(len, seen)) - before
    yield "node calls", None if calls == len(results) else f"the provider has seen {calls} calls"


def main():
    start = time.monotonic()
    gateway = Gateway(sys.argv[1], SETTINGS)
    results = {}
    try:
        for suite in (of_python, of_node):
            results.update(suite(gateway))
    finally:
        gateway.close()
    for name, problem in results.items():
        if problem:
            print(f"FAIL {name}: {problem}"[:700])
        elif VERBOSE:
            print(f"ok {name}")
    failed = sum(map(bool, results.values()))
    print(f"RESULT {len(results) - failed} {failed} {time.monotonic() - start:.1f}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
