"""Calls between our own services: by whom, to whom, how they ended and how long they took.

    client = httpx.Client(base_url="http://localhost:8002")
    instrument(client, source="fastapi", targets={"http://localhost:8002": "django"})

Time runs to the last byte of the answer as the caller reads it. The ids of the request that is
being answered go along, so that the other service's logs and spans can be found.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from prometheus_client import REGISTRY, CollectorRegistry

from vigie.catalogue import interservice as catalogue
from vigie.catalogue.metric import OTHER
from vigie.instrument import context, http_attempts, spans
from vigie.instrument.guard import guarded
from vigie.instrument.http_bodies import watch_body
from vigie.instrument.meters import Meters, meters

__all__ = ["instrument", "uninstrument"]

_NAME = "httpx"
_PORTS = {"http": 80, "https": 443}
_STATUSES = {"timeout": "timeout", "refused": "refused", "broken": "server_error"}

_Origin: TypeAlias = tuple[str, str, int | None]


def instrument(
    client: Any,
    *,
    source: str,
    targets: Mapping[str, str],
    registry: CollectorRegistry = REGISTRY,
) -> None:
    """Watch what an httpx.Client or httpx.AsyncClient sends.

    `source` is the service that calls; `targets` names the services by the beginnings of their
    URLs, of which scheme, host and port count. A call to any other host is to the target `other`.
    May be called again, to change them. Raises ValueError for a target that is no URL.
    """
    names = {_origin_of_url(url): name for url, name in targets.items()}
    ours = meters(registry)

    def begin(request: Any) -> _Call:
        url = request.url
        origin = (url.scheme, url.host, url.port or _PORTS.get(url.scheme))
        target = names.get(origin)
        headers = context.current_or_new().outgoing_headers()
        span = None
        if "traceparent" in request.headers:
            headers.pop("tracestate", None)  # it would say something of another trace
        elif spans.tracing is not None:
            with guarded("traces", ours):
                span = spans.tracing.call(request.method, target or "", url.host, origin[2])
                headers.pop("tracestate", None)
                headers.update(span.headers())
        for name, value in headers.items():
            request.headers.setdefault(name, value)
        return _Call(ours, source, target or OTHER, span)

    http_attempts.watch(client, _NAME, begin)


def uninstrument(client: Any) -> None:
    """Put the client back as it was."""
    http_attempts.unwatch(client, _NAME)


class _Call:
    """One call, from before it is sent to the last byte of its answer."""

    def __init__(self, ours: Meters, source: str, target: str, span: spans.CallSpan | None) -> None:
        self._meters = ours
        self._span = span
        self._code: int | None = None
        self._labels = (source, target)
        self._started = time.perf_counter()
        self._first = http_attempts.Once()
        self._status = ""

    def failed(self, error: BaseException) -> None:
        kind = http_attempts.kind_of_error(error)
        self._end(_STATUSES.get(kind, OTHER), error=kind)

    def answered(self, response: Any, *, streamed: bool) -> None:
        self._code = response.status_code
        self._status = _status_of(response.status_code)
        if streamed and not response.is_closed:
            watch_body(response, self, _NAME)
        else:
            self._end(self._status)

    def take(self, chunk: bytes) -> bytes:
        return chunk

    def rest(self) -> bytes:
        return b""

    def whole(self) -> None:
        self._end(self._status)

    def abandoned(self) -> None:
        # Whoever closes an answer early has got what it wanted.
        self._end(self._status)

    def _end(self, status: str, error: str | None = None) -> None:
        if not self._first():
            return
        if self._span is not None:
            with guarded("traces", self._meters):
                self._span.end(status=self._code, error=error)
        seconds = time.perf_counter() - self._started
        self._meters[catalogue.REQUESTS].child(*self._labels, status).inc()
        self._meters[catalogue.REQUEST_DURATION].child(*self._labels).observe(seconds)


def _status_of(code: int) -> str:
    if code >= 500:
        return "server_error"
    return "client_error" if code >= 400 else "ok"


def _origin_of_url(url: str) -> _Origin:
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError(f'target is "{url}": write a URL, e.g. "http://localhost:8002"')
    return parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme]
