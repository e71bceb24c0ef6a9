"""Runs the test functions of a suite and keeps the books; see run.sh."""

import http.client
import json
import os
import signal
import sys
import time
import traceback
import uuid
from urllib.parse import urlencode

GATEWAY = os.environ["SDK_GATEWAY"]
CONTROL = int(os.environ["SDK_CONTROL"])
ACCOUNT = os.environ["SDK_ACCOUNT"]
NAME = os.environ["SDK_GATEWAY_NAME"]
MODE = os.environ["SDK_MODE"]  # see run.sh
TOKEN = os.environ["SDK_TOKEN"]
UNUSED_KEY = os.environ["SDK_UNUSED_KEY"]
GROK_KEY = os.environ["SDK_GROK_KEY"]
OPENAI_KEY = os.environ["SDK_OPENAI_KEY"]
ANTHROPIC_KEY = os.environ["SDK_ANTHROPIC_KEY"]
VERBOSE = os.environ.get("SDK_VERBOSE") == "1"
LIMIT = 30  # seconds for one test
SUITE_LIMIT = 150  # seconds after which no further test starts

NATIVE = f"{GATEWAY}/v1/{ACCOUNT}/{NAME}/grok"
COMPAT = f"{GATEWAY}/v1/{ACCOUNT}/{NAME}/compat"
REST = f"{GATEWAY}/client/v4/accounts/{ACCOUNT}/ai"
OTHER = f"{GATEWAY}/v1/{ACCOUNT}/{NAME}/openai"
ANTHROPIC = f"{GATEWAY}/v1/{ACCOUNT}/{NAME}/anthropic"
UNKNOWN = f"{GATEWAY}/v1/{ACCOUNT}/{NAME}/nosuch"

UUID_V7 = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
BIG_SIZE = 20 * 1024 * 1024
NOISE = {"cf-aig-metadata": '{"a":1}', "cf-aig-event-id": "event-from-client",
         "cf-aig-collect-log": "false", "Cookie": "session=client", "x-real-ip": "10.0.0.9",
         "x-forwarded-for": "10.0.0.9", "forwarded": "for=10.0.0.9",
         "x-grok-conv-id": "conversation-7", "traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
WEATHER = {"type": "object", "properties": {"city": {"type": "string"},
                                            "days": {"type": "integer"}}}


def control(path, **query):
    """Asks the stand-in provider something."""
    link = http.client.HTTPConnection("127.0.0.1", CONTROL, timeout=10)
    try:
        link.request("GET", f"{path}?{urlencode(query)}")
        return json.loads(link.getresponse().read())
    finally:
        link.close()


def seen(**query):
    """The one request that the provider saw, by `id` or by `nonce`."""
    found = control("/_seen", **query)
    assert len(found) == 1, f"the provider saw {len(found)} requests for {query}"
    return found[0]


def sent_header(facts, name):
    """The value of a header as the provider got it, or None."""
    values = [v for k, v in facts["headers"] if k.lower() == name]
    assert len(values) < 2, f"{name} arrived {len(values)} times"
    return values[0] if values else None


def new_nonce():
    return uuid.uuid4().hex[:16]


def ask(nonce, extra=""):
    return [{"role": "user", "content": f"Please say nonce:{nonce} {extra}".strip()}]


def echo(nonce, count=5):
    """What the provider answers to a message with this nonce."""
    return "".join(f"{nonce}:{i} " for i in range(count))


def big_text():
    line = "0123456789 abcdefghijklmnopqrstuvwxyz {\"model\":\"none\"} é\n"
    text = line * (BIG_SIZE // len(line.encode()) + 1)
    return text[:BIG_SIZE]


def equal(got, expected, what="value"):
    assert got == expected, f"{what}: got {got!r:.300}, expected {expected!r:.300}"


def raises(kind, call):
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__} was raised")


def cut_in_time(nonce, since):
    """The provider noticed the client's leaving at once."""
    facts = control("/_ended", nonce=nonce)
    assert facts and facts[0]["closed_at"], "the abort never reached the provider"
    delay = facts[0]["closed_at"] - since
    assert delay < 4, f"the abort reached the provider after {delay:.2f} s"


def key_for(own, token=TOKEN):
    """The API key of a client that has this one of its own for the provider."""
    return {"stored": UNUSED_KEY, "rest": token or UNUSED_KEY}.get(MODE, own)


def entry(omit, token=TOKEN):
    """The further headers of a client; the value `omit` makes its library leave one out."""
    headers = {}
    if MODE in ("token", "stored") and token:
        headers["cf-aig-authorization"] = f"Bearer {token}"
    if MODE in ("stored", "rest"):
        headers["cf-aig-gateway-id"] = NAME
    if MODE == "stored" or MODE == "rest" and not token:
        headers["Authorization"] = omit
    return headers


def modes(*names):
    """Says in which modes a test runs; others run in the mode `open` alone."""
    def mark(function):
        function.modes = names
        return function
    return mark


basic = modes("open", "token", "stored", "rest")
secured = modes("token", "stored", "rest")
stored = modes("stored")


def serves(case):
    """On the REST routes the client's key is the token, and stored keys serve the provider."""
    return MODE != "token" if case.startswith("rest") else MODE != "rest"


def cases(**named):
    """Runs a test once per named value."""
    def mark(function):
        function.cases = named
        return function
    return mark


def expand(scope):
    for name, function in list(scope.items()):
        if not name.startswith("test_") or MODE not in getattr(function, "modes", ("open",)):
            continue
        if not hasattr(function, "cases"):
            if serves(""):
                yield name, function
            continue
        for case, value in function.cases.items():
            if serves(case):
                yield f"{name}[{case}]", lambda function=function, value=value: function(value)


def out_of_time(_signal, _frame):
    raise TimeoutError(f"took longer than {LIMIT} s")


def reason(error):
    frames = [f for f in traceback.extract_tb(error.__traceback__)
              if os.path.dirname(f.filename) == os.path.dirname(__file__)]
    place = f" ({os.path.basename(frames[-1].filename)}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}"[:700] + place


def run_test(suite, name, function, deadline):
    if time.monotonic() > deadline:
        print(f"FAIL {name}: not run, the suite took too long already", flush=True)
        return False
    before = control("/_begin", test=f"{MODE} {suite} {name}")["violations"]
    signal.alarm(LIMIT)
    try:
        function()
        problem = None
    except Exception as error:
        problem = reason(error)
    finally:
        signal.alarm(0)
    broken = control("/_violations", since=before)
    if broken and problem is None:
        problem = f"at the provider: {broken[0]['what']}"
    if problem:
        print(f"FAIL {name}: {problem}", flush=True)
    elif VERBOSE:
        print(f"ok {name}", flush=True)
    return problem is None


def run(suite, *scopes):
    """Runs every test_ function of the scopes; the last line is for run.sh."""
    signal.signal(signal.SIGALRM, out_of_time)
    start = time.monotonic()
    results = [run_test(suite, name, function, start + SUITE_LIMIT)
               for scope in scopes for name, function in expand(scope)]
    passed = sum(results)
    print(f"RESULT {passed} {len(results) - passed} {time.monotonic() - start:.1f}")
    sys.exit(0 if results and all(results) else 1)
