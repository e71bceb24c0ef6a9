"""curl: the documented command, and what only a bare client can send."""

import hashlib
import json
import re
import subprocess
import tempfile
import time

import harness
from harness import (COMPAT, GROK_KEY, NATIVE, NOISE, OPENAI_KEY, OTHER, REST, UUID_V7, UNKNOWN, basic,
                     big_text, cases, control, cut_in_time, echo, entry, equal, key_for,
                     new_nonce, seen, sent_header)

EXAMPLE = """{
    "model": "grok-4",
    "messages": [
        {
            "role": "user",
            "content": "What is Cloudflare?"
        }
    ]
}"""
MODES = cases(native=(NATIVE + "/v1", "grok"), compat=(COMPAT, "xai/grok"),
              rest=(REST + "/v1", "grok/grok"))


def headers_of(values):
    return [part for name, value in values.items() if value is not None
            for part in ("--header", f"{name}: {value}")]


def command(url, data=None, headers=None, *more, key=GROK_KEY):
    given = {"content-type": "application/json", "Authorization": f"Bearer {key_for(key)}",
             **entry(None), **(headers or {})}
    body = [] if data is None else ["--data-binary", "@-"]
    return ["curl", "--silent", "--show-error", "--max-time", "30", url,
            *headers_of(given), *body, *more]


class Answer:
    def __init__(self, raw):
        head, _, self.body = raw.partition(b"\r\n\r\n")
        while head.startswith(b"HTTP/1.1 100"):
            head, _, self.body = self.body.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split(" ")[1])
        self.headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.headers.setdefault(name.lower(), []).append(value.strip())

    def json(self):
        return json.loads(self.body)

    def one(self, name):
        values = self.headers.get(name, [])
        equal(len(values), 1, f"number of {name} headers")
        return values[0]


def curl(url, data=None, headers=None, *more, **options):
    if isinstance(data, str):
        data = data.encode()
    done = subprocess.run(command(url, data, headers, "--include", *more, **options),
                          input=data, capture_output=True, timeout=40)
    equal(done.returncode, 0, f"curl's exit code ({done.stderr.decode().strip()})")
    return Answer(done.stdout)


def chat(model, nonce, **more):
    return json.dumps({"model": model, **more,
                       "messages": [{"role": "user", "content": f"nonce:{nonce}"}]})


@basic
@cases(v1="/v1/chat/completions", bare="/chat/completions", double="//v1/chat/completions")
def test_example(path):
    answer = curl(NATIVE + path, EXAMPLE)
    equal(answer.status, 200, "status")
    equal(answer.json()["choices"][0]["message"]["content"], "Forty-two, as ever.", "content")
    facts = seen(id=answer.one("x-upstream-seen"))
    equal((facts["method"], facts["target"]), ("POST", "/v1/chat/completions"), "request")
    equal(facts["body_sha256"], hashlib.sha256(EXAMPLE.encode()).hexdigest(), "body")


@basic
def test_example_streaming():
    body = EXAMPLE.replace('"model"', '"stream": true, "model"')
    answer = curl(NATIVE + "/v1/chat/completions", body, None, "--no-buffer")
    assert answer.one("content-type").startswith("text/event-stream"), "content-type"
    events = answer.body.split(b"\n\n")
    equal(events[-2:], [b"data: [DONE]", b""], "end of the stream")
    text = "".join(json.loads(e[6:])["choices"][0]["delta"].get("content", "")
                   for e in events[:-2])
    equal(text, "Forty-two, as ever.", "content")


@basic
@MODES
def test_stream_arrives_line_by_line(route):
    base, model = route
    nonce = new_nonce()
    body = chat(f"{model}-gate", nonce, stream=True).encode()
    process = subprocess.Popen(command(base + "/chat/completions", body, None, "--no-buffer"),
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdin.write(body)
    process.stdin.close()
    for number in (1, 2, 3):
        while not process.stdout.readline().startswith(b"data: "):
            assert process.poll() is None, "curl ended early"
        equal(seen(nonce=nonce)["events_sent"], number, "events sent")
        control("/_go", nonce=nonce)
    assert process.stdout.read().endswith(b"data: [DONE]\n\n"), "the stream has no end"
    equal(process.wait(10), 0, "curl's exit code")


@cases(idle="grok-idle", busy="grok-busy")
def test_killed_client_reaches_the_provider(model):
    nonce = new_nonce()
    body = chat(model, nonce, stream=True).encode()
    process = subprocess.Popen(command(NATIVE + "/chat/completions", body, None, "--no-buffer"),
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdin.write(body)
    process.stdin.close()
    process.stdout.readline()
    left = time.time()
    process.kill()
    process.wait(10)
    process.stdout.close()
    cut_in_time(nonce, left)


@MODES
def test_broken_stream_is_an_error(route):
    base, model = route
    body = chat(f"{model}-break", new_nonce(), stream=True).encode()
    done = subprocess.run(command(base + "/chat/completions", body), input=body,
                          capture_output=True, timeout=40)
    assert done.returncode != 0, "curl saw a clean end"
    assert done.stdout.count(b"data: ") >= 1, "what came before the break was lost"


@basic
@cases(compat=(COMPAT + "/messages", "/v1/messages"), rest=(REST + "/v1/messages", "/v1/messages"),
       compat_responses=(COMPAT + "/responses", "/v1/responses"),
       compat_embeddings=(COMPAT + "/embeddings", "/v1/embeddings"))
def test_unified_paths(route):
    url, target = route
    nonce = new_nonce()
    equal(curl(url, chat("xai/grok-4", nonce)).status, 200, "status")
    facts = seen(nonce=nonce)
    equal((facts["target"], facts["model"]), (target, "grok-4"), "request")


@cases(compat=COMPAT, rest=REST + "/v1")
def test_only_the_prefix_bytes_change(base):
    body = ('{ "a" : 1.0e+2 ,\t"t":"\\u00e9 \\/ \\"model\\": \\"grok/x\\"", "n":{"model":"grok/in"},'
            '\r\n  "messages": [], "a":2,  "model"  :  "grok/vendor/grok-4" , "z":null}\n ')
    answer = curl(base + "/chat/completions", body)
    equal(answer.status, 200, "status")
    expected = body.replace('"grok/vendor/', '"vendor/').encode()
    facts = seen(id=answer.one("x-upstream-seen"))
    equal(facts["body_sha256"], hashlib.sha256(expected).hexdigest(), "body")


@cases(native=(NATIVE, "grok-4"), compat=(COMPAT, "grok/grok-4"))
def test_chunked_body(route):
    base, model = route
    nonce = new_nonce()
    answer = curl(base + "/chat/completions", chat(model, nonce),
                  {"transfer-encoding": "chunked"})
    equal(answer.json()["choices"][0]["message"]["content"], echo(nonce), "content")


@cases(native=(NATIVE, "grok-4"), rest=(REST + "/v1", "grok/grok-4"))
def test_twenty_megabytes_with_the_model_last(route):
    base, model = route
    nonce = new_nonce()
    text = big_text()
    body = json.dumps({"messages": [{"role": "user", "content": text}],
                       "user": f"nonce:{nonce}", "model": model})
    answer = curl(base + "/chat/completions", body, {"expect": "100-continue"})
    equal(answer.status, 200, "status")
    facts = seen(nonce=nonce)
    equal(facts["text_sha256"], hashlib.sha256(text.encode()).hexdigest(), "text")
    equal(facts["body_length"], len(body) - len(model) + len("grok-4"), "length of the body")


@basic
def test_multipart_upload_is_byte_exact():
    binary = bytes(range(256)) * 300 + b"--edge\r\n\x00"
    body = (b'--edge\r\nContent-Disposition: form-data; name="expires_after"\r\n\r\n3600\r\n'
            b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n'
            b"Content-Type: application/octet-stream\r\n\r\n" + binary + b"\r\n--edge--\r\n")
    answer = curl(NATIVE + "/v1/files", body, {"content-type": "multipart/form-data; boundary=edge"})
    facts = seen(id=answer.one("x-upstream-seen"))
    equal(facts["body_sha256"], hashlib.sha256(body).hexdigest(), "body")
    equal([p["name"] for p in facts["parts"]], ["expires_after", "file"], "order of the parts")


@basic
def test_form_upload():
    with tempfile.NamedTemporaryFile(suffix=".bin") as file:
        file.write(bytes(range(256)) * 5000)
        file.flush()
        done = subprocess.run(
            ["curl", "--silent", "--show-error", "--max-time", "30", NATIVE + "/v1/files",
             *headers_of({"Authorization": f"Bearer {key_for(GROK_KEY)}", **entry(None)}),
             "--form", "purpose=assistants", "--form", f"file=@{file.name}"],
            capture_output=True, timeout=40)
    reply = json.loads(done.stdout)
    equal(reply["sha256"], hashlib.sha256(bytes(range(256)) * 5000).hexdigest(), "file part")


@basic
def test_hop_by_hop_fields_stop_here():
    nonce = new_nonce()
    hop = {"Connection": "keep-alive, x-hop", "x-hop": "1", "Keep-Alive": "timeout=5",
           "Proxy-Authorization": "Basic eA==", "Proxy-Connection": "keep-alive", "TE": "gzip",
           "cf_aig_metadata": '{"b":2}', "cf-cache-ttl": "60", "cf-skip-cache": "true",
           "x-forwarded-host": "a.invalid", "x-forwarded-proto": "https",
           "cf-connecting-ip": "10.0.0.9", "true-client-ip": "10.0.0.9"}
    answer = curl(NATIVE + "/chat/completions", chat("grok-4", nonce), {**NOISE, **hop})
    equal(answer.status, 200, "status")
    equal(sent_header(seen(nonce=nonce), "x-hop"), None, "x-hop")


def test_headers_of_the_answer():
    answer = curl(NATIVE + "/chat/completions", EXAMPLE)
    assert re.fullmatch(UUID_V7, answer.one("cf-aig-log-id")), "cf-aig-log-id is no UUIDv7"
    assert answer.one("cf-aig-event-id") != "forged", "cf-aig-event-id is the provider's"
    for name in ("set-cookie", "x-provider-hop"):
        assert name not in answer.headers, f"{name} reached the client"


def test_repeated_fields_keep_order():
    nonce = new_nonce()
    extra = ["--header", "x-test-list: one", "--header", "x-test-list: two"]
    curl(NATIVE + "/chat/completions", chat("grok-4", nonce), None, *extra)
    values = [v for n, v in seen(nonce=nonce)["headers"] if n.lower() == "x-test-list"]
    equal(values, ["one", "two"], "x-test-list")


@basic
def test_get_without_body():
    answer = curl(NATIVE + "/v1/models?limit=1&x=%2F")
    facts = seen(id=answer.one("x-upstream-seen"))
    equal((facts["method"], facts["target"]), ("GET", "/v1/models?limit=1&x=%2F"), "request")


@basic
def test_second_provider():
    nonce = new_nonce()
    equal(curl(OTHER + "/v1/chat/completions", chat("gpt-test", nonce), key=OPENAI_KEY).status, 200)
    equal(seen(nonce=nonce)["provider"], "openai", "provider")


@cases(provider=(UNKNOWN + "/v1/chat/completions", "grok-4", 2008),
       prefix=(COMPAT + "/chat/completions", "nosuch/grok-4", 2008),
       dots=(NATIVE + "/v1/%2e%2e/models", "grok-4", 2400))
def test_gateway_refuses(route):
    url, model, code = route
    nonce = new_nonce()
    answer = curl(url, chat(model, nonce), None, "--path-as-is")
    equal((answer.status, answer.json()["gateway"]["code"]), (400, code), "status and code")
    equal(answer.one("x-should-retry"), "false", "x-should-retry")
    equal(control("/_seen", nonce=nonce), [], "requests at the provider")


def test_repeated_model_is_refused():
    body = '{"model":"grok/grok-4","messages":[],"mod\\u0065l":"openai/gpt-test"}'
    equal(curl(COMPAT + "/chat/completions", body).status, 400, "status")


if __name__ == "__main__":
    import curl_access
    harness.run("curl", globals(), vars(curl_access))
