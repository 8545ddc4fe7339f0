"""Which path is answered by what."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from vigie.store.spans import SpanStore
from vigie.store.wire.tempo import status
from vigie.store.wire.tempo.ingest import SpanIngestion
from vigie.store.wire.tempo.traces import Traces

Endpoint = Callable[[Request], Awaitable[Response]]


def traces_endpoints(spans: SpanStore) -> list[tuple[str, tuple[str, ...], Endpoint]]:
    """Tempo's HTTP API, and OTLP for traces: paths, methods and endpoints."""
    ingestion, traces = SpanIngestion(spans), Traces(spans)
    get = ("GET",)
    return [
        ("/v1/traces", ("POST",), ingestion.traces),
        ("/api/traces/{trace}", get, traces.trace),
        ("/api/v2/traces/{trace}", get, traces.trace_v2),
        ("/api/search", get, traces.search),
        ("/api/search/tags", get, traces.tags),
        ("/api/v2/search/tags", get, traces.tags_v2),
        # A tag's name may have a slash in it.
        ("/api/search/tag/{name:path}/values", get, traces.values),
        ("/api/v2/search/tag/{name:path}/values", get, traces.values_v2),
        ("/api/echo", get, status.echo),
        ("/api/status/buildinfo", get, status.build),
    ]
