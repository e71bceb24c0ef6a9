"""What the stand-in provider saw, and the levers that tests pull on it."""

import asyncio
import base64
import hashlib
import itertools
import re
import time

NONCE = re.compile(rb"nonce:([A-Za-z0-9_-]+)")
KEEP_BODY = 64 * 1024


class Record:
    """One request, as the tests read it back over the control port."""

    def __init__(self, ident, provider, request, body, parts):
        found = NONCE.search(request.body)
        self.nonce = found.group(1).decode() if found else ""
        self.model = str(body.get("model", ""))
        self.ended = asyncio.Event()
        text = message_text(body)
        self.facts = {
            "id": ident, "provider": provider, "nonce": self.nonce, "model": self.model,
            "method": request.method, "target": request.target,
            "headers": request.headers, "trailers": request.trailers,
            "body_length": len(request.body),
            "body_sha256": hashlib.sha256(request.body).hexdigest(),
            "body_base64": base64.b64encode(request.body[:KEEP_BODY]).decode(),
            "text_length": len(text),
            "text_sha256": hashlib.sha256(text.encode()).hexdigest(),
            "parts": parts, "events_sent": 0, "finished": False, "closed_at": None,
        }

    def finish(self):
        self.facts["finished"] = True
        self.ended.set()

    def cut(self):
        """The peer went away before the answer was complete."""
        self.facts["closed_at"] = time.time()
        self.ended.set()


def message_text(body):
    messages = body.get("messages") or []
    if messages and isinstance(messages[-1], dict):
        content = messages[-1].get("content")
        if isinstance(content, str):
            return content
    given = body.get("input")
    return given if isinstance(given, str) else ""


class Journal:
    def __init__(self):
        self.records = {}
        self.by_nonce = {}
        self.violations = []
        self.current_test = ""
        self.gates = {}
        self.crowds = {}
        self.numbers = itertools.count(1)

    def open(self, provider, request, body, parts):
        ident = f"req-{next(self.numbers)}"
        record = Record(ident, provider, request, body, parts)
        self.records[ident] = record
        if record.nonce:
            self.by_nonce.setdefault(record.nonce, []).append(record)
        return record

    def violate(self, text):
        self.violations.append({"test": self.current_test, "what": text})
        print(f"violation in {self.current_test or 'no test'}: {text}", flush=True)

    def attempts(self, nonce):
        return len(self.by_nonce.get(nonce, []))

    def gate(self, nonce):
        return self.gates.setdefault(nonce, asyncio.Semaphore(0))

    async def crowd(self, name, size):
        """Returns once `size` streams are open at the same time."""
        count, event = self.crowds.setdefault(name, ([0], asyncio.Event()))
        count[0] += 1
        if count[0] >= size:
            event.set()
        await asyncio.wait_for(event.wait(), 20)

    async def control(self, request):
        """Answers a request on the control port with something for JSON."""
        query = request.query
        nonce = query.get("nonce", "")
        if request.path == "/_seen" and "id" in query:
            record = self.records.get(query["id"])
            return [record.facts] if record else []
        if request.path == "/_seen":
            return [r.facts for r in self.by_nonce.get(nonce, [])]
        if request.path == "/_go":
            self.gate(nonce).release()
            return {"released": nonce}
        if request.path == "/_ended":
            return await self.ended(nonce)
        if request.path == "/_begin":
            self.current_test = query.get("test", "")
            return {"violations": len(self.violations)}
        if request.path == "/_violations":
            return self.violations[int(query.get("since", "0")):]
        return {"error": f"no such control path: {request.path}"}

    async def ended(self, nonce):
        """Waits until the last request with this nonce is over, either way."""
        deadline = time.monotonic() + 4
        while time.monotonic() < deadline:
            records = self.by_nonce.get(nonce)
            if records:
                left = deadline - time.monotonic()
                try:
                    await asyncio.wait_for(records[-1].ended.wait(), left)
                except asyncio.TimeoutError:
                    break
                return [records[-1].facts]
            await asyncio.sleep(0.02)
        return []
