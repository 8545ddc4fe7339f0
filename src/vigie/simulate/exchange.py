"""One HTTP request and its answer, on bare ASGI: the provider must start fast and stream exactly.

https://asgi.readthedocs.io/en/latest/specs/www.html
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from typing import Any
from urllib.parse import parse_qs

from vigie.simulate.errors import ApiError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

LARGEST_BODY_BYTES = 20_000_000


class Exchange:
    """A request, and the one answer to it. `headers` are sent with whatever answer it gets."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers: dict[str, str] = {}
        self._query: dict[str, list[str]] = parse_qs(scope["query_string"].decode("latin-1"))
        self._sent_headers: dict[str, str] = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in scope["headers"]
        }
        self._receive = receive
        self._send = send

    def header(self, name: str) -> str:
        """Return a request header by its lower-case name; empty where it is absent."""
        return self._sent_headers.get(name, "")

    def query(self, name: str) -> str:
        """Return a parameter of the query; empty where it is absent."""
        return self._query.get(name, [""])[0]

    async def body(self) -> bytes:
        """Read the request's body; raises `ApiError` 413 where it is over 20 MB."""
        parts: list[bytes] = []
        size = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                return b""
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > LARGEST_BODY_BYTES:
                raise ApiError(413, f"The request is larger than {LARGEST_BODY_BYTES} bytes.")
            if not message.get("more_body", False):
                return b"".join(parts)

    async def reply(self, status: int, content_type: str, body: bytes) -> None:
        """Answer at once."""
        await self._start(status, {"content-type": content_type, "content-length": str(len(body))})
        await self._send({"type": "http.response.body", "body": body})

    async def reply_json(self, status: int, value: Any) -> None:
        """Answer with JSON."""
        await self.reply(status, "application/json", json.dumps(value, ensure_ascii=False).encode())

    async def start_stream(self) -> None:
        """Begin an answer of server-sent events."""
        await self._start(
            200,
            {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"},
        )

    async def send_event(self, event: bytes) -> None:
        """Send one event of a stream, as `sse` wrote it."""
        await self._send({"type": "http.response.body", "body": event, "more_body": True})

    async def end_stream(self) -> None:
        """End a stream. Without it the server breaks the connection off."""
        await self._send({"type": "http.response.body", "body": b""})

    async def unless_disconnected(self, work: Coroutine[Any, Any, None]) -> None:
        """Do the work of answering, but stop it when the client goes away.

        Call it once the body has been read. What the work raises is raised.
        """
        answering = asyncio.ensure_future(work)
        leaving = asyncio.ensure_future(self._until_disconnected())
        try:
            await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (answering, leaving):
                task.cancel()
            await asyncio.wait({answering, leaving})
        if not answering.cancelled():
            answering.result()

    async def _until_disconnected(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _start(self, status: int, headers: dict[str, str]) -> None:
        await self._send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [
                    (name.encode("latin-1"), value.encode("latin-1"))
                    for name, value in (headers | self.headers).items()
                ],
            }
        )


def sse(data: Any, event: str | None = None) -> bytes:
    """Write a server-sent event, https://html.spec.whatwg.org/multipage/server-sent-events.html."""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    head = f"event: {event}\n" if event else ""
    return f"{head}data: {text}\n\n".encode()
