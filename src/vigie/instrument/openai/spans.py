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

# Their names for what a request asks for; the first that it has counts.
_ASKED = (
    ("max_tokens", "gen_ai.request.max_tokens"),
    ("max_completion_tokens", "gen_ai.request.max_tokens"),
    ("max_output_tokens", "gen_ai.request.max_tokens"),
    ("temperature", "gen_ai.request.temperature"),
    ("top_p", "gen_ai.request.top_p"),
    ("frequency_penalty", "gen_ai.request.frequency_penalty"),
    ("presence_penalty", "gen_ai.request.presence_penalty"),
    ("seed", "gen_ai.request.seed"),
    ("dimensions", "gen_ai.embeddings.dimension.count"),
    ("service_tier", "openai.request.service_tier"),
)


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
        from opentelemetry.trace import SpanKind

        self._tracer = tracer
        self._kind = SpanKind.CLIENT

    def start(self, operation: str, base_url: str, request: Mapping[str, Any]) -> CallSpan:
        """The span of a call that begins now; `NO_SPAN` where nobody records it."""
        model = str(request.get("model") or "")
        name = _OPERATIONS[operation]
        attributes = {
            "gen_ai.operation.name": name,
            "gen_ai.request.model": model,
            **_place(base_url),
            **{theirs: request[ours] for ours, theirs in _ASKED if _plain(request.get(ours))},
        }
        if operation in _API_TYPES:
            attributes["openai.api.type"] = _API_TYPES[operation]
        if request.get("stream") is True:
            attributes["gen_ai.request.stream"] = True
        if isinstance(choices := request.get("n"), int) and choices != 1:
            attributes["gen_ai.request.choice.count"] = choices
        span = self._tracer.start_span(
            f"{name} {model}" if model else name, kind=self._kind, attributes=attributes
        )
        return _RecordedSpan(span) if span.is_recording() else NO_SPAN


class _RecordedSpan(CallSpan):
    __slots__ = ("_span", "trace_id")

    def __init__(self, span: Span) -> None:
        self._span = span
        self.trace_id = f"{span.get_span_context().trace_id:032x}"

    def enter(self) -> Token[Any]:
        from opentelemetry import context
        from opentelemetry.trace import set_span_in_context

        return context.attach(set_span_in_context(self._span))

    def leave(self, token: Token[Any]) -> None:
        from opentelemetry import context

        context.detach(token)

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
        span.set_attributes(_told(told) | _taken(usage) | _cost(amount))
        if first_token_seconds is not None:
            span.set_attribute("gen_ai.response.time_to_first_chunk", first_token_seconds)
        kind = _error_type(error) if error is not None else outcome
        if kind and kind != "ok":
            from opentelemetry.trace import Status, StatusCode

            span.set_attribute("error.type", kind)
            span.set_status(Status(StatusCode.ERROR))
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


@lru_cache(maxsize=64)
def _place(base_url: str) -> dict[str, Any]:
    """Who is called: the provider's name in the conventions, and its address."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    azure = host.endswith((".azure.com", ".microsoft.com"))
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return {
        "gen_ai.provider.name": "azure.ai.openai" if azure else "openai",
        "server.address": host,
        "server.port": port,
    }


def _told(told: Told | None) -> dict[str, Any]:
    if told is None:
        return {}
    found = {
        "gen_ai.response.id": told.id,
        "gen_ai.response.model": told.model,
        "gen_ai.response.finish_reasons": told.finish_reasons,
        "openai.response.service_tier": told.service_tier,
    }
    return {name: value for name, value in found.items() if value}


def _taken(usage: Usage | None) -> dict[str, Any]:
    if usage is None:
        return {}
    found = {
        "gen_ai.usage.input_tokens": usage.input,
        "gen_ai.usage.output_tokens": usage.output,
    }
    parts = {
        "gen_ai.usage.cache_read.input_tokens": usage.cached_input,
        "gen_ai.usage.cache_creation.input_tokens": usage.cache_write,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning,
    }
    return found | {name: count for name, count in parts.items() if count}


def _cost(amount: Amount | None) -> dict[str, Any]:
    # The conventions have no released name for it: these are the ones proposed there.
    if amount is None:
        return {}
    return {
        "gen_ai.usage.cost.amount": float(amount.value),
        "gen_ai.usage.cost.currency": amount.currency,
        "gen_ai.usage.cost.source": amount.source.value,
    }


def _error_type(error: BaseException) -> str:
    status = getattr(error, "status_code", None)
    return str(status) if isinstance(status, int) else type(error).__qualname__


def _plain(value: Any) -> bool:
    """Whether a value can be an attribute: the SDK marks what was not given by objects."""
    return isinstance(value, (str, int, float)) and value != ""
