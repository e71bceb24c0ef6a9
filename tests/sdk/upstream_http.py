"""Just enough HTTP/1.1 over raw asyncio streams for the stand-in provider.

Header lines are kept as they came (case, order, repeats) and bodies as exact
bytes, because both are what the tests are about.
"""

import hashlib
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

MAX_HEAD = 64 * 1024
MAX_BODY = 64 * 1024 * 1024
BLOCK = 256 * 1024

REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found",
           429: "Too Many Requests", 500: "Internal Server Error",
           503: "Service Unavailable"}


class Malformed(Exception):
    """The peer sent something that is not a well-formed request."""


@dataclass
class Request:
    method: str
    target: str
    headers: list  # (name as sent, value)
    body: bytes = b""
    trailers: list = field(default_factory=list)

    @property
    def path(self):
        return self.target.split("?", 1)[0]

    @property
    def query(self):
        return {k: v[0] for k, v in parse_qs(urlsplit(self.target).query).items()}

    def all(self, name):
        return [v for k, v in self.headers if k.lower() == name]

    def get(self, name, default=""):
        return ", ".join(self.all(name)) or default


def parse_head(raw):
    lines = raw.decode("latin-1").split("\r\n")
    parts = lines[0].split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        raise Malformed(f"request line {lines[0]!r}")
    headers = []
    for line in lines[1:]:
        if not line:
            continue
        name, colon, value = line.partition(":")
        if not colon or name != name.strip() or not name:
            raise Malformed(f"header line {line!r}")
        headers.append((name, value.strip()))
    return Request(parts[0], parts[1], headers)


async def read_exactly(reader, length):
    """Like reader.readexactly, in blocks, so that large bodies stay cheap."""
    blocks, left = [], length
    while left:
        block = await reader.read(min(left, BLOCK))
        if not block:
            raise Malformed(f"body ended {left} bytes early")
        blocks.append(block)
        left -= len(block)
    return b"".join(blocks)


async def read_chunked(reader, request):
    blocks, total = [], 0
    while True:
        line = await reader.readuntil(b"\r\n")
        size = int(line.split(b";")[0], 16)
        if size == 0:
            break
        total += size
        if total > MAX_BODY:
            raise Malformed("body too large")
        blocks.append(await read_exactly(reader, size))
        if await reader.readexactly(2) != b"\r\n":
            raise Malformed("chunk without its line end")
    while (line := await reader.readuntil(b"\r\n")) != b"\r\n":
        name, _, value = line.decode("latin-1").partition(":")
        request.trailers.append((name.strip(), value.strip()))
    return b"".join(blocks)


async def read_request(reader, writer, first=b""):
    """The next request of the connection, or None when it ended in between."""
    try:
        raw = first + await reader.readuntil(b"\r\n\r\n")
    except EOFError as short:
        if first or short.partial:
            raise Malformed("connection ended inside a request head")
        return None
    request = parse_head(raw)
    if request.get("expect").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await writer.drain()
    if request.all("transfer-encoding"):
        request.body = await read_chunked(reader, request)
    elif request.all("content-length"):
        length = int(request.all("content-length")[0])
        if length > MAX_BODY:
            raise Malformed("body too large")
        request.body = await read_exactly(reader, length)
    return request


class Reply:
    """Writes one response; `start` without a length means chunked."""

    def __init__(self, writer, common):
        self.writer = writer
        self.common = common

    async def start(self, status, headers, length=None):
        framing = [("content-length", str(length))] if length is not None else [
            ("transfer-encoding", "chunked")]
        lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}"]
        lines += [f"{k}: {v}" for k, v in headers + self.common + framing]
        self.writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        await self.writer.drain()

    async def chunk(self, data):
        self.writer.write(b"%x\r\n%s\r\n" % (len(data), data))
        await self.writer.drain()

    async def end(self):
        self.writer.write(b"0\r\n\r\n")
        await self.writer.drain()

    async def whole(self, status, headers, body, chunked=False):
        if not chunked:
            await self.start(status, headers, len(body))
            self.writer.write(body)
            await self.writer.drain()
            return
        await self.start(status, headers)
        await self.chunk(body)
        await self.end()


def multipart_parts(request):
    """[(name, filename, sha256, length)] of a multipart body, in order."""
    kind = request.get("content-type")
    if not kind.lower().startswith("multipart/form-data") or "boundary=" not in kind:
        return []
    boundary = kind.split("boundary=", 1)[1].split(";")[0].strip('" ')
    parts = []
    sections = (b"\r\n" + request.body).split(b"\r\n--" + boundary.encode())
    for section in sections[1:]:
        if section.startswith(b"--"):
            break
        head, _, data = section[2:].partition(b"\r\n\r\n")
        fields = {}
        for line in head.decode("utf-8").split("\r\n"):
            if line.lower().startswith("content-disposition:"):
                for item in line.split(";")[1:]:
                    key, _, value = item.strip().partition("=")
                    fields[key] = value.strip('"')
        parts.append({"name": fields.get("name"), "filename": fields.get("filename"),
                      "sha256": hashlib.sha256(data).hexdigest(), "length": len(data)})
    return parts
