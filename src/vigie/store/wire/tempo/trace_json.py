"""A trace as Tempo's JSON: OTLP's, but for ids, which are base64."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable
from typing import Any

from vigie.store.spans import Event, Link, Source, Span
from vigie.store.spans.values import Attributes, Value
from vigie.store.traceql.tree import KINDS, STATUSES

Grouped = list[tuple[Source, list[tuple[Source, list[Span]]]]]


def grouped(spans: Iterable[tuple[Source, Span]]) -> Grouped:
    """Spans by resource, and by scope in it; in the order in which they come."""
    resources: dict[str, tuple[Source, dict[str, tuple[Source, list[Span]]]]] = {}
    for source, span in spans:
        (_, resource), (_, scope) = source.stream
        _, scopes = resources.setdefault(resource, (source, {}))
        scopes.setdefault(scope, (source, []))[1].append(span)
    return [(source, list(scopes.values())) for source, scopes in resources.values()]


def resource_spans(spans: Iterable[tuple[Source, Span]]) -> list[dict[str, Any]]:
    """The list that Tempo calls `batches`, and OTLP `resourceSpans`."""
    return [
        _without_defaults(
            resource=_without_defaults(
                attributes=key_values(source.resource), droppedAttributesCount=source.dropped
            ),
            scopeSpans=[
                _without_defaults(
                    scope=_without_defaults(
                        name=scope.scope,
                        version=scope.version,
                        attributes=key_values(scope.scope_attributes),
                        droppedAttributesCount=scope.scope_dropped,
                    ),
                    spans=[_span(span) for span in inside],
                    schemaUrl=scope.scope_schema,
                )
                for scope, inside in scopes
            ],
            schemaUrl=source.schema,
        )
        for source, scopes in grouped(spans)
    ]


def key_values(attributes: Attributes) -> list[dict[str, Any]]:
    """Attributes as OTLP has them in JSON."""
    return [{"key": name, "value": any_value(value)} for name, value in attributes.items()]


def any_value(value: Value) -> dict[str, Any]:
    """A value as OTLP has it in JSON."""
    match value:
        case None:
            return {}
        case str():
            return {"stringValue": value}
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value if math.isfinite(value) else _odd(value)}
        case bytes():
            return {"bytesValue": base64.b64encode(value).decode()}
        case list():
            return {"arrayValue": {"values": [any_value(one) for one in value]}}
        case dict():
            return {"kvlistValue": {"values": key_values(value)}}


def _odd(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _span(span: Span) -> dict[str, Any]:
    told = _without_defaults(
        traceId=_base64(span.trace),
        spanId=_base64(span.span),
        traceState=span.state,
        parentSpanId=_base64(span.parent),
        flags=span.flags,
        name=span.name,
        kind=f"SPAN_KIND_{KINDS[span.kind].upper()}" if span.kind else "",
        startTimeUnixNano=str(span.start),
        endTimeUnixNano=str(span.end),
        attributes=key_values(span.attributes),
        droppedAttributesCount=span.dropped,
        events=[_event(one) for one in span.events],
        droppedEventsCount=span.dropped_events,
        links=[_link(one) for one in span.links],
        droppedLinksCount=span.dropped_links,
    )
    code = f"STATUS_CODE_{STATUSES[span.status].upper()}" if span.status else ""
    return {**told, "status": _without_defaults(message=span.message, code=code)}


def _event(one: Event) -> dict[str, Any]:
    return _without_defaults(
        timeUnixNano=str(one.time),
        name=one.name,
        attributes=key_values(one.attributes),
        droppedAttributesCount=one.dropped,
    )


def _link(one: Link) -> dict[str, Any]:
    return _without_defaults(
        traceId=_base64(one.trace),
        spanId=_base64(one.span),
        traceState=one.state,
        attributes=key_values(one.attributes),
        droppedAttributesCount=one.dropped,
        flags=one.flags,
    )


def _base64(hexadecimal: str) -> str:
    return base64.b64encode(bytes.fromhex(hexadecimal)).decode()


def _without_defaults(**members: Any) -> dict[str, Any]:
    """An object without what is as it is by default: so does Tempo's encoder."""
    return {name: value for name, value in members.items() if value not in ("", 0, [])}
