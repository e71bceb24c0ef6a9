"""The OpenAI SDK for Python: uploads, large bodies and exact bytes."""

import hashlib

import openai

from harness import (COMPAT, NATIVE, REST, basic, big_text, cases, echo, equal, new_nonce,
                     seen)
from openai_wire import client

BINARY = bytes(range(256)) * 400 + b"\r\n--not-a-boundary\r\n\x00\xff"


def digest(data):
    return hashlib.sha256(data).hexdigest()


def recording():
    """A client for the SDK that keeps the exact bytes of its last body."""
    kept = {}

    def keep(request):
        kept["body"] = request.read()

    return kept, openai.DefaultHttpxClient(event_hooks={"request": [keep]})


@basic
def test_file_upload_is_byte_exact():
    kept, http = recording()
    reply = client(http_client=http).files.create(file=("data.bin", BINARY), purpose="assistants")
    equal(reply.bytes, len(BINARY), "length of the file part")
    facts = seen(id=reply._request_id)
    equal(facts["target"], "/v1/files", "target")
    file = next(p for p in facts["parts"] if p["name"] == "file")
    equal(file, {"name": "file", "filename": "data.bin", "length": len(BINARY),
                 "sha256": digest(BINARY)}, "file part")
    equal((facts["body_length"], facts["body_sha256"]),
          (len(kept["body"]), digest(kept["body"])), "whole body")


def test_file_upload_from_disk():
    with open(__file__, "rb") as file:
        reply = client().files.create(file=file, purpose="assistants")
    with open(__file__, "rb") as file:
        content = file.read()
    equal(seen(id=reply._request_id)["parts"][1]["sha256"], digest(content), "file part")


@basic
def test_file_download_is_byte_exact():
    content = client().files.content("file-1").read()
    equal(digest(content), digest(bytes(range(256)) * 64), "content")


@basic
def test_native_body_is_untouched():
    kept, http = recording()
    reply = client(http_client=http).chat.completions.create(
        model="grok-4", messages=[{"role": "user", "content": "ünïcode \u2028 \" \\ 🜂"}],
        extra_body={"model_extra": {"model": "grok/inner"}, "seed": 1e30})
    equal(seen(id=reply._request_id)["body_sha256"], digest(kept["body"]), "body")


@basic
@cases(compat=COMPAT, rest=REST + "/v1")
def test_unified_body_loses_only_the_prefix(base):
    kept, http = recording()
    reply = client(base, http_client=http).chat.completions.create(
        model="xai/grok-4", messages=[{"role": "user", "content": '"model":"xai/grok-4" é'}],
        extra_body={"nested": {"model": "grok/inner"}, "after": [1.50, None]})
    expected = kept["body"].replace(b'"model":"xai/grok-4"', b'"model":"grok-4"', 1)
    equal(len(expected), len(kept["body"]) - 4, "length of the expected body")
    equal(seen(id=reply._request_id)["body_sha256"], digest(expected), "body")


@cases(native=(NATIVE, "grok-4"), compat=(COMPAT, "grok/grok-4"), rest=(REST + "/v1", "xai/grok-4"))
def test_twenty_megabytes(route):
    base, model = route
    nonce = new_nonce()
    text = big_text()
    reply = client(base).chat.completions.create(
        model=model, user=f"nonce:{nonce}", messages=[{"role": "user", "content": text}])
    equal(reply.choices[0].message.content, echo(nonce), "content")
    facts = seen(nonce=nonce)
    equal((facts["text_length"], facts["text_sha256"]), (len(text), digest(text.encode())), "text")
