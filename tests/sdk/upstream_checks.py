"""What a provider must never see: every request is held against these rules."""

import json

FORBIDDEN = {"cf-cache-ttl", "cf-skip-cache", "cookie", "forwarded", "x-real-ip",
             "keep-alive", "upgrade", "cf-connecting-ip", "true-client-ip"}
FORBIDDEN_PREFIXES = ("cf-aig-", "cf_aig_", "x-forwarded-", "proxy-")
CREDENTIALS = ("authorization", "x-api-key", "api-key", "x-goog-api-key")
PREFIXES = ("grok/", "xai/", "openai/")


def check_headers(request, port):
    for name, value in request.headers + request.trailers:
        lower = name.lower()
        if lower in FORBIDDEN or lower.startswith(FORBIDDEN_PREFIXES):
            yield f"header that must not arrive: {name}: {value}"
    tokens = [t.strip().lower() for t in request.get("connection").split(",")]
    if any(t not in ("", "keep-alive", "close") for t in tokens):
        yield f"connection names other fields: {request.get('connection')}"
    if request.get("te", "trailers").lower() != "trailers":
        yield f"te: {request.get('te')}"
    if request.get("transfer-encoding", "chunked").lower() != "chunked":
        yield f"transfer-encoding: {request.get('transfer-encoding')}"
    if request.all("transfer-encoding") and request.all("content-length"):
        yield "both transfer-encoding and content-length"
    if len(request.all("content-length")) > 1:
        yield "content-length repeated"
    own = f"127.0.0.1:{port}"
    if request.all("host") != [own]:
        yield f"host is {request.all('host')}, not [{own!r}]"


def check_path(request, ids):
    if not request.path.startswith("/v1/"):
        yield f"path outside /v1: {request.target}"
    if "/v1/v1" in request.path:
        yield f"version segment doubled: {request.target}"
    for part in ids:
        if part in request.target:
            yield f"path shows the gateway's {part}: {request.target}"


def check_credential(request, key):
    sent = [(n.lower(), v) for n, v in request.headers if n.lower() in CREDENTIALS]
    good = ([("authorization", f"Bearer {key}")], [("x-api-key", key)])
    if sent not in good:
        yield f"credentials {sent}, expected only {key}"


def check_secrets(request, secrets):
    """What is between the client and the gateway alone: its tokens, and keys not to be used."""
    parts = [request.target, *(f"{n}: {v}" for n, v in request.headers + request.trailers)]
    for secret in secrets:
        if secret.encode() in request.body or any(secret in part for part in parts):
            yield f"{secret} arrived"


def top_level(request):
    """The JSON object of the body, or {} when it is something else."""
    if not request.body or "json" not in request.get("content-type", "json").lower():
        return {}
    try:
        value = json.loads(request.body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def check_body(request, body):
    if request.body and "json" in request.get("content-type").lower() and not body:
        yield f"JSON body of {len(request.body)} bytes does not parse as an object"
    model = str(body.get("model", ""))
    if any(p in model for p in PREFIXES):
        yield f"model keeps its prefix: {model}"


def check(request, body, port, key, ids, secrets):
    return [*check_headers(request, port), *check_path(request, ids),
            *check_credential(request, key), *check_secrets(request, secrets),
            *check_body(request, body)]
