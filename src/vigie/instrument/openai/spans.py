"""A span for each call of the SDK, by OpenTelemetry's conventions for generative AI.

https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/

A span lasts from the call to the last byte of its answer, retries included. Without OpenTelemetry,
or without a tracer provider in the process, there is none, and none is paid for. No prompt and no
answer is in it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from contextvars import Token
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from vigie.costs.money import Amount
from vigie.costs.usage import Usage
from vigie.instrument.context import current
from vigie.instrument.openai.wire import Told

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

# Their names for our operations: https://opentelemetry.io/docs/specs/semconv/registry/attributes/gen-ai/
_OPERATIONS = {"chat": "chat", "responses": "chat", "embeddings": "embeddings"}
_API_TYPES = {"chat": "chat_completions", "responses": "responses"}

# Their names for what a request asks for.
_ASKED = {
    "max_tokens": "gen_ai.request.max_tokens",
    "max_completion_tokens": "gen_ai.request.max_tokens",
    "max_output_tokens": "gen_ai.request.max_tokens",
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "presence_penalty": "gen_ai.request.presence_penalty",
    "seed": "gen_ai.request.seed",
    "dimensions": "gen_ai.embeddings.dimension.count",
    "service_tier": "openai.request.service_tier",
}


class CallSpan:
    """The span of one call; this one is none."""

    __slots__ = ()
    trace_id = ""

    def enter(self) -> Any:
        """Make it the current span of this task or thread; returns what `leave` takes."""

    def leave(self, token: Any) -> None:
        """Make the one before it the current span again."""

    def end(
        self,
        told: Told | None = None,
        usage: Usage | None = None,
        amount: Amount | None = None,
        *,
        first_token_seconds: float | None = None,
        at_ns: int | None = None,
        outcome: str = "",
        error: BaseException | None = None,
    ) -> None:
        """End it, once: with what the answer told, what it took, or what went wrong."""


NO_SPAN = CallSpan()


class Spans(Protocol):
    """Starts spans of calls."""

    def start(self, operation: str, base_url: str, request: Mapping[str, Any]) -> CallSpan:
        """The span of a call that begins now."""


class NoSpans:
    """Where there is no OpenTelemetry."""

    def start(self, operation: str, base_url: str, request: Mapping[str, Any]) -> CallSpan:
        """No span."""
        return NO_SPAN


def spans() -> Spans:
    """Spans of the process's tracer provider, present or yet to come; none where OpenTelemetry is
    not installed."""
    try:
        from opentelemetry.trace import get_tracer
    except ImportError:
        return NoSpans()
    return TracedSpans(get_tracer("vigie.instrument.openai"))


class TracedSpans:
    """Starts spans by a tracer of OpenTelemetry."""

    def __init__(self, tracer: Tracer) -> None:
        from opentelemetry import context
        from opentelemetry.trace import SpanKind, set_span_in_context

        self._tracer = tracer
        self._kind = SpanKind.CLIENT
        self.attach = context.attach
        self.detach = context.detach
        self.with_span = set_span_in_context

    def start(self, operation: str, base_url: str, request: Mapping[str, Any]) -> CallSpan:
        """The span of a call that begins now; `NO_SPAN` where nobody records it."""
        name, attributes = _usual(operation, str(request.get("model") or ""), base_url)
        special = {_ASKED[each]: request[each] for each in _ASKED.keys() & request.keys()}
        special = {theirs: value for theirs, value in special.items() if _is_plain(value)}
        if request.get("stream") is True:
            special["gen_ai.request.stream"] = True
        if isinstance(choices := request.get("n"), int) and choices != 1:
            special["gen_ai.request.choice.count"] = choices
        if special:
            attributes = {**attributes, **special}
        span = self._tracer.start_span(name, kind=self._kind, attributes=attributes)
        return _RecordedSpan(self, span) if span.is_recording() else NO_SPAN


class _RecordedSpan(CallSpan):
    __slots__ = ("_span", "_spans", "trace_id")

    def __init__(self, spans: TracedSpans, span: Span) -> None:
        self._spans = spans
        self._span = span
        self.trace_id = f"{span.get_span_context().trace_id:032x}"

    def enter(self) -> Token[Any]:
        return self._spans.attach(self._spans.with_span(self._span))

    def leave(self, token: Token[Any]) -> None:
        self._spans.detach(token)

    def end(
        self,
        told: Told | None = None,
        usage: Usage | None = None,
        amount: Amount | None = None,
        *,
        first_token_seconds: float | None = None,
        at_ns: int | None = None,
        outcome: str = "",
        error: BaseException | None = None,
    ) -> None:
        span = self._span
        if not span.is_recording():
            return
        attributes: dict[str, Any] = {}
        if told is not None:
            if told.id:
                attributes["gen_ai.response.id"] = told.id
            if told.model:
                attributes["gen_ai.response.model"] = told.model
            if told.finish_reasons:
                attributes["gen_ai.response.finish_reasons"] = told.finish_reasons
            if told.service_tier:
                attributes["openai.response.service_tier"] = told.service_tier
        if usage is not None:
            attributes["gen_ai.usage.input_tokens"] = usage.input
            attributes["gen_ai.usage.output_tokens"] = usage.output
            if usage.cached_input:
                attributes["gen_ai.usage.cache_read.input_tokens"] = usage.cached_input
            if usage.cache_write:
                attributes["gen_ai.usage.cache_creation.input_tokens"] = usage.cache_write
            if usage.reasoning:
                attributes["gen_ai.usage.reasoning.output_tokens"] = usage.reasoning
        if amount is not None:
            # The conventions have no released names for it: these are the ones proposed there.
            attributes["gen_ai.usage.cost.amount"] = float(amount.value)
            attributes["gen_ai.usage.cost.currency"] = amount.currency
            attributes["gen_ai.usage.cost.source"] = amount.source.value
        if first_token_seconds is not None:
            attributes["gen_ai.response.time_to_first_chunk"] = first_token_seconds
        kind = _error_type(error) if error is not None else outcome
        if kind and kind != "ok":
            from opentelemetry.trace import Status, StatusCode

            attributes["error.type"] = kind
            span.set_status(Status(StatusCode.ERROR))
        span.set_attributes(attributes)
        span.end(at_ns or time.time_ns())


def current_trace_id() -> str:
    """The trace that this task or thread works in: OpenTelemetry's, else the present request's;
    empty outside of both."""
    if trace := sys.modules.get("opentelemetry.trace"):
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            return f"{context.trace_id:032x}"
    request = current.get()
    return request.trace_id if request is not None else ""


@lru_cache(maxsize=512)
def _usual(operation: str, model: str, base_url: str) -> tuple[str, dict[str, Any]]:
    """A span's name, and the attributes that all calls of a model have; not to be changed."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    azure = host.endswith((".azure.com", ".microsoft.com"))
    name = _OPERATIONS[operation]
    attributes = {
        "gen_ai.operation.name": name,
        "gen_ai.provider.name": "azure.ai.openai" if azure else "openai",
        "gen_ai.request.model": model,
        "server.address": host,
        "server.port": parts.port or (443 if parts.scheme == "https" else 80),
    }
    if operation in _API_TYPES:
        attributes["openai.api.type"] = _API_TYPES[operation]
    return f"{name} {model}".rstrip(), attributes


def _error_type(error: BaseException) -> str:
    status = getattr(error, "status_code", None)
    return str(status) if isinstance(status, int) else type(error).__qualname__


def _is_plain(value: Any) -> bool:
    """Whether a value can be an attribute: the SDK marks what was not given by objects."""
    return isinstance(value, (str, int, float)) and value != ""
