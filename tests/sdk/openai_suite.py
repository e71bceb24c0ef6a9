"""The OpenAI SDK for Python: documented examples, routes and endpoints."""

import json

from openai import OpenAI

import harness
import openai_wire
from harness import (COMPAT, GROK_KEY, NATIVE, OPENAI_KEY, OTHER, REST, WEATHER, ask, basic, cases,
                     echo, equal, new_nonce, seen, sent_header)
from openai_wire import access, client

GROK = "You are Grok, a chatbot inspired by the Hitchhiker's Guide to the Galaxy."
QUESTION = "What is the meaning of life, the universe, and everything?"
BASES = cases(plain=NATIVE, slash=NATIVE + "/", v1=NATIVE + "/v1", v1_slash=NATIVE + "/v1/")
UNIFIED = cases(rest_grok=(REST + "/v1", "grok"), rest_xai=(REST + "/v1", "xai"),
                rest_slash=(REST + "/v1/", "grok"),
                compat_grok=(COMPAT, "grok"), compat_xai=(COMPAT, "xai"),
                compat_slash=(COMPAT + "/", "grok"))
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": WEATHER}}]
FLAT_TOOLS = [{"type": "function", "name": "weather", "parameters": WEATHER, "strict": False}]
ARGUMENTS = {"city": "Zürich", "days": 3}


def example(base, **more):
    api = OpenAI(base_url=base, **access())
    return api.chat.completions.create(
        model="grok-4",
        messages=[
            {"role": "system", "content": GROK},
            {"role": "user", "content": QUESTION},
        ], **more)


def check_example(facts):
    equal((facts["method"], facts["target"]), ("POST", "/v1/chat/completions"), "request")
    equal((facts["provider"], facts["model"]), ("grok", "grok-4"), "provider and model")
    equal(sent_header(facts, "authorization"), f"Bearer {GROK_KEY}", "authorization")


@basic
@BASES
def test_example(base):
    completion = example(base)
    equal(completion.choices[0].message.content, "Forty-two, as ever.", "content")
    equal(completion.usage.total_tokens, 24, "usage")
    check_example(seen(id=completion._request_id))


@basic
@BASES
def test_example_streaming(base):
    stream = example(base, stream=True)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
    equal(text, "Forty-two, as ever.", "content")
    check_example(seen(id=stream.response.headers["x-request-id"]))


@basic
@cases(compat=COMPAT, compat_v1=COMPAT + "/v1", rest=REST + "/v1")
def test_models_of_the_gateway(base):
    api = OpenAI(base_url=base, **access())
    models = list(api.models.list())
    ids = [model.id for model in models]
    assert any(id.startswith("grok/grok-") for id in ids), f"the models are {ids}"
    equal({model.object for model in models}, {"model"}, "objects")
    equal(api.models.retrieve(ids[0]).id, ids[0], "one by its id")


def test_usage_chunk_comes_when_asked_for():
    chunks = list(example(NATIVE, stream=True, stream_options={"include_usage": True}))
    equal(chunks[-1].choices, [], "choices of the last chunk")
    equal(chunks[-1].usage.total_tokens, 24, "usage")


def test_usage_chunk_stays_away_when_not_asked_for():
    chunks = list(example(NATIVE, stream=True))
    assert all(c.choices and c.usage is None for c in chunks), "an unasked usage chunk came"


@basic
@UNIFIED
def test_unified_chat(route):
    base, prefix = route
    nonce = new_nonce()
    completion = client(base).chat.completions.create(model=f"{prefix}/grok-4",
                                                      messages=ask(nonce))
    equal(completion.choices[0].message.content, echo(nonce), "content")
    facts = seen(nonce=nonce)
    equal((facts["target"], facts["model"]), ("/v1/chat/completions", "grok-4"), "request")


@basic
@UNIFIED
def test_unified_chat_streaming(route):
    base, prefix = route
    nonce = new_nonce()
    stream = client(base).chat.completions.create(model=f"{prefix}/grok-4", messages=ask(nonce),
                                                  stream=True)
    equal("".join(c.choices[0].delta.content or "" for c in stream), echo(nonce), "content")
    equal(seen(nonce=nonce)["model"], "grok-4", "model")


@basic
@UNIFIED
def test_unified_responses(route):
    base, prefix = route
    nonce = new_nonce()
    answer = client(base).responses.create(model=f"{prefix}/grok-4", input=f"nonce:{nonce}")
    equal(answer.output_text, echo(nonce), "content")
    equal(seen(nonce=nonce)["target"], "/v1/responses", "target")


@basic
@UNIFIED
def test_unified_embeddings(route):
    base, prefix = route
    nonce = new_nonce()
    reply = client(base).embeddings.create(model=f"{prefix}/embed", input=f"nonce:{nonce}")
    equal(reply.data[0].embedding, [0.25, -1.5, 3.0, 0.125], "vector")
    equal(seen(nonce=nonce)["model"], "embed", "model")


@basic
@cases(native=(OTHER, "gpt-test"), compat=(COMPAT, "openai/gpt-test"),
       rest=(REST + "/v1", "openai/gpt-test"), slashes=(COMPAT, "openai/org/gpt-test"))
def test_second_provider(route):
    base, model = route
    nonce = new_nonce()
    api = client(base, api_key=OPENAI_KEY)
    api.chat.completions.create(model=model, messages=ask(nonce))
    facts = seen(nonce=nonce)
    equal((facts["provider"], facts["model"]), ("openai", model.removeprefix("openai/")))


@basic
def test_models_list():
    models = client().models.list()
    equal([m.id for m in models.data], ["grok-4", "grok-4-fast"], "models")
    facts = seen(id=models._request_id)
    equal((facts["target"], facts["body_length"]), ("/v1/models", 0), "request")


@basic
def test_models_retrieve():
    equal(client().models.retrieve("grok-4").id, "grok-4", "model")


def test_query_survives():
    models = client().models.list(extra_query={"after": "a b/é", "flag": ""})
    equal(seen(id=models._request_id)["target"], "/v1/models?after=a+b%2F%C3%A9&flag=", "target")


def test_embeddings_default_encoding():
    reply = client().embeddings.create(model="embed", input=["a", "b"])
    equal([d.embedding for d in reply.data], [[0.25, -1.5, 3.0, 0.125]] * 2, "vectors")


@basic
def test_embeddings_float():
    reply = client().embeddings.create(model="embed", input="a", encoding_format="float")
    equal(reply.data[0].embedding, [0.25, -1.5, 3.0, 0.125], "vector")


@basic
def test_images():
    image = client().images.generate(model="grok-image", prompt="a towel")
    equal(image.data[0].url, "https://images.invalid/1.jpg", "url")


@basic
def test_responses():
    nonce = new_nonce()
    answer = client().responses.create(model="grok-4", input=f"nonce:{nonce}")
    equal(answer.output_text, echo(nonce), "content")
    equal(answer.usage.output_tokens_details.reasoning_tokens, 7, "usage")


@basic
def test_responses_streaming():
    nonce = new_nonce()
    events = list(client().responses.create(model="grok-4", input=f"nonce:{nonce}", stream=True))
    text = "".join(e.delta for e in events if e.type == "response.output_text.delta")
    equal(text, echo(nonce), "content")
    equal([e.sequence_number for e in events], list(range(len(events))), "sequence")
    equal(events[-1].type, "response.completed", "last event")
    equal(events[-1].response.usage.total_tokens, 24, "usage")


def test_tool_call():
    reply = client().chat.completions.create(model="grok-4", tools=TOOLS, messages=ask("x"))
    call = reply.choices[0].message.tool_calls[0]
    equal((call.function.name, json.loads(call.function.arguments)), ("weather", ARGUMENTS))


@basic
def test_tool_call_streaming():
    stream = client().chat.completions.create(model="grok-4", tools=TOOLS, messages=ask("x"),
                                              stream=True)
    deltas = [c.choices[0] for c in stream]
    arguments = "".join(d.delta.tool_calls[0].function.arguments for d in deltas
                        if d.delta.tool_calls)
    equal(json.loads(arguments), ARGUMENTS, "arguments")
    equal(deltas[-1].finish_reason, "tool_calls", "finish reason")


def test_responses_tool_call():
    answer = client().responses.create(model="grok-4", input="x", tools=FLAT_TOOLS)
    equal(json.loads(answer.output[0].arguments), ARGUMENTS, "arguments")


def test_responses_tool_call_streaming():
    events = list(client().responses.create(model="grok-4", input="x", tools=FLAT_TOOLS,
                                            stream=True))
    arguments = "".join(e.delta for e in events
                        if e.type == "response.function_call_arguments.delta")
    equal(json.loads(arguments), ARGUMENTS, "arguments")


if __name__ == "__main__":
    import openai_access
    import openai_bodies
    import openai_streams
    harness.run("openai-python", globals(), vars(openai_wire), vars(openai_bodies),
                vars(openai_streams), vars(openai_access))
