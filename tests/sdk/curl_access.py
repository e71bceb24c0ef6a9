"""curl at gateways that have settings: tokens, the universal endpoint, routes, retries."""

import json

from curl_suite import chat, curl
from harness import (ACCOUNT, COMPAT, GATEWAY, GROK_KEY, MODE, NAME, NATIVE, OPENAI_KEY, REST,
                     TOKEN, UNUSED_KEY, cases, control, echo, equal, modes, new_nonce, secured,
                     seen, sent_header)

UNIVERSAL = f"{GATEWAY}/v1/{ACCOUNT}/{NAME}"
WITHOUT = {"cf-aig-authorization": None, "Authorization": None, "x-api-key": None}
by_entries = modes("token", "stored")
with_keys = modes("stored", "rest")


def step(provider, model, nonce, headers=None, **more):
    """An entry of a universal request; where no key is stored, it brings its own."""
    key = {"grok": GROK_KEY, "openai": OPENAI_KEY}[provider]
    own = {"Authorization": f"Bearer {key}"} if MODE == "token" else {}
    return {"provider": provider, "endpoint": "v1/chat/completions",
            "headers": {"content-type": "application/json", **own, **(headers or {})},
            "query": json.loads(chat(model, nonce, **more))}


def universal(entries, **headers):
    return curl(UNIVERSAL, json.dumps(entries), {"Authorization": None, **headers})


def models_seen(nonce):
    return [(f["provider"], f["model"]) for f in control("/_seen", nonce=nonce)]


@secured
@cases(native=(NATIVE + "/v1/chat/completions", "grok-4"),
       compat=(COMPAT + "/chat/completions", "grok/grok-4"), universal=(UNIVERSAL, "grok-4"),
       rest=(REST + "/v1/chat/completions", "grok/grok-4"))
def test_wrong_token(route):
    url, model = route
    for shown in ({}, {"cf-aig-authorization": f"Bearer {TOKEN}x"},
                  {"Authorization": f"Bearer {TOKEN}x"}, {"x-api-key": UNUSED_KEY},
                  {"cf-aig-authorization": ""}):
        nonce = new_nonce()
        answer = curl(url, chat(model, nonce), {**WITHOUT, **shown})
        equal((answer.status, answer.json()["gateway"]["code"]), (401, 2009), "status and code")
        equal(answer.one("x-should-retry"), "false", "x-should-retry")
        assert TOKEN.encode() not in answer.body, "the message shows the token"
        equal(control("/_seen", nonce=nonce), [], "requests at the provider")


@by_entries
def test_token_alone_in_authorization_opens():
    answer = curl(NATIVE + "/v1/models", None, {**WITHOUT, "Authorization": f"Bearer {TOKEN}"})
    if MODE == "stored":
        equal(answer.status, 200, "status")
    else:
        # It is let in, but has no key for the provider, and none is stored.
        equal((answer.status, answer.json()["gateway"]["code"]), (401, 2401), "status and code")


@secured
@cases(native=(f"{GATEWAY}/v1/{ACCOUNT}/gw-none/grok/v1/chat/completions", "grok-4"),
       compat=(f"{GATEWAY}/v1/{ACCOUNT}/gw-none/compat/chat/completions", "grok/grok-4"),
       account=(f"{GATEWAY}/v1/acct-none/{NAME}/grok/v1/chat/completions", "grok-4"),
       rest=(REST + "/v1/chat/completions", "grok/grok-4"))
def test_unknown_gateway(route):
    url, model = route
    nonce = new_nonce()
    answer = curl(url, chat(model, nonce), {"cf-aig-gateway-id": "gw-none"})
    equal((answer.status, answer.json()["gateway"]["code"]), (400, 2001), "status and code")
    equal(answer.one("x-should-retry"), "false", "x-should-retry")
    equal(control("/_seen", nonce=nonce), [], "requests at the provider")


@by_entries
def test_universal_goes_on_to_the_next_entry():
    nonce = new_nonce()
    answer = universal([step("grok", "grok-503", nonce), step("openai", "gpt-test", nonce)])
    equal((answer.status, answer.one("cf-aig-step")), (200, "1"), "status and step")
    equal((answer.one("cf-aig-provider"), answer.one("cf-aig-model")), ("openai", "gpt-test"))
    equal(answer.json()["choices"][0]["message"]["content"], echo(nonce), "content")
    equal(models_seen(nonce), [("grok", "grok-503"), ("openai", "gpt-test")], "requests")


@by_entries
def test_universal_stops_at_the_first_that_answers():
    nonce = new_nonce()
    answer = universal([step("openai", "gpt-test", nonce), step("grok", "grok-4", nonce)])
    equal((answer.status, answer.one("cf-aig-step")), (200, "0"), "status and step")
    equal(models_seen(nonce), [("openai", "gpt-test")], "requests")


@by_entries
def test_universal_streaming():
    nonce = new_nonce()
    answer = universal([step("grok", "grok-503", nonce, stream=True),
                        step("openai", "gpt-test", nonce, stream=True)])
    equal((answer.status, answer.one("cf-aig-step")), (200, "1"), "status and step")
    assert answer.one("content-type").startswith("text/event-stream"), "content-type"
    events = answer.body.split(b"\n\n")
    equal(events[-2:], [b"data: [DONE]", b""], "end of the stream")
    text = "".join(json.loads(e[6:])["choices"][0]["delta"].get("content", "")
                   for e in events[:-2])
    equal(text, echo(nonce), "content")


@by_entries
def test_universal_tells_the_last_failure():
    nonce = new_nonce()
    answer = universal([step("openai", "gpt-503", nonce), step("grok", "grok-500", nonce)])
    equal((answer.status, answer.one("cf-aig-step")), (500, "1"), "status and step")
    equal(answer.json()["code"], "internal", "the provider's own error")


@by_entries
@cases(request={"cf-aig-max-attempts": "2"}, entry=None)
def test_universal_entry_is_tried_again(headers):
    nonce = new_nonce()
    own = {"cf-aig-retry-delay": "10", **({} if headers else {"cf-aig-max-attempts": "2"})}
    answer = universal([step("grok", "grok-unwell", nonce, own),
                        step("openai", "gpt-test", nonce)], **(headers or {}))
    equal((answer.status, answer.one("cf-aig-step")), (200, "0"), "status and step")
    equal(models_seen(nonce), [("grok", "grok-unwell")] * 2, "requests")


@secured
@cases(native=(NATIVE + "/v1", "grok"), compat=(COMPAT, "grok/grok"),
       rest=(REST + "/v1", "xai/grok"))
def test_max_attempts(route):
    base, model = route
    attempts = {"cf-aig-max-attempts": "2", "cf-aig-retry-delay": "10"}
    for headers, status, count in ((attempts, 200, 2), ({}, 503, 1)):
        nonce = new_nonce()
        answer = curl(base + "/chat/completions", chat(f"{model}-unwell", nonce), headers)
        equal(answer.status, status, "status")
        facts = control("/_seen", nonce=nonce)
        equal(len(facts), count, "requests at the provider")
        equal(len({f["body_sha256"] for f in facts}), 1, "bodies")


@with_keys
@cases(compat=COMPAT, rest=REST + "/v1")
def test_dynamic_route(base):
    for plan, aim in (("paid", ("openai", "gpt-big")), ("none", ("grok", "grok-small"))):
        nonce = new_nonce()
        answer = curl(base + "/chat/completions", chat("dynamic/support", nonce),
                      {"cf-aig-metadata": json.dumps({"plan": plan})})
        equal(answer.status, 200, "status")
        facts = seen(nonce=nonce)
        equal((facts["provider"], facts["model"]), aim, "provider and model")
        key = {"grok": GROK_KEY, "openai": OPENAI_KEY}[facts["provider"]]
        equal(sent_header(facts, "authorization"), f"Bearer {key}", "authorization")


@with_keys
@cases(compat=COMPAT, rest=REST + "/v1")
def test_dynamic_route_falls_back(base):
    nonce = new_nonce()
    answer = curl(base + "/chat/completions", chat("dynamic/steady@2", nonce))
    equal((answer.status, answer.one("cf-aig-step")), (200, "1"), "status and step")
    equal(models_seen(nonce), [("grok", "grok-503"), ("openai", "gpt-test")], "requests")


@with_keys
@cases(compat=COMPAT, rest=REST + "/v1")
def test_unknown_route(base):
    nonce = new_nonce()
    answer = curl(base + "/chat/completions", chat("dynamic/nosuch", nonce))
    equal((answer.status, answer.json()["gateway"]["code"]), (400, 2008), "status and code")
    equal(control("/_seen", nonce=nonce), [], "requests at the provider")
