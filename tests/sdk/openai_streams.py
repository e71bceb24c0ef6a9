"""The OpenAI SDK for Python: streams as they happen, aborts, and many at once."""

import asyncio
import time

import openai
from openai import AsyncOpenAI

from harness import (COMPAT, GROK_KEY, NATIVE, REST, ask, basic, cases, control,
                     cut_in_time, echo, equal, new_nonce, raises, seen)
from openai_wire import client

ROUTES = cases(native=(NATIVE, "grok"), compat=(COMPAT, "grok/grok"), rest=(REST + "/v1", "xai/g"))
CROWD = 200


def open_chat(base, model, nonce):
    api = client(base, timeout=8)
    return api.chat.completions.create(model=model, messages=ask(nonce), stream=True)


def open_responses(base, model, nonce):
    api = client(base, timeout=8)
    return api.responses.create(model=model, input=f"nonce:{nonce}", stream=True)


def check_incremental(opened, nonce):
    """Each event is here before the provider has leave to send the next."""
    events = iter(opened)
    for number in (1, 2, 3):
        next(events)
        equal(seen(nonce=nonce)["events_sent"], number, "events sent")
        control("/_go", nonce=nonce)
    list(events)
    equal(control("/_ended", nonce=nonce)[0]["finished"], True, "finished")


@basic
@ROUTES
def test_chat_streams_event_by_event(route):
    nonce = new_nonce()
    check_incremental(open_chat(route[0], f"{route[1]}-gate", nonce), nonce)


@ROUTES
def test_responses_stream_event_by_event(route):
    nonce = new_nonce()
    check_incremental(open_responses(route[0], f"{route[1]}-gate", nonce), nonce)


def check_abort(stream, nonce):
    events = iter(stream)
    next(events)
    next(events)
    left = time.time()
    stream.close()
    cut_in_time(nonce, left)


@basic
@ROUTES
def test_abort_of_an_idle_stream(route):
    nonce = new_nonce()
    check_abort(open_chat(route[0], f"{route[1]}-idle", nonce), nonce)


@ROUTES
def test_abort_of_a_busy_stream(route):
    nonce = new_nonce()
    check_abort(open_chat(route[0], f"{route[1]}-busy", nonce), nonce)


def test_abort_of_an_idle_responses_stream():
    nonce = new_nonce()
    check_abort(open_responses(NATIVE, "grok-idle", nonce), nonce)


def test_abort_before_the_head():
    nonce = new_nonce()
    api = client().with_options(timeout=3)
    raises(openai.APITimeoutError, lambda: api.chat.completions.create(
        model="grok-hang", messages=ask(nonce)))
    cut_in_time(nonce, time.time())


def test_cancelled_task_reaches_the_provider():
    nonce = new_nonce()

    async def cancel():
        async with AsyncOpenAI(api_key=GROK_KEY, base_url=NATIVE, max_retries=0) as api:
            task = asyncio.create_task(api.chat.completions.create(
                model="grok-hang", messages=ask(nonce)))
            while not control("/_seen", nonce=nonce):
                await asyncio.sleep(0.02)
            left = time.time()
            task.cancel()
            await asyncio.wait({task})
            return left

    cut_in_time(nonce, asyncio.run(cancel()))


@ROUTES
def test_broken_stream_does_not_end_cleanly(route):
    nonce = new_nonce()
    error = raises(Exception, lambda: list(open_chat(route[0], f"{route[1]}-break", nonce)))
    assert not isinstance(error, AssertionError), "the stream ended as if complete"


async def one_of_many(api, model, crowd):
    nonce = new_nonce()
    stream = await api.chat.completions.create(
        model=model, messages=ask(nonce, f"crowd:{crowd}:{CROWD}"), stream=True)
    text = "".join([c.choices[0].delta.content or "" async for c in stream])
    equal(text, echo(nonce, 40), "text of one stream")


@cases(native=(NATIVE, "grok-crowd"), rest=(REST + "/v1", "grok/grok-crowd"))
def test_two_hundred_concurrent_streams(route):
    base, model = route
    crowd = "c" + new_nonce()

    async def all_of_them():
        async with AsyncOpenAI(api_key=GROK_KEY, base_url=base, max_retries=0, timeout=25) as api:
            await asyncio.gather(*(one_of_many(api, model, crowd) for _ in range(CROWD)))

    asyncio.run(all_of_them())
