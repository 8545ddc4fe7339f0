"""OTLP traces, as OpenTelemetry's exporters send them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from vigie.store.spans import Event, Link, Source, Span
from vigie.store.traceql.tree import KINDS, STATUSES
from vigie.store.wire import protobuf
from vigie.store.wire.attributes import (
    Attributes,
    attributes_of,
    attributes_of_json,
    items,
    member,
    pair,
)
from vigie.store.wire.body import unpacked
from vigie.store.wire.errors import RequestError, bad

JSON, PROTOBUF = "application/json", "application/x-protobuf"

LARGEST_SPAN = 2 << 20
"""Bytes of the text and bytes in a span; a larger one is refused."""
_LATEST = 2**63 - 1

Held = tuple[Source, Span]


@dataclass(slots=True)
class Read:
    """What a request brought: spans, and why others are refused, each reason with their number."""

    spans: list[Held] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)

    def refuse(self, why: str) -> None:
        """Count a span that is refused."""
        self.refused[why] = self.refused.get(why, 0) + 1


def content_type(header: str) -> str:
    """`JSON` or `PROTOBUF`; raises `RequestError` with 415 for another."""
    kind = header.partition(";")[0].strip().lower()
    if kind == JSON:
        return JSON
    if kind in (PROTOBUF, "application/protobuf"):
        return PROTOBUF
    raise RequestError(415, f"unsupported content type {kind!r}: {PROTOBUF} or {JSON}")


def read_spans(body: bytes, kind: str, encoding: str, now: float, oldest: float) -> Read:
    """The spans of an ExportTraceServiceRequest.

    `now` and `oldest` are in seconds: a span from before `oldest`, or from after tomorrow, is
    refused alone. Raises `RequestError` where the whole request is no such message.
    """
    content = unpacked(body, encoding)
    read = Read()
    try:
        found = _of_json(content, read) if kind == JSON else _of_protobuf(content, read)
        newest_ns, oldest_ns = int((now + 86_400) * 1e9), int(oldest * 1e9)
        for held in found:
            why = _refusal(held[1], oldest_ns, newest_ns)
            if why is None:
                read.spans.append(held)
            else:
                read.refuse(why)
    except protobuf.ProtobufError as error:
        raise bad(f"proto: {error}") from None
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise bad(f"cannot read the spans: {error}") from None
    return read


def _refusal(span: Span, oldest: int, newest: int) -> str | None:
    if len(span.trace) != 32 or not span.trace.strip("0"):
        return "a trace id is 16 bytes, not all zero"
    if len(span.span) != 16 or not span.span.strip("0"):
        return "a span id is 8 bytes, not all zero"
    if len(span.parent) not in (0, 16):
        return "a parent's span id is 8 bytes"
    if span.start < oldest:
        return "a span begins before what is kept"
    if span.start > newest or span.end > _LATEST:
        return "a span begins in the future"
    return None


def _parent(span: str) -> str:
    """No parent is told by none, or by zeros."""
    return span if span.strip("0") else ""


# --- protocol buffers ------------------------------------------------------------------------


def _of_protobuf(body: bytes, read: Read) -> Iterator[Held]:
    for number, value in protobuf.fields(body):
        if number != 1:
            continue
        resource: Attributes = {}
        dropped, schema = 0, ""
        scopes: list[bytes] = []
        for part, content in protobuf.fields(protobuf.raw(value)):
            if part == 1:
                message = protobuf.raw(content)
                resource = attributes_of(message, 1)
                dropped = _last(message, 2)
            elif part == 2:
                scopes.append(protobuf.raw(content))
            elif part == 3:
                schema = protobuf.text(content)
        for scope in scopes:
            source, spans = _scope(scope, resource, dropped, schema)
            for one in spans:
                if len(one) > LARGEST_SPAN:
                    read.refuse(f"a span is larger than {LARGEST_SPAN} bytes")
                else:
                    yield source, _span(one)


def _scope(
    message: bytes, resource: Attributes, dropped: int, schema: str
) -> tuple[Source, list[bytes]]:
    spans: list[bytes] = []
    told: dict[str, Any] = {}
    for part, content in protobuf.fields(message):
        if part == 1:
            about = protobuf.raw(content)
            for number, value in protobuf.fields(about):
                if number in (1, 2):
                    told["scope" if number == 1 else "version"] = protobuf.text(value)
                elif number == 4:
                    told["scope_dropped"] = protobuf.whole(value)
            told["scope_attributes"] = attributes_of(about, 3)
        elif part == 2:
            spans.append(protobuf.raw(content))
        elif part == 3:
            told["scope_schema"] = protobuf.text(content)
    return Source(resource, dropped, schema, **told), spans


def _span(message: bytes) -> Span:
    told: dict[str, Any] = {"trace": "", "span": "", "start": 0, "end": 0}
    attributes: Attributes = {}
    events: list[Event] = []
    links: list[Link] = []
    for number, value in protobuf.fields(message):
        match number:
            case 1:
                told["trace"] = protobuf.raw(value).hex()
            case 2:
                told["span"] = protobuf.raw(value).hex()
            case 3:
                told["state"] = protobuf.text(value)
            case 4:
                told["parent"] = _parent(protobuf.raw(value).hex())
            case 5:
                told["name"] = protobuf.text(value)
            case 6:
                told["kind"] = _known(protobuf.whole(value), KINDS)
            case 7:
                told["start"] = protobuf.whole(value)
            case 8:
                told["end"] = protobuf.whole(value)
            case 9:
                name, content = pair(protobuf.raw(value))
                attributes[name] = content
            case 10:
                told["dropped"] = protobuf.whole(value)
            case 11:
                events.append(_event(protobuf.raw(value)))
            case 12:
                told["dropped_events"] = protobuf.whole(value)
            case 13:
                links.append(_link(protobuf.raw(value)))
            case 14:
                told["dropped_links"] = protobuf.whole(value)
            case 15:
                for part, content in protobuf.fields(protobuf.raw(value)):
                    if part == 2:
                        told["message"] = protobuf.text(content)
                    elif part == 3:
                        told["status"] = _known(protobuf.whole(content), STATUSES)
            case 16:
                told["flags"] = protobuf.whole(value)
    return Span(**told, attributes=attributes, events=tuple(events), links=tuple(links))


def _event(message: bytes) -> Event:
    time, name, dropped = 0, "", 0
    for number, value in protobuf.fields(message):
        if number == 1:
            time = protobuf.whole(value)
        elif number == 2:
            name = protobuf.text(value)
        elif number == 4:
            dropped = protobuf.whole(value)
    return Event(min(time, _LATEST), name, attributes_of(message, 3), dropped)


def _link(message: bytes) -> Link:
    told: dict[str, Any] = {"trace": "", "span": ""}
    for number, value in protobuf.fields(message):
        match number:
            case 1:
                told["trace"] = protobuf.raw(value).hex()
            case 2:
                told["span"] = protobuf.raw(value).hex()
            case 3:
                told["state"] = protobuf.text(value)
            case 5:
                told["dropped"] = protobuf.whole(value)
            case 6:
                told["flags"] = protobuf.whole(value)
    return Link(**told, attributes=attributes_of(message, 4))


def _last(message: bytes, field: int) -> int:
    """The number in a field of a message; 0 where there is none."""
    found = 0
    for number, value in protobuf.fields(message):
        if number == field:
            found = protobuf.whole(value)
    return found


def _known(number: int, words: tuple[str, ...]) -> int:
    """A number that means something; 0 for one of a later OTLP."""
    return number if number < len(words) else 0


# --- JSON ------------------------------------------------------------------------------------


def _of_json(body: bytes, read: Read) -> Iterator[Held]:
    request = msgspec.json.decode(body)
    if not isinstance(request, dict):
        raise TypeError("no object")
    for about in items(request, "resourceSpans"):
        resource = member(about, "resource")
        attributes = attributes_of_json(resource)
        for scope in items(about, "scopeSpans"):
            told = member(scope, "scope")
            source = Source(
                resource=attributes,
                dropped=_count(resource, "droppedAttributesCount"),
                schema=_text(about, "schemaUrl"),
                scope=_text(told, "name"),
                version=_text(told, "version"),
                scope_attributes=attributes_of_json(told),
                scope_dropped=_count(told, "droppedAttributesCount"),
                scope_schema=_text(scope, "schemaUrl"),
            )
            for one in items(scope, "spans"):
                span = _span_of_json(one)
                if len(msgspec.json.encode(one)) > LARGEST_SPAN:
                    read.refuse(f"a span is larger than {LARGEST_SPAN} bytes")
                else:
                    yield source, span


def _span_of_json(one: Any) -> Span:
    status = member(one, "status")
    return Span(
        trace=_id(one, "traceId"),
        span=_id(one, "spanId"),
        start=_count(one, "startTimeUnixNano"),
        end=_count(one, "endTimeUnixNano"),
        name=_text(one, "name"),
        parent=_parent(_id(one, "parentSpanId")),
        kind=_word(one, "kind", KINDS, "SPAN_KIND_"),
        status=_word(status, "code", STATUSES, "STATUS_CODE_"),
        message=_text(status, "message"),
        attributes=attributes_of_json(one),
        events=tuple(
            Event(
                min(_count(event, "timeUnixNano"), _LATEST),
                _text(event, "name"),
                attributes_of_json(event),
                _count(event, "droppedAttributesCount"),
            )
            for event in items(one, "events")
        ),
        links=tuple(
            Link(
                _id(link, "traceId"),
                _id(link, "spanId"),
                _text(link, "traceState"),
                attributes_of_json(link),
                _count(link, "droppedAttributesCount"),
                _count(link, "flags"),
            )
            for link in items(one, "links")
        ),
        state=_text(one, "traceState"),
        flags=_count(one, "flags"),
        dropped=_count(one, "droppedAttributesCount"),
        dropped_events=_count(one, "droppedEventsCount"),
        dropped_links=_count(one, "droppedLinksCount"),
    )


def _text(one: Any, name: str) -> str:
    value = one.get(name) or ""
    if not isinstance(value, str):
        raise TypeError(f"{name} is {value!r}")
    return value


def _id(one: Any, name: str) -> str:
    """An id, in hexadecimal."""
    return bytes.fromhex(_text(one, name)).hex()


def _count(one: Any, name: str) -> int:
    """A whole number of 64 bits without a sign, which JSON may have as a text."""
    value = one.get(name) or 0
    if isinstance(value, float) and not value.is_integer():
        raise ValueError(f"{name} is {value}")
    number = int(value)
    if not 0 <= number < 2**64:
        raise ValueError(f"{name} is {value}, which is out of range")
    return number


def _word(one: Any, name: str, words: tuple[str, ...], prefix: str) -> int:
    """A member of an enumeration, by its number or by its name."""
    value = one.get(name) or 0
    if isinstance(value, str) and value.startswith(prefix):
        word = value.removeprefix(prefix).lower()
        return words.index(word) if word in words else 0
    return _known(_count(one, name), words)
