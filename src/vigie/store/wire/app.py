"""The store's HTTP server."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute

from vigie.store.segments import LogStore
from vigie.store.spans import SpanStore
from vigie.store.wire.errors import RequestError
from vigie.store.wire.index import Index
from vigie.store.wire.ingest import Ingestion
from vigie.store.wire.queries import Queries
from vigie.store.wire.status import Status
from vigie.store.wire.tail import Tail
from vigie.store.wire.tempo.endpoints import traces_endpoints

log = logging.getLogger("vigie.store")

Endpoint = Callable[[Request], Awaitable[Response]]


def logs_app(store: LogStore) -> Starlette:
    """Loki's HTTP API, and OTLP for logs, on a store."""
    return _app(store, None)


def store_app(logs: LogStore, spans: SpanStore) -> Starlette:
    """The APIs of Loki and of Tempo, and OTLP for both, on two stores."""
    return _app(logs, spans)


def _app(store: LogStore, spans: SpanStore | None) -> Starlette:
    ingestion, queries, status = Ingestion(store), Queries(store), Status(store, spans)
    index = Index(store, queries)
    api = "/loki/api/v1"
    both = ("GET", "POST")
    endpoints: list[tuple[str, tuple[str, ...], Endpoint]] = [
        (f"{api}/push", ("POST",), ingestion.push),
        ("/otlp/v1/logs", ("POST",), ingestion.otlp),
        ("/v1/logs", ("POST",), ingestion.otlp_collector),
        (f"{api}/query", both, queries.instant),
        (f"{api}/query_range", both, queries.range),
        (f"{api}/format_query", both, queries.format),
        (f"{api}/label", both, index.labels),
        (f"{api}/labels", both, index.labels),
        (f"{api}/label/{{name}}/values", both, index.label_values),
        (f"{api}/series", both, index.series),
        (f"{api}/index/stats", both, index.stats),
        (f"{api}/index/volume", both, index.volume),
        (f"{api}/index/volume_range", both, index.volume_range),
        (f"{api}/status/buildinfo", ("GET",), status.build),
        ("/api/v1/status", ("GET",), status.status),
        ("/ready", ("GET",), status.ready),
        ("/metrics", ("GET",), status.metrics),
        ("/config", ("GET",), status.config),
    ]
    if spans is not None:
        endpoints += traces_endpoints(spans)
    routes: list[Route | WebSocketRoute] = [
        Route(path, _answering(path, endpoint, status), methods=list(methods))
        for path, methods, endpoint in endpoints
    ]
    routes.append(WebSocketRoute(f"{api}/tail", Tail(store).connect))
    return Starlette(routes=routes, exception_handlers={HTTPException: _unknown})


def _answering(path: str, endpoint: Endpoint, status: Status) -> Endpoint:
    """The endpoint, with what it refuses as an answer, and its time counted."""

    async def answer(request: Request) -> Response:
        began = time.perf_counter()
        try:
            response = await endpoint(request)
        except RequestError as error:
            headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
            response = PlainTextResponse(
                error.message + "\n", status_code=error.status, headers=headers
            )
        except Exception:
            log.exception("%s %s failed", request.method, path)
            response = PlainTextResponse("internal error\n", status_code=500)
        status.took(path, response.status_code, time.perf_counter() - began)
        return response

    return answer


async def _unknown(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    text = "404 page not found" if status == 404 else "Method Not Allowed"
    return PlainTextResponse(f"{text}\n", status_code=status)
