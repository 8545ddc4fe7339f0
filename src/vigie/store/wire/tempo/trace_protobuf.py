"""A trace as a protocol buffer: OTLP's TracesData, which is Tempo's Trace too."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from vigie.store.spans import Event, Link, Source, Span
from vigie.store.spans.values import Attributes, Value
from vigie.store.wire.tempo.trace_json import grouped


def trace(spans: Iterable[tuple[Source, Span]]) -> bytes:
    """The message Trace."""
    return b"".join(
        _nested(
            1,
            _nested(1, _attributes(1, source.resource) + number(2, source.dropped))
            + b"".join(_nested(2, _scope(scope, inside)) for scope, inside in scopes)
            + text(3, source.schema),
        )
        for source, scopes in grouped(spans)
    )


def answer(spans: Iterable[tuple[Source, Span]], partial: str = "") -> bytes:
    """The message TraceByIDResponse; `partial` says why the trace is not whole."""
    told = _nested(1, trace(spans)) + _nested(2, b"")
    return told + (number(3, 1) + text(4, partial) if partial else b"")


def partial_success(refused: int, why: str) -> bytes:
    """The message ExportTraceServiceResponse."""
    return _nested(1, number(1, refused) + text(2, why)) if refused else b""


def status(message: str) -> bytes:
    """The message google.rpc.Status, which OTLP has for a refusal."""
    return text(2, message)


def number(field: int, value: int) -> bytes:
    """A field with a whole number; nothing for 0."""
    return _varint(field << 3) + _varint(value) if value else b""


def text(field: int, value: str) -> bytes:
    """A field with a text; nothing for an empty one."""
    return _nested(field, value.encode()) if value else b""


def _nested(field: int, message: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(message)) + message


def _fixed64(field: int, value: int) -> bytes:
    return _varint(field << 3 | 1) + struct.pack("<Q", value)


def _fixed32(field: int, value: int) -> bytes:
    return _varint(field << 3 | 5) + struct.pack("<I", value & 0xFFFF_FFFF) if value else b""


def _bytes(field: int, hexadecimal: str) -> bytes:
    return _nested(field, bytes.fromhex(hexadecimal)) if hexadecimal else b""


def _varint(value: int) -> bytes:
    value &= 0xFFFF_FFFF_FFFF_FFFF
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _scope(source: Source, spans: list[Span]) -> bytes:
    about = (
        text(1, source.scope)
        + text(2, source.version)
        + _attributes(3, source.scope_attributes)
        + number(4, source.scope_dropped)
    )
    return (
        _nested(1, about)
        + b"".join(_nested(2, _span(one)) for one in spans)
        + text(3, source.scope_schema)
    )


def _span(span: Span) -> bytes:
    return (
        _bytes(1, span.trace)
        + _bytes(2, span.span)
        + text(3, span.state)
        + _bytes(4, span.parent)
        + text(5, span.name)
        + number(6, span.kind)
        + _fixed64(7, span.start)
        + _fixed64(8, span.end)
        + _attributes(9, span.attributes)
        + number(10, span.dropped)
        + b"".join(_nested(11, _event(one)) for one in span.events)
        + number(12, span.dropped_events)
        + b"".join(_nested(13, _link(one)) for one in span.links)
        + number(14, span.dropped_links)
        + _nested(15, text(2, span.message) + number(3, span.status))
        + _fixed32(16, span.flags)
    )


def _event(one: Event) -> bytes:
    return (
        _fixed64(1, one.time)
        + text(2, one.name)
        + _attributes(3, one.attributes)
        + number(4, one.dropped)
    )


def _link(one: Link) -> bytes:
    return (
        _bytes(1, one.trace)
        + _bytes(2, one.span)
        + text(3, one.state)
        + _attributes(4, one.attributes)
        + number(5, one.dropped)
        + _fixed32(6, one.flags)
    )


def _attributes(field: int, attributes: Attributes) -> bytes:
    return b"".join(
        _nested(field, text(1, name) + _nested(2, _any_value(value)))
        for name, value in attributes.items()
    )


def _any_value(value: Value) -> bytes:
    match value:
        case None:
            return b""
        case str():
            return _nested(1, value.encode())
        case bool():
            return _varint(2 << 3) + _varint(value)
        case int():
            return _varint(3 << 3) + _varint(value)
        case float():
            return _varint(4 << 3 | 1) + struct.pack("<d", value)
        case bytes():
            return _nested(7, value)
        case list():
            return _nested(5, b"".join(_nested(1, _any_value(one)) for one in value))
        case dict():
            return _nested(6, _attributes(1, value))
