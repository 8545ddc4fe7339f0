"""Spans that have ended, on their way to a receiver of OpenTelemetry's protocol.

In place of the SDK's own batches and exporter: what waits here is bounded, counted where it is
lost, and sent at the end of the process, SIGTERM included, as log lines are; the texts in it are
looked through for secrets as theirs are; and no protocol buffers are needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace import Span as SdkSpan
from opentelemetry.trace import Link, SpanContext, StatusCode

from vigie.instrument import otlp
from vigie.instrument.redaction import HIDDEN, is_secret, redacted
from vigie.instrument.shipping import Shipper

LONGEST_TEXT = 16_384

# What a span takes in memory, roughly: by how many may wait, so much is counted for each.
_SPAN_BYTES = 1_000

# Other instruments tell where a client went word by word; what clients send is not ours to keep.
_LEFT_OUT = frozenset({"url.full", "url.path", "url.query", "http.url", "http.target"})


class ShippingProcessor(SpanProcessor):
    """Hands spans that have ended to a shipper."""

    def __init__(self, shipper: Shipper[ReadableSpan]) -> None:
        self.shipper: Shipper[ReadableSpan] | None = shipper

    def on_start(self, span: SdkSpan, parent_context: Context | None = None) -> None:
        """Nothing: a span is sent when it has ended."""

    def on_end(self, span: ReadableSpan) -> None:
        """Have it sent soon."""
        shipper = self.shipper
        context = span.get_span_context()
        if shipper is not None and context is not None and context.trace_flags.sampled:
            shipper.put(span, _SPAN_BYTES)

    def shutdown(self) -> None:
        """Send what waits, and take nothing more."""
        shipper, self.shipper = self.shipper, None
        if shipper is not None:
            shipper.close()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what waits now; returns whether nothing is left."""
        return self.shipper is None or self.shipper.flush(timeout_millis / 1000)


def request_of(service: str, spans: Sequence[ReadableSpan]) -> bytes:
    """A batch as OTLP has it: an ExportTraceServiceRequest in JSON."""
    by_scope: dict[tuple[str, str], list[ReadableSpan]] = {}
    for span in spans:
        scope = span.instrumentation_scope
        key = (scope.name, scope.version or "") if scope is not None else ("", "")
        by_scope.setdefault(key, []).append(span)
    resource = {**spans[0].resource.attributes, "service.name": service}
    return otlp.body(
        {
            "resourceSpans": [
                {
                    "resource": {"attributes": otlp.attributes(resource)},
                    "scopeSpans": [
                        {
                            "scope": {"name": name, "version": version},
                            "spans": [_span(span) for span in ended],
                        }
                        for (name, version), ended in by_scope.items()
                    ],
                }
            ]
        }
    )


def _span(span: ReadableSpan) -> dict[str, Any]:
    context = span.get_span_context()
    assert context is not None  # it was asked when the span was taken
    told: dict[str, Any] = {
        **_ids(context),
        "name": redacted(span.name),
        "kind": span.kind.value + 1,
        "startTimeUnixNano": str(span.start_time),
        "endTimeUnixNano": str(span.end_time),
        "attributes": _attributes(span.attributes),
        "events": [_event(event) for event in span.events],
        "links": [_link(link) for link in span.links],
        "status": {"code": span.status.status_code.value},
    }
    if span.parent is not None:
        told["parentSpanId"] = f"{span.parent.span_id:016x}"
    if span.status.status_code is StatusCode.ERROR and span.status.description:
        told["status"]["message"] = _text(span.status.description)
    return told


def _event(event: Event) -> dict[str, Any]:
    return {
        "name": redacted(event.name),
        "timeUnixNano": str(event.timestamp),
        "attributes": _attributes(event.attributes),
    }


def _link(link: Link) -> dict[str, Any]:
    return {**_ids(link.context), "attributes": _attributes(link.attributes)}


def _ids(context: SpanContext) -> dict[str, Any]:
    return {
        "traceId": f"{context.trace_id:032x}",
        "spanId": f"{context.span_id:016x}",
        "flags": int(context.trace_flags),
    }


def _attributes(values: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    return otlp.attributes(
        {
            name: _shown(name, value)
            for name, value in (values or {}).items()
            if name not in _LEFT_OUT
        }
    )


def _shown(name: str, value: Any) -> Any:
    if not isinstance(value, int | float) and is_secret(name):
        return HIDDEN
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list | tuple):
        return [_text(each) if isinstance(each, str) else each for each in value]
    return value


def _text(text: str) -> str:
    return redacted(text[: 2 * LONGEST_TEXT])[:LONGEST_TEXT]
