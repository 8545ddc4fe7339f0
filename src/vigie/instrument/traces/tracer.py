"""The instruments' spans, by OpenTelemetry's conventions for HTTP and databases.

https://opentelemetry.io/docs/specs/semconv/http/http-spans/
https://opentelemetry.io/docs/specs/semconv/database/database-spans/

Against the conventions, no path, no query and no address of a client is in a span: a route's
template says where it was, and what a client sends may be anybody's secret.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from opentelemetry import context as contexts
from opentelemetry.context import Context
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    TracerProvider,
    TraceState,
    get_current_span,
    set_span_in_context,
)

from vigie.catalogue.http import CANCELLED, METHOD, UNMATCHED
from vigie.instrument.context import RequestContext, current

_OTHER_METHOD = "_OTHER"  # the conventions' word
_CANCELLED = int(CANCELLED)
_NO_TRACE = Context()
_KEPT_CHARACTERS = 4_000

# Their names for the databases that Django knows by its own.
_SYSTEMS = {"microsoft": "microsoft.sql_server", "mssql": "microsoft.sql_server"}
_SYSTEMS |= {"oracle": "oracle.db"}


class OpenTelemetryTracing:
    """Makes spans by a provider of tracers."""

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer: Tracer = provider.get_tracer("vigie")

    def request(self, context: RequestContext, method: str) -> _RequestSpan:
        """A request to this service: part of its caller's trace, if it tells of one."""
        method = _known(method)
        span = self._tracer.start_span(
            method,
            context=_caller(context),
            kind=SpanKind.SERVER,
            attributes={"http.request.method": method},
        )
        told = span.get_span_context()
        if told.is_valid:
            flags = f"{int(told.trace_flags):02x}"
            context.adopt(f"{told.trace_id:032x}", f"{told.span_id:016x}", flags)
        return _RequestSpan(span, method)

    def call(self, method: str, target: str, host: str, port: int | None) -> _OutgoingSpan:
        """A call to another service."""
        method = _known(method)
        attributes: dict[str, Any] = {"http.request.method": method, "server.address": host}
        if port is not None:
            attributes["server.port"] = port
        if target:
            attributes["peer.service"] = target
        span = self._tracer.start_span(
            f"{method} {target}" if target else method,
            context=_around(),
            kind=SpanKind.CLIENT,
            attributes=attributes,
        )
        return _OutgoingSpan(span)

    def statement(
        self,
        system: str,
        database: str,
        operation: str,
        text: object,
        *,
        seconds: float,
        error: BaseException | None,
    ) -> None:
        """A statement that has just ended; its text is without values."""
        around = get_current_span()
        if not around.is_recording():
            return
        verb, shown = _statement(text, system)
        ended = time.time_ns()
        span = self._tracer.start_span(
            verb or operation,
            kind=SpanKind.CLIENT,
            start_time=ended - int(seconds * 1e9),
            attributes={
                "db.system.name": _SYSTEMS.get(system, system),
                "db.namespace": database,
                "db.operation.name": verb or operation,
                "db.query.text": shown,
            },
        )
        _fail(span, error)
        span.end(ended)

    def work(self, name: str) -> _Span:
        """A piece of work of this service's own."""
        return _Span(self._tracer.start_span(name, context=_around()))


class _Span:
    __slots__ = ("_context", "_span")

    def __init__(self, span: Span) -> None:
        self._span = span
        self._context = set_span_in_context(span)

    @property
    def trace_id(self) -> str:
        told = self._span.get_span_context()
        return f"{told.trace_id:032x}" if told.trace_flags.sampled else ""

    def enter(self) -> Context:
        before = contexts.get_current()
        contexts.attach(self._context)
        return before

    def leave(self, before: Context) -> None:
        # Not by the token of `attach`: Django ends what it began in another context.
        contexts.attach(before)

    def end(
        self, *, name: str = "", status: int | None = None, error: BaseException | str | None = None
    ) -> None:
        span = self._span
        if span.is_recording():
            if status is not None:
                self._tell(status)
            _fail(span, error)
        span.end()

    def _tell(self, status: int) -> None:
        self._span.set_attribute("http.response.status_code", status)


class _RequestSpan(_Span):
    __slots__ = ("_method",)

    def __init__(self, span: Span, method: str) -> None:
        super().__init__(span)
        self._method = method

    def end(
        self, *, name: str = "", status: int | None = None, error: BaseException | str | None = None
    ) -> None:
        if name and name != UNMATCHED and self._span.is_recording():
            self._span.update_name(f"{self._method} {name}")
            self._span.set_attribute("http.route", name)
        super().end(status=status, error=error)

    def _tell(self, status: int) -> None:
        if status == _CANCELLED:  # there was no answer: nginx's number stands for that
            self._span.set_attribute("error.type", "cancelled")
            return
        super()._tell(status)
        if status >= 500:
            self._span.set_attribute("error.type", str(status))
            self._span.set_status(Status(StatusCode.ERROR))


class _OutgoingSpan(_Span):
    __slots__ = ()

    def headers(self) -> Mapping[str, str]:
        told = self._span.get_span_context()
        flags = int(told.trace_flags)
        headers = {"traceparent": f"00-{told.trace_id:032x}-{told.span_id:016x}-{flags:02x}"}
        if told.trace_state:
            headers["tracestate"] = told.trace_state.to_header()
        return headers

    def _tell(self, status: int) -> None:
        super()._tell(status)
        if status >= 400:  # to a client, a refusal is an error
            self._span.set_attribute("error.type", str(status))
            self._span.set_status(Status(StatusCode.ERROR))


def _fail(span: Span, error: BaseException | str | None) -> None:
    if error is None:
        return
    if isinstance(error, str):
        span.set_attribute("error.type", error)
    else:
        span.set_attribute("error.type", type(error).__qualname__)
        span.record_exception(error)
    span.set_status(Status(StatusCode.ERROR))


def _caller(context: RequestContext) -> Context:
    """Where a request comes from: another service's span, or nowhere."""
    caller = context.caller()
    return _NO_TRACE if caller is None else _remote(*caller, context.tracestate())


def _around() -> Context | None:
    """What this task or thread is at; None is OpenTelemetry's word for its current context.

    A websocket has no span of its own, only the ids of its request.
    """
    if get_current_span().get_span_context().is_valid:
        return None
    request = current.get()
    if request is None:
        return None
    return _remote(request.trace_id, request.span_id, "01", request.tracestate())


def _remote(trace_id: str, span_id: str, flags: str, state: str) -> Context:
    told = SpanContext(
        int(trace_id, 16),
        int(span_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(int(flags, 16)),
        trace_state=TraceState.from_header([state]) if state else None,
    )
    return set_span_in_context(NonRecordingSpan(told), _NO_TRACE)


def _known(method: str) -> str:
    return method if method in METHOD.values else _OTHER_METHOD


def _statement(text: object, system: str) -> tuple[str, str]:
    """The verb of a statement, and its text without values."""
    if isinstance(text, str) and len(text) <= _KEPT_CHARACTERS:
        return _kept_statement(text, system)
    return _read_statement(text, system)


def _read_statement(text: object, system: str) -> tuple[str, str]:
    from vigie.instrument.django.statements import without_values

    shown = without_values(text, system)
    verb = shown.partition(" ")[0]
    return verb.upper() if verb.isalpha() else "", shown


_kept_statement = lru_cache(maxsize=512)(_read_statement)
