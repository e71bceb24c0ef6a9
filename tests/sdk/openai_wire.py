"""The OpenAI SDK for Python: headers both ways, errors and retries."""

import re

import openai
from openai import OpenAI

from harness import (COMPAT, GROK_KEY, NATIVE, NOISE, REST, TOKEN, UUID_V7, UNKNOWN, ask, basic,
                     cases, control, echo, entry, equal, key_for, new_nonce, raises, seen,
                     sent_header)

ERRORS = cases(bad_request=(400, openai.BadRequestError),
               unauthenticated=(401, openai.AuthenticationError),
               too_many=(429, openai.RateLimitError), internal=(500, openai.InternalServerError))


def access(own=GROK_KEY, token=TOKEN, http_client=None):
    """How a client is let in, as arguments for it.

    Where it has no key, a hook takes `Authorization` off: the SDK knows `Omit()` for the headers of
    one request, and not for those of a client.
    """
    headers = entry(None, token)
    if "Authorization" in headers:
        del headers["Authorization"]
        http_client = http_client or openai.DefaultHttpxClient()
        hooks = http_client.event_hooks.get("request", [])
        leave_out = [lambda request: request.headers.pop("authorization", None)]
        http_client.event_hooks = {"request": leave_out + hooks}
    return {"api_key": key_for(own, token), "default_headers": headers, "http_client": http_client}


def client(base=NATIVE, api_key=GROK_KEY, default_headers=None, http_client=None, **more):
    more.setdefault("max_retries", 0)
    more.setdefault("timeout", 25)
    given = access(api_key, http_client=http_client)
    given["default_headers"].update(default_headers or {})
    return OpenAI(base_url=base, **given, **more)


def raw_chat(base=NATIVE, model="grok-4", **more):
    nonce = new_nonce()
    api = client(base, **more).chat.completions.with_raw_response
    return nonce, api.create(model=model, messages=ask(nonce))


def test_noise_headers_stop_here_and_the_rest_arrives():
    nonce, raw = raw_chat(default_headers=NOISE)
    facts = seen(nonce=nonce)
    names = [n.lower() for n, _ in facts["headers"]]
    stopped = [n for n in NOISE if n.lower() not in ("x-grok-conv-id", "traceparent")]
    equal([n for n in stopped if n.lower() in names], [], "leaked")
    equal(sent_header(facts, "x-grok-conv-id"), "conversation-7", "x-grok-conv-id")
    equal(sent_header(facts, "traceparent"), NOISE["traceparent"], "traceparent")
    equal(sent_header(facts, "x-stainless-lang"), "python", "x-stainless-lang")
    equal(sent_header(facts, "x-stainless-retry-count"), "0", "x-stainless-retry-count")
    equal(sent_header(facts, "user-agent"), f"OpenAI/Python {openai.__version__}", "user-agent")
    equal(raw.headers["cf-aig-event-id"], "event-from-client", "event id")


def test_unified_noise_headers_stop_here():
    nonce, _ = raw_chat(REST + "/v1", "grok/grok-4",
                        default_headers={**NOISE, "cf-aig-gateway-id": "default"})
    equal(sent_header(seen(nonce=nonce), "x-grok-conv-id"), "conversation-7", "x-grok-conv-id")


def test_nothing_is_added_to_the_request():
    given = {}
    hooks = {"request": [lambda request: given.update(request.headers)]}
    nonce, _ = raw_chat(http_client=openai.DefaultHttpxClient(event_hooks=hooks))
    arrived = {name.lower() for name, _ in seen(nonce=nonce)["headers"]}
    sent = {name.lower() for name in given}
    equal(sorted(arrived - sent), [], "added")
    equal(sorted(sent - arrived - {"connection"}), [], "lost")


@basic
@cases(native=(NATIVE, "grok-4"), compat=(COMPAT, "grok/grok-4"), rest=(REST + "/v1", "xai/grok-4"))
def test_response_headers(route):
    nonce, raw = raw_chat(*route)
    assert re.fullmatch(UUID_V7, raw.headers.get("cf-aig-log-id", "")), \
        f"cf-aig-log-id is {raw.headers.get('cf-aig-log-id')}"
    event = raw.headers.get("cf-aig-event-id", "forged")
    assert event != "forged" and len(event) <= 64, f"cf-aig-event-id is {event}"
    equal(raw.headers.get("x-request-id"), seen(nonce=nonce)["id"], "x-request-id")
    equal(raw.headers.get("x-ratelimit-limit-requests"), "1800", "x-ratelimit-limit-requests")
    equal(raw.headers.get("x-ratelimit-remaining-requests"), "1799")
    for name in ("set-cookie", "x-provider-hop"):
        assert name not in raw.headers, f"{name} reached the client"


def test_log_ids_differ():
    ids = {raw_chat()[1].headers["cf-aig-log-id"] for _ in range(5)}
    equal(len(ids), 5, "distinct log ids")


@cases(compat=(COMPAT, "xai/grok-4"), rest=(REST + "/v1", "grok/grok-4"))
def test_unified_names_the_provider(route):
    _, raw = raw_chat(*route)
    equal(raw.headers.get("cf-aig-provider"), "grok", "cf-aig-provider")
    assert raw.headers.get("cf-aig-model", "").endswith("grok-4"), \
        f"cf-aig-model is {raw.headers.get('cf-aig-model')}"


def test_gzip_answer():
    nonce, raw = raw_chat(model="grok-gzip")
    equal(raw.headers.get("content-encoding"), "gzip", "content-encoding")
    equal(raw.parse().choices[0].message.content, echo(nonce), "content")


def fail(base, status, model="grok"):
    nonce = new_nonce()
    messages = ask(nonce)
    kinds = openai.APIStatusError
    error = raises(kinds, lambda: client(base).chat.completions.create(
        model=f"{model}-{status}", messages=messages))
    return nonce, error


@ERRORS
def test_provider_error(expected):
    status, kind = expected
    nonce, error = fail(NATIVE, status)
    equal(type(error), kind, "class")
    equal(error.status_code, status, "status")
    facts = seen(nonce=nonce)  # one request: the gateway does not retry by itself
    equal(error.request_id, facts["id"], "request id")
    equal(set(error.response.json()), {"code", "error"}, "keys of the body")
    if status == 429:
        equal(error.response.headers.get("retry-after"), "1", "retry-after")
        equal(error.response.headers.get("retry-after-ms"), "30", "retry-after-ms")


@ERRORS
def test_provider_error_on_a_stream_request(expected):
    status, kind = expected
    error = raises(kind, lambda: client().chat.completions.create(
        model=f"grok-{status}", messages=ask(new_nonce()), stream=True))
    equal(error.status_code, status, "status")


@ERRORS
def test_provider_error_in_openai_shape(expected):
    status, kind = expected
    _, error = fail(COMPAT, status, "grok/grok-oai")
    equal(type(error), kind, "class")
    assert error.body["message"] and error.code, f"body is {error.body}"


def test_three_attempts_arrive():
    nonce = new_nonce()
    raises(openai.RateLimitError, lambda: client(max_retries=2).chat.completions.create(
        model="grok-429", messages=ask(nonce)))
    counts = [sent_header(f, "x-stainless-retry-count") for f in control("/_seen", nonce=nonce)]
    equal(counts, ["0", "1", "2"], "attempts")


def test_third_attempt_succeeds():
    nonce = new_nonce()
    reply = client(max_retries=2).chat.completions.create(model="grok-flaky", messages=ask(nonce))
    equal(reply.choices[0].message.content, echo(nonce), "content")
    equal(len(control("/_seen", nonce=nonce)), 3, "attempts")


@cases(provider=(UNKNOWN, "grok-4"), prefix=(COMPAT, "nosuch/grok-4"),
       rest_prefix=(REST + "/v1", "nosuch/grok-4"), no_prefix=(COMPAT, "grok-4"))
def test_gateway_refuses(route):
    base, model = route
    nonce = new_nonce()
    error = raises(openai.BadRequestError, lambda: client(base, max_retries=2).chat.completions
                   .create(model=model, messages=ask(nonce)))
    value = error.response.json()
    equal(value["gateway"]["code"], 2008, "gateway code")
    equal(value["gateway"]["log_id"], error.response.headers.get("cf-aig-log-id"), "log id")
    assert isinstance(error.body["message"], str) and error.type, f"body is {error.body}"
    assert GROK_KEY not in error.response.text, "the message shows the key"
    equal(control("/_seen", nonce=nonce), [], "requests at the provider")
