"""The OpenAI SDK for Python at gateways that ask for a token."""

import openai

from harness import (COMPAT, GROK_KEY, NATIVE, REST, TOKEN, UNUSED_KEY, ask, cases, control, equal,
                     new_nonce, raises, secured, seen, sent_header, stored)
from openai_wire import access

ROUTES = cases(native=(NATIVE, "grok-4"), compat=(COMPAT, "xai/grok-4"),
               rest=(REST + "/v1", "grok/grok-4"))


def refused(base, model, token):
    """The error of a client with this token, which may retry and must not."""
    requests, nonce = [], new_nonce()
    http = openai.DefaultHttpxClient(event_hooks={"request": [requests.append]})
    api = openai.OpenAI(base_url=base, max_retries=2, **access(token=token, http_client=http))
    error = raises(openai.APIError, lambda: api.chat.completions.create(
        model=model, messages=ask(nonce)))
    equal(len(requests), 1, "requests of the client")
    equal(control("/_seen", nonce=nonce), [], "requests at the provider")
    return error


@secured
@ROUTES
def test_wrong_token(route):
    for token in (f"{TOKEN}x", TOKEN[:-1], TOKEN.upper(), None):
        error = refused(*route, token)
        equal(type(error), openai.AuthenticationError, "class")
        assert "This gateway requires a token" in str(error), f"the error says: {error}"
        equal((error.status_code, error.code), (401, "invalid_gateway_token"), "status and code")
        value = error.response.json()
        equal(value["gateway"]["code"], 2009, "gateway code")
        equal(value["gateway"]["log_id"], error.response.headers["cf-aig-log-id"], "log id")
        equal(error.response.headers["x-should-retry"], "false", "x-should-retry")
        assert TOKEN not in error.response.text, "the message shows the token"


@stored
def test_key_that_is_left_out_of_one_request():
    nonce = new_nonce()
    headers = {"cf-aig-authorization": f"Bearer {TOKEN}"}
    api = openai.OpenAI(api_key=UNUSED_KEY, base_url=NATIVE, default_headers=headers, max_retries=0)
    api.chat.completions.create(model="grok-4", messages=ask(nonce),
                                extra_headers={"Authorization": openai.Omit()})
    equal(sent_header(seen(nonce=nonce), "authorization"), f"Bearer {GROK_KEY}", "authorization")


@stored
def test_token_in_place_of_the_api_key_too():
    nonce = new_nonce()
    headers = {"cf-aig-authorization": f"Bearer {TOKEN}"}
    api = openai.OpenAI(api_key=TOKEN, base_url=NATIVE, default_headers=headers, max_retries=0)
    api.chat.completions.create(model="grok-4", messages=ask(nonce))
    equal(sent_header(seen(nonce=nonce), "authorization"), f"Bearer {GROK_KEY}", "authorization")
