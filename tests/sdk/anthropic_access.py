"""The Anthropic SDK for Python at gateways that ask for a token."""

import anthropic

from anthropic_suite import client, create
from harness import (ANTHROPIC, ANTHROPIC_KEY, GROK_KEY, NATIVE, REST, TOKEN, cases, control, entry,
                     equal, key_for, modes, new_nonce, raises, secured, seen, sent_header, stored)


@secured
@cases(native=(NATIVE, "grok-4"), rest=(REST, "grok/grok-4"))
def test_wrong_token(route):
    base, model = route
    for token in (f"{TOKEN}x", TOKEN[:-1], None):
        requests, nonce = [], new_nonce()
        http = anthropic.DefaultHttpxClient(event_hooks={"request": [requests.append]})
        api = anthropic.Anthropic(api_key=key_for(GROK_KEY, token), base_url=base, max_retries=2,
                                  default_headers=entry(anthropic.Omit(), token), http_client=http)
        error = raises(anthropic.APIError, lambda: create(api, nonce, model))
        equal(type(error), anthropic.AuthenticationError, "class")
        assert "This gateway requires a token" in str(error), f"the error says: {error}"
        equal((error.status_code, error.body["type"]), (401, "error"), "status and type")
        equal(error.body["error"]["type"], "authentication_error", "type of the error")
        equal(error.body["gateway"]["code"], 2009, "gateway code")
        equal(len(requests), 1, "requests of the client")
        equal(control("/_seen", nonce=nonce), [], "requests at the provider")
        assert TOKEN not in error.response.text, "the message shows the token"


@modes("stored", "rest")
@cases(native=(ANTHROPIC, "claude-test"), rest=(REST, "anthropic/claude-test"))
def test_stored_key_is_in_the_header_of_its_provider(route):
    nonce = new_nonce()
    create(client(route[0]), nonce, route[1])
    facts = seen(nonce=nonce)
    equal((facts["provider"], facts["model"]), ("anthropic", "claude-test"), "provider and model")
    equal(sent_header(facts, "x-api-key"), ANTHROPIC_KEY, "x-api-key")


@modes("token")
def test_key_of_the_client_stays_in_its_header():
    nonce = new_nonce()
    create(client(ANTHROPIC, api_key=ANTHROPIC_KEY), nonce, "claude-test")
    equal(sent_header(seen(nonce=nonce), "authorization"), f"Bearer {ANTHROPIC_KEY}")
    nonce = new_nonce()
    headers = {"authorization": anthropic.Omit(), "x-api-key": ANTHROPIC_KEY}
    create(client(ANTHROPIC, default_headers=headers), nonce, "claude-test")
    equal(sent_header(seen(nonce=nonce), "x-api-key"), ANTHROPIC_KEY, "x-api-key")


@stored
def test_token_in_place_of_the_api_key_too():
    for base, model in ((NATIVE, "grok-4"), (ANTHROPIC, "claude-test")):
        for headers in ({"Authorization": f"Bearer {TOKEN}"}, {"x-api-key": TOKEN}):
            create(client(base, default_headers=headers), new_nonce(), model)


@modes("rest")
@cases(rest=(REST, "grok/grok-4"))
def test_token_in_x_api_key(route):
    nonce = new_nonce()
    headers = {"Authorization": anthropic.Omit(), "x-api-key": TOKEN}
    create(client(route[0], default_headers=headers), nonce, route[1])
    equal(sent_header(seen(nonce=nonce), "authorization"), f"Bearer {GROK_KEY}", "authorization")
