"""A scripted stand-in for a provider, checking every request that it gets.

It listens once per provider and once for control. What it does is chosen by the
request itself, through the model name:

  …-400, …-401, …-429, …-500, …-503
                               that status, in the provider's own error shape
  …-oai-429                    that status, in OpenAI's error shape
  …-flaky                      429 twice per nonce, then an answer
  …-unwell                     503 once per nonce, then an answer
  …-gzip                       an answer with content-encoding: gzip
  …-gate                       before each of the events 2 to 4 it waits for /_go
  …-idle, …-busy               a stream that falls silent, or never ends
  …-hang                       no response head at all
  …-break                      the connection breaks in mid-stream
  …-crowd                      waits until `crowd:NAME:SIZE` streams are open
"""

import argparse
import asyncio
import gzip
import json
import os
import re

import upstream_checks as checks
import upstream_shapes as shapes
from upstream_http import MAX_HEAD, Malformed, Reply, multipart_parts, read_request
from upstream_journal import Journal

JSON = [("content-type", "application/json")]
SSE = [("content-type", "text/event-stream"), ("cache-control", "no-cache")]
CROWD = re.compile(rb"crowd:(\w+):(\d+)")
FAMILIES = {
    "/v1/chat/completions": (shapes.chat, shapes.chat_events),
    "/v1/responses": (shapes.response, shapes.response_events),
    "/v1/messages": (shapes.message, shapes.message_events),
}
ERRORS = {
    400: ("invalid-argument", "Argument not supported on this model: presencePenalty"),
    401: ("unauthenticated", "No credentials were found on the request"),
    429: ("resource-exhausted", "Too many requests for the team"),
    500: ("internal", "Something went wrong"),
    503: ("unavailable", "The service is currently unavailable"),
}


def response_headers(record):
    """On every answer: some that must reach the client, some that must not."""
    ident = record.facts["id"]
    return [("x-request-id", ident), ("request-id", ident), ("x-upstream-seen", ident),
            ("x-ratelimit-limit-requests", "1800"), ("x-ratelimit-remaining-requests", "1799"),
            ("x-ratelimit-limit-tokens", "10000000"), ("x-zero-data-retention", "false"),
            ("set-cookie", "session=provider; Path=/"), ("set-cookie", "second=1"),
            ("cf-aig-log-id", "forged"), ("cf-aig-event-id", "forged"),
            ("connection", "x-provider-hop"), ("x-provider-hop", "1")]


class Provider:
    def __init__(self, name, key, ids, secrets, journal):
        self.name, self.key, self.journal = name, key, journal
        self.ids, self.secrets = ids, secrets
        self.port = 0

    async def serve(self, reader, writer):
        try:
            await self.connection(reader, writer)
        except Malformed as error:
            self.journal.violate(f"malformed request: {error}")
        except (ConnectionError, EOFError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def connection(self, reader, writer):
        first = b""
        while request := await read_request(reader, writer, first):
            body = checks.top_level(request)
            record = self.journal.open(self.name, request, body, multipart_parts(request))
            for what in checks.check(request, body, self.port, self.key, self.ids, self.secrets):
                self.journal.violate(f"{self.name} {request.method} {request.path}: {what}")
            first = await self.exchange(reader, writer, request, body, record)
            if first is None:
                return

    async def exchange(self, reader, writer, request, body, record):
        """Answers while watching for the peer to leave.

        Gives back bytes of the next request that came meanwhile, or None when
        the connection is over.
        """
        out = Reply(writer, response_headers(record))
        watch = asyncio.create_task(reader.read(1))
        work = asyncio.create_task(self.answer(request, body, record, out))
        await asyncio.wait({watch, work}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done() and not watch.exception() and watch.result():
            # The next request may overtake the last step of this answer, not more.
            await asyncio.wait({work}, timeout=1)
        if not work.done():
            record.cut()
            work.cancel()
            if not watch.exception() and watch.result():
                self.journal.violate("bytes of another request before the answer ended")
            return None
        failure = work.exception()
        if failure is None:
            record.finish()
        elif isinstance(failure, ConnectionError):
            record.cut()
        else:
            self.journal.violate(f"stand-in failed: {failure!r}")
        if not watch.done():
            watch.cancel()
            await asyncio.wait({watch})
        if failure or writer.transport.is_closing():
            return None
        if watch.cancelled():
            return b""
        return None if watch.exception() else watch.result() or None

    async def answer(self, request, body, record, out):
        if status := self.failure(record):
            await self.error(status, record, out)
        elif request.path in FAMILIES and request.method == "POST":
            await self.generate(request, body, record, out)
        else:
            await self.plain(request, body, record, out)

    def failure(self, record):
        """The status that this request is to fail with, or None."""
        status = re.search(r"-(\d{3})$", record.model)
        attempts = self.journal.attempts(record.nonce)
        if record.model.endswith("-flaky") and attempts < 3:
            return 429
        if record.model.endswith("-unwell") and attempts < 2:
            return 503
        return int(status.group(1)) if status else None

    async def error(self, status, record, out):
        code, text = ERRORS[status]
        value = {"code": code, "error": text}
        if "-oai-" in record.model:
            value = {"error": {"message": text, "type": code, "param": None, "code": code}}
        extra = [("retry-after-ms", "30"), ("retry-after", "1")] if status == 429 else []
        await out.whole(status, JSON + extra, shapes.compact(value))

    async def generate(self, request, body, record, out):
        whole, events = FAMILIES[request.path]
        crowd = CROWD.search(request.body)
        pieces = shapes.ANSWER
        if record.nonce:
            count = 40 if crowd else 5
            pieces = [f"{record.nonce}:{i} " for i in range(count)]
        if record.model.endswith("-hang"):
            await asyncio.Event().wait()
        if body.get("stream"):
            await out.start(200, SSE)
            await self.stream(events(body, pieces), crowd, record, out)
        elif record.model.endswith("-gzip"):
            packed = gzip.compress(shapes.compact(whole(body, pieces)))
            await out.whole(200, JSON + [("content-encoding", "gzip")], packed)
        else:
            await out.whole(200, JSON, shapes.compact(whole(body, pieces)), chunked=True)

    async def stream(self, events, crowd, record, out):
        mode = record.model.rsplit("-", 1)[-1]
        for number, event in enumerate(events, 1):
            if mode == "gate" and 2 <= number <= 4:
                await asyncio.wait_for(self.journal.gate(record.nonce).acquire(), 10)
            # Counted before the write, so that a client never knows of more than this.
            record.facts["events_sent"] = number
            await out.chunk(event)
            if number == 1 and mode == "crowd":
                await self.journal.crowd(crowd.group(1), int(crowd.group(2)))
            if number == 2 and mode == "idle":
                await asyncio.Event().wait()
            if number == 3 and mode == "break":
                out.writer.transport.abort()
                return
            while number == 3 and mode == "busy":
                await out.chunk(event)
                await asyncio.sleep(0.01)
        await out.end()

    async def plain(self, request, body, record, out):
        path = request.path
        if path == "/v1/embeddings":
            await out.whole(200, JSON, shapes.compact(shapes.embeddings(body)))
        elif path == "/v1/images/generations":
            await out.whole(200, JSON, shapes.compact(shapes.image()))
        elif path == "/v1/models":
            await out.whole(200, JSON, shapes.compact(shapes.models()))
        elif path.startswith("/v1/models/"):
            await out.whole(200, JSON, shapes.compact(shapes.model(path.split("/", 3)[3])))
        elif path == "/v1/files" and request.method == "POST":
            await self.upload(record, out)
        elif path.startswith("/v1/files/") and path.endswith("/content"):
            kind = [("content-type", "application/octet-stream")]
            await out.whole(200, kind, shapes.BINARY, chunked=True)
        else:
            error = {"code": "not-found", "error": f"no handler on {path}"}
            await out.whole(404, JSON, shapes.compact(error))

    async def upload(self, record, out):
        part = next((p for p in record.facts["parts"] if p["name"] == "file"), {})
        await out.whole(200, JSON, shapes.compact({
            "id": "file-1", "object": "file", "bytes": part.get("length", 0), "created_at": 1,
            "filename": part.get("filename"), "purpose": "assistants", "status": "processed",
            "sha256": part.get("sha256")}))


async def serve_control(journal, reader, writer):
    try:
        while request := await read_request(reader, writer):
            body = shapes.compact(await journal.control(request))
            await Reply(writer, []).whole(200, JSON, body)
    except (ConnectionError, EOFError, Malformed):
        pass
    finally:
        writer.close()


async def main():
    parser = argparse.ArgumentParser(description="stand-in provider for the SDK tests")
    parser.add_argument("--ready", required=True, help="file that gets the ports, as JSON")
    parser.add_argument("--id", action="append", default=[], help="text no path may contain")
    parser.add_argument("--secret", action="append", default=[], help="text that must not arrive")
    parser.add_argument("providers", nargs="+", metavar="NAME=KEY")
    options = parser.parse_args()
    journal = Journal()
    ports = {}
    for pair in options.providers:
        name, _, key = pair.partition("=")
        provider = Provider(name, key, options.id, options.secret, journal)
        server = await asyncio.start_server(
            provider.serve, "127.0.0.1", 0, limit=MAX_HEAD, backlog=1024)
        provider.port = ports[name] = server.sockets[0].getsockname()[1]
    control = await asyncio.start_server(
        lambda r, w: serve_control(journal, r, w), "127.0.0.1", 0, backlog=1024)
    ports["control"] = control.sockets[0].getsockname()[1]
    with open(options.ready + ".new", "w") as file:
        json.dump(ports, file)
    os.replace(options.ready + ".new", options.ready)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
