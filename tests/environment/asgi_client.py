"""Calls an ASGI application as a server does, without a socket, and shows each message."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

# How a scrape writes the series of FastAPI's requests; see the fixture `exposed`.
TOTAL = "fastapi_requests_total{{endpoint={0},method={1},status={2}}}"
COUNT = "fastapi_request_duration_seconds_count{{endpoint={0},method={1}}}"
SUM = "fastapi_request_duration_seconds_sum{{endpoint={0},method={1}}}"
IN_PROGRESS = "fastapi_requests_in_progress"

Message = dict[str, Any]
App = Callable[[Any, Any, Any], Awaitable[None]]


@dataclass
class Call:
    """One request: what is sent, what the server does meanwhile, and what came back."""

    path: str = "/"
    method: str = "GET"
    headers: Iterable[tuple[str, str]] = ()
    root_path: str = ""
    spec_version: str = "2.3"
    received: list[Message] = field(
        default_factory=lambda: [{"type": "http.request", "body": b"", "more_body": False}]
    )
    """What `receive` returns; then it waits for the answer's end or the client's leaving."""
    on_send: Callable[[Message], None] = lambda message: None
    """Called with each message before it is taken; may raise OSError, as servers do."""
    sent: list[Message] = field(default_factory=list)
    disconnected: bool = False
    """What uvicorn's request knows when its client has left."""

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent[1:])

    @property
    def sent_headers(self) -> dict[str, str]:
        return {key.decode().lower(): value.decode() for key, value in self.sent[0]["headers"]}

    def scope(self) -> dict[str, Any]:
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": self.spec_version},
            "http_version": "1.1",
            "method": self.method,
            "scheme": "http",
            "path": self.path,
            "raw_path": self.path.encode(),
            "query_string": b"",
            "root_path": self.root_path,
            "headers": [(key.lower().encode(), value.encode()) for key, value in self.headers],
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 80),
        }

    async def to(self, app: App) -> "Call":
        self._over = asyncio.Event()
        await app(self.scope(), self.receive, self.send)
        return self

    def leave(self) -> None:
        """The client closes its connection."""
        self._over.set()

    async def receive(self) -> Message:
        if not self.received:
            await self._over.wait()
            return {"type": "http.disconnect"}
        return self.received.pop(0)

    async def send(self, message: Message) -> None:
        self.on_send(message)
        self.sent.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            self._over.set()


def call(app: App, path: str = "/", method: str = "GET", **more: Any) -> Call:
    """Make one call, in an event loop of its own."""
    return asyncio.run(Call(path, method, **more).to(app))
