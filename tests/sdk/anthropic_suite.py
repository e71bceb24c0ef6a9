"""The Anthropic SDK for Python: examples, routes, tools, errors, streams."""

import asyncio
import hashlib
import re
import time

import anthropic
from anthropic import Anthropic, AsyncAnthropic

import harness
from harness import (GROK_KEY, NATIVE, NOISE, REST, UUID_V7, UNKNOWN, WEATHER, ask, basic, big_text,
                     cases, control, cut_in_time, echo, entry, equal, key_for, new_nonce,
                     raises, seen, sent_header)

GROK = "You are Grok, a chatbot inspired by the Hitchhiker's Guide to the Galaxy."
QUESTION = "What is the meaning of life, the universe, and everything?"
BASES = cases(plain=NATIVE, slash=NATIVE + "/")
UNIFIED = cases(rest_grok=(REST, "grok"), rest_xai=(REST, "xai"), rest_slash=(REST + "/", "grok"))
ROUTES = cases(native=(NATIVE, "grok"), rest=(REST, "xai/grok"))
TOOLS = [{"name": "weather", "description": "w", "input_schema": WEATHER}]
ERRORS = cases(bad_request=(400, anthropic.BadRequestError),
               unauthenticated=(401, anthropic.AuthenticationError),
               too_many=(429, anthropic.RateLimitError))
CROWD = 100


def client(base=NATIVE, api_key=GROK_KEY, default_headers=None, **more):
    more.setdefault("max_retries", 0)
    more.setdefault("timeout", 25)
    headers = {**entry(anthropic.Omit()), **(default_headers or {})}
    return Anthropic(api_key=key_for(api_key), base_url=base, default_headers=headers, **more)


def create(api, nonce, model="grok-beta", **more):
    return api.messages.create(model=model, max_tokens=128, messages=ask(nonce), **more)


def example(base, **more):
    headers = entry(anthropic.Omit())
    api = Anthropic(api_key=key_for(GROK_KEY), base_url=base, default_headers=headers)
    return api.messages.create(
        model="grok-beta", max_tokens=128, system=GROK,
        messages=[
            {
                "role": "user",
                "content": QUESTION,
            },
        ], **more)


def deltas(events, field="text"):
    return "".join(getattr(e.delta, field) for e in events if e.type == "content_block_delta")


@basic
@BASES
def test_example(base):
    message = example(base)
    equal(message.content[0].text, "Forty-two, as ever.", "content")
    equal((message.usage.input_tokens, message.usage.output_tokens), (9, 32), "usage")
    facts = seen(id=message._request_id)
    equal((facts["method"], facts["target"]), ("POST", "/v1/messages"), "request")
    equal((facts["provider"], facts["model"]), ("grok", "grok-beta"), "provider and model")


@basic
@BASES
def test_example_streaming(base):
    events = list(example(base, stream=True))
    equal(deltas(events), "Forty-two, as ever.", "content")
    equal(events[-1].type, "message_stop", "last event")


@basic
def test_stream_helper():
    nonce = new_nonce()
    with client().messages.stream(model="grok-4", max_tokens=9, messages=ask(nonce)) as stream:
        equal("".join(stream.text_stream), echo(nonce), "content")
        equal(stream.get_final_message().usage.output_tokens, 32, "usage")
    equal(sent_header(seen(nonce=nonce), "x-stainless-stream-helper"), "messages", "helper")


@basic
@UNIFIED
def test_unified(route):
    base, prefix = route
    nonce = new_nonce()
    message = create(client(base), nonce, f"{prefix}/grok-4")
    equal(message.content[0].text, echo(nonce), "content")
    facts = seen(nonce=nonce)
    equal((facts["target"], facts["model"]), ("/v1/messages", "grok-4"), "request")
    assert sent_header(facts, "anthropic-version"), "anthropic-version is missing"


@basic
@UNIFIED
def test_unified_streaming(route):
    base, prefix = route
    nonce = new_nonce()
    equal(deltas(create(client(base), nonce, f"{prefix}/grok-4", stream=True)), echo(nonce))


def test_key_in_x_api_key():
    nonce = new_nonce()
    headers = {"authorization": anthropic.Omit(), "x-api-key": GROK_KEY}
    create(client(default_headers=headers), nonce)
    equal(sent_header(seen(nonce=nonce), "x-api-key"), GROK_KEY, "x-api-key")


@basic
def test_models_list():
    equal([m.id for m in client().models.list().data], ["grok-4", "grok-4-fast"], "models")


def test_tool_use():
    block = create(client(), "x", tools=TOOLS).content[0]
    equal((block.name, block.input), ("weather", {"city": "Zürich", "days": 3}), "tool use")


@basic
def test_tool_use_streaming():
    events = create(client(), "x", tools=TOOLS, stream=True)
    equal(deltas(events, "partial_json"), '{"city":"Zürich","days":3}', "arguments")


def test_headers_both_ways():
    nonce = new_nonce()
    api = client(default_headers={**NOISE, "anthropic-beta": "one,two"})
    raw = api.messages.with_raw_response.create(model="grok-4", max_tokens=9, messages=ask(nonce))
    facts = seen(nonce=nonce)
    for name in ("anthropic-version", "x-stainless-lang", "x-grok-conv-id", "traceparent"):
        assert sent_header(facts, name), f"{name} did not arrive"
    equal(sent_header(facts, "anthropic-beta"), "one,two", "anthropic-beta")
    equal(sent_header(facts, "user-agent"), f"Anthropic/Python {anthropic.__version__}")
    assert re.fullmatch(UUID_V7, raw.headers.get("cf-aig-log-id", "")), "cf-aig-log-id"
    equal(raw.headers.get("cf-aig-event-id"), "event-from-client", "event id")
    equal(raw.headers.get("x-request-id"), facts["id"], "x-request-id")
    equal(raw.headers.get("x-ratelimit-limit-tokens"), "10000000", "x-ratelimit-limit-tokens")
    assert "set-cookie" not in raw.headers, "set-cookie reached the client"


@ERRORS
def test_provider_error(expected):
    status, kind = expected
    for stream in (False, True):
        nonce = new_nonce()
        error = raises(kind, lambda: create(client(), nonce, f"grok-{status}", stream=stream))
        equal(error.status_code, status, "status")
        equal(set(error.body), {"code", "error"}, "keys of the body")
        equal(error.response.headers["x-request-id"], seen(nonce=nonce)["id"], "request id")


def test_retries_arrive():
    nonce = new_nonce()
    message = create(client(max_retries=2), nonce, "grok-flaky")
    equal(message.content[0].text, echo(nonce), "content")
    counts = [sent_header(f, "x-stainless-retry-count") for f in control("/_seen", nonce=nonce)]
    equal(counts, ["0", "1", "2"], "attempts")


@cases(unknown=(REST, "nosuch/grok-4"), missing=(REST, "grok-4"), provider=(UNKNOWN, "grok-4"))
def test_gateway_refuses(route):
    base, model = route
    nonce = new_nonce()
    error = raises(anthropic.BadRequestError,
                   lambda: create(client(base, max_retries=2), nonce, model))
    equal(error.body["gateway"]["code"], 2008, "gateway code")
    equal(error.body["type"], "error", "type of the body")
    assert isinstance(error.body["error"]["message"], str), f"body is {error.body}"
    equal(control("/_seen", nonce=nonce), [], "requests at the provider")


@ROUTES
def test_twenty_megabytes_before_the_model(route):
    base, model = route
    nonce = new_nonce()
    text = big_text()
    messages = [*ask(nonce), {"role": "user", "content": text}]
    message = client(base).messages.create(model=model, max_tokens=9, messages=messages)
    equal(message.content[0].text, echo(nonce), "content")
    facts = seen(nonce=nonce)
    equal((facts["text_length"], facts["text_sha256"]),
          (len(text), hashlib.sha256(text.encode()).hexdigest()), "text")


@basic
@ROUTES
def test_streams_event_by_event(route):
    nonce = new_nonce()
    events = iter(create(client(route[0], timeout=8), nonce, f"{route[1]}-gate", stream=True))
    for number in (1, 2, 3):
        next(events)
        equal(seen(nonce=nonce)["events_sent"], number, "events sent")
        control("/_go", nonce=nonce)
    equal(list(events)[-1].type, "message_stop", "last event")


@cases(idle=(NATIVE, "grok-idle"), busy=(NATIVE, "grok-busy"), rest=(REST, "grok/grok-idle"))
def test_abort(route):
    nonce = new_nonce()
    stream = create(client(route[0], timeout=8), nonce, route[1], stream=True)
    events = iter(stream)
    next(events)
    next(events)
    left = time.time()
    stream.close()
    cut_in_time(nonce, left)


def test_broken_stream_does_not_end_cleanly():
    raises(Exception, lambda: list(create(client(), new_nonce(), "grok-break", stream=True)))


def test_a_hundred_concurrent_streams():
    crowd = "c" + new_nonce()

    async def one(api):
        nonce = new_nonce()
        stream = await api.messages.create(
            model="grok-crowd", max_tokens=9, stream=True,
            messages=ask(nonce, f"crowd:{crowd}:{CROWD}"))
        equal(deltas([e async for e in stream]), echo(nonce, 40), "text of one stream")

    async def all_of_them():
        async with AsyncAnthropic(api_key=GROK_KEY, base_url=NATIVE, max_retries=0) as api:
            await asyncio.gather(*(one(api) for _ in range(CROWD)))

    asyncio.run(all_of_them())


if __name__ == "__main__":
    import anthropic_access
    harness.run("anthropic-python", globals(), vars(anthropic_access))
