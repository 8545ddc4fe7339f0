"""Server-sent events whose source is closed as soon as the client is gone.

Format: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import anyio
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send


class EventStream(StreamingResponse):
    """Answer with events, each a name and its data; then call `close`, however it ended."""

    media_type = "text/event-stream"

    def __init__(
        self,
        events: AsyncGenerator[tuple[str, dict[str, Any]]],
        close: Callable[[], Awaitable[None]],
    ) -> None:
        # A proxy that buffers would hold the answer back until it is whole.
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        self._blocks = _blocks(events)
        self._close = close
        super().__init__(self._blocks, headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            # A client that went away has cancelled this; what follows must still be waited for.
            with anyio.CancelScope(shield=True):
                await self._blocks.aclose()
                await self._close()


async def _blocks(events: AsyncGenerator[tuple[str, dict[str, Any]]]) -> AsyncGenerator[str]:
    async with aclosing(events):
        async for name, data in events:
            yield f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
