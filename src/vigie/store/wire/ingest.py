"""Pushes, from the request to the acknowledgement."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from vigie.store.segments import (
    LogStore,
    QueueFullError,
    StoreFullError,
    TooManyStreamsError,
)
from vigie.store.wire.body import LARGEST, too_large
from vigie.store.wire.errors import RequestError, bad
from vigie.store.wire.otlp import read_otlp
from vigie.store.wire.push import Stream, accepted, read_push

RETRY_AFTER = 1
"""Seconds; the queue is written several times in a second."""


class Ingestion:
    """The endpoints that take lines in."""

    def __init__(self, store: LogStore, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock

    async def push(self, request: Request) -> Response:
        """POST /loki/api/v1/push"""
        body = await read_body(request)
        encoding = request.headers.get("content-encoding", "")
        await self._keep(read_push(body, request.headers.get("content-type", ""), encoding))
        return Response(status_code=204)

    async def otlp(self, request: Request) -> Response:
        """POST /otlp/v1/logs"""
        await self._keep_otlp(request)
        return Response(status_code=204)

    async def otlp_collector(self, request: Request) -> Response:
        """POST /v1/logs: as a collector answers, with an empty message."""
        await self._keep_otlp(request)
        kind = request.headers.get("content-type", "").partition(";")[0].strip()
        return Response(b"{}" if kind == "application/json" else b"", media_type=kind)

    async def _keep_otlp(self, request: Request) -> None:
        body = await read_body(request)
        encoding = request.headers.get("content-encoding", "")
        kind = request.headers.get("content-type", "")
        streams = read_otlp(body, kind, encoding, self._clock())
        if streams:
            await self._keep(streams)

    async def _keep(self, streams: list[Stream]) -> None:
        good = accepted(streams, self._clock())
        if good.lines:
            try:
                await asyncio.wrap_future(self._store.push(good.lines))
            except QueueFullError:
                raise RequestError(
                    429, "the queue of lines to be written is full; try again", RETRY_AFTER
                ) from None
            except TooManyStreamsError:
                raise RequestError(
                    429, "maximum active stream limit exceeded; use fewer labels", RETRY_AFTER
                ) from None
            except StoreFullError:
                raise RequestError(
                    507, "the disk is full: no line was kept; try again later", 10
                ) from None
        if good.refusal is not None:
            raise good.refusal


async def read_body(request: Request) -> bytes:
    """The body; raises `RequestError` for one that is too large."""
    told = request.headers.get("content-length", "")
    if told.isdigit() and int(told) > LARGEST:
        raise too_large()
    parts, size = [], 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > LARGEST:
                raise too_large()
            parts.append(part)
    except ClientDisconnect:
        raise bad("the client went away") from None
    return b"".join(parts)
