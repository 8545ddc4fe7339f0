"""Spans, from the request to the acknowledgement, in OTLP's words."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable

import anyio
from starlette.requests import Request
from starlette.responses import Response

from vigie.store.segments import QueueFullError, StoreFullError, TooManyStreamsError
from vigie.store.spans import SpanStore
from vigie.store.wire.errors import RequestError
from vigie.store.wire.ingest import RETRY_AFTER, read_body
from vigie.store.wire.tempo import trace_protobuf
from vigie.store.wire.tempo.otlp import JSON, PROTOBUF, Read, content_type, read_spans

_LARGE = 256 << 10
"""Bytes; a larger request is read by a thread, so that others are answered meanwhile."""


class SpanIngestion:
    """The endpoint that takes spans in."""

    def __init__(self, store: SpanStore, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock

    async def traces(self, request: Request) -> Response:
        """POST /v1/traces: 200 once the spans are on disk, with what is refused among them."""
        kind = PROTOBUF
        try:
            kind = content_type(request.headers.get("content-type", ""))
            read = await self._read(request, kind)
            self._store.invalid += sum(read.refused.values())
            if read.spans:
                await self._keep(read)
        except RequestError as error:
            return _refusal(kind, error)
        return _answer(kind, read)

    async def _read(self, request: Request, kind: str) -> Read:
        body = await read_body(request)
        encoding = request.headers.get("content-encoding", "")
        now = self._clock()
        oldest = now - self._store.limits.retention_seconds - 86_400

        def read() -> Read:
            return read_spans(body, kind, encoding, now, oldest)

        return read() if len(body) < _LARGE else await anyio.to_thread.run_sync(read)

    async def _keep(self, read: Read) -> None:
        try:
            await asyncio.wrap_future(self._store.add(read.spans))
        except QueueFullError:
            raise RequestError(
                429, "the queue of spans to be written is full; try again", RETRY_AFTER
            ) from None
        except TooManyStreamsError:
            raise RequestError(429, "too many different resources", RETRY_AFTER) from None
        except StoreFullError:
            # OTLP has exporters try again after a 503, but not after a 507.
            raise RequestError(
                503, "the disk is full: no span was kept; try again later", 10
            ) from None


def _answer(kind: str, read: Read) -> Response:
    refused = sum(read.refused.values())
    why = "; ".join(f"{reason} ({count})" for reason, count in read.refused.items())
    if kind == PROTOBUF:
        return Response(trace_protobuf.partial_success(refused, why), media_type=PROTOBUF)
    told = {"rejectedSpans": str(refused), "errorMessage": why}
    return Response(json.dumps({"partialSuccess": told} if refused else {}), media_type=JSON)


def _refusal(kind: str, error: RequestError) -> Response:
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    if kind == PROTOBUF:
        content = trace_protobuf.status(error.message)
    else:
        content = json.dumps({"message": error.message}).encode()
    return Response(content, error.status, headers, media_type=kind)
