"""The site under Django's ASGI handler, spoken to as a server does."""

import asyncio
from collections.abc import Callable
from typing import Any

from django.core.handlers.asgi import ASGIHandler


async def ask(path: str, leave: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
    """GET `path`; returns the messages that a server would send on.

    The client disconnects as soon as `leave` is true of the messages sent so far.
    """
    sent: list[dict[str, Any]] = []
    incoming = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, Any]:
        if incoming:
            return incoming.pop()
        while not leave(sent):
            await asyncio.sleep(0)
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)
        await asyncio.sleep(0)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "path": path,
        "query_string": b"",
        "headers": [(b"host", b"testserver")],
        "client": ("192.0.2.1", 1234),
    }
    await ASGIHandler()(scope, receive, send)
    return sent
