"""A span, and what it comes from; how both become a line of the store and its stream.

A line is JSON with the span itself; its metadata is JSON with what is seldom there and may be long:
events, links and what was dropped. The stream is the resource and the instrumentation scope. The
same span has the same line, so a span that is sent again is a line that is there already.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import msgspec

from vigie.store.segments.lines import Lines, StreamKey
from vigie.store.spans.values import Attributes, tagged, untagged

encode = msgspec.json.Encoder().encode
"""Of a line: texts in conditions are written by the same."""
_decode = msgspec.json.Decoder().decode
_encode_sorted = msgspec.json.Encoder(order="sorted").encode

NO_SERVICE = "unknown_service"
"""What a resource without `service.name` is called."""


@dataclass(frozen=True, slots=True)
class Source:
    """Whose spans these are: a resource, and the instrumentation scope in it."""

    resource: Attributes = field(default_factory=dict, hash=False)
    dropped: int = 0
    """Attributes of the resource."""
    schema: str = ""
    scope: str = ""
    version: str = ""
    scope_attributes: Attributes = field(default_factory=dict, hash=False)
    scope_dropped: int = 0
    scope_schema: str = ""

    @property
    def service(self) -> str:
        """The name of the service."""
        name = self.resource.get("service.name")
        return name if isinstance(name, str) and name else NO_SERVICE

    @property
    def stream(self) -> StreamKey:
        """The labels of the stream that its spans are in."""
        resource = {"a": _texts(self.resource), "d": self.dropped, "u": self.schema}
        scope = {
            "n": self.scope,
            "v": self.version,
            "a": _texts(self.scope_attributes),
            "d": self.scope_dropped,
            "u": self.scope_schema,
        }
        return (("resource", _sorted(resource)), ("scope", _sorted(scope)))


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened during a span; `time` in ns since 1970."""

    time: int
    name: str
    attributes: Attributes = field(default_factory=dict, hash=False)
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Link:
    """Another span that has to do with one; ids in hexadecimal."""

    trace: str
    span: str
    state: str = ""
    attributes: Attributes = field(default_factory=dict, hash=False)
    dropped: int = 0
    flags: int = 0


@dataclass(frozen=True, slots=True)
class Span:
    """A span; ids in hexadecimal, times in ns since 1970, `kind` and `status` as OTLP counts."""

    trace: str
    span: str
    start: int
    end: int
    name: str = ""
    parent: str = ""
    kind: int = 0
    status: int = 0
    message: str = ""
    attributes: Attributes = field(default_factory=dict, hash=False)
    events: tuple[Event, ...] = ()
    links: tuple[Link, ...] = ()
    state: str = ""
    flags: int = 0
    dropped: int = 0
    """Attributes."""
    dropped_events: int = 0
    dropped_links: int = 0

    @property
    def duration(self) -> int:
        """Nanoseconds; none is negative."""
        return max(self.end - self.start, 0)


def lines_of(found: Iterable[tuple[Source, Span]]) -> list[Lines]:
    """Spans as lines, one `Lines` for each source."""
    streams: dict[StreamKey, Lines] = {}
    keys: dict[int, tuple[Source, StreamKey]] = {}
    for source, span in found:
        if id(source) not in keys:  # most spans come with the very source of the one before
            keys[id(source)] = (source, source.stream)
        key = keys[id(source)][1]
        lines = streams.setdefault(key, Lines(key, [], [], []))
        line, metadata = written(span)
        lines.times.append(span.start)
        lines.lines.append(line)
        assert lines.metadata is not None  # it was made with some
        lines.metadata.append(metadata)
        lines.size += len(line) + len(metadata or "")
    return list(streams.values())


def written(span: Span) -> tuple[str, str | None]:
    """The line of a span, and its metadata."""
    line = {
        "t": span.trace,
        "s": span.span,
        "p": span.parent,
        "n": span.name,
        "k": span.kind,
        "e": span.end,
        "c": span.status,
        "m": span.message,
        "a": _texts(span.attributes),
    }
    rest: dict[str, Any] = {
        "ev": [
            {"t": one.time, "n": one.name, "a": _texts(one.attributes), "d": one.dropped}
            for one in span.events
        ],
        "l": [
            {
                "t": one.trace,
                "s": one.span,
                "st": one.state,
                "a": _texts(one.attributes),
                "d": one.dropped,
                "f": one.flags,
            }
            for one in span.links
        ],
        "st": span.state,
        "f": span.flags,
        "d": span.dropped,
        "de": span.dropped_events,
        "dl": span.dropped_links,
    }
    rest = {name: value for name, value in rest.items() if value}
    return encode(line).decode(), encode(rest).decode() if rest else None


def read(start: int, line: str, metadata: str | None) -> Span:
    """The span of a line that begins at `start`."""
    told = _decode(line)
    rest = _decode(metadata) if metadata else {}
    return Span(
        trace=told["t"],
        span=told["s"],
        start=start,
        end=told["e"],
        name=told["n"],
        parent=told["p"],
        kind=told["k"],
        status=told["c"],
        message=told["m"],
        attributes=_values(told["a"]),
        events=tuple(
            Event(one["t"], one["n"], _values(one["a"]), one["d"]) for one in rest.get("ev", ())
        ),
        links=tuple(
            Link(one["t"], one["s"], one["st"], _values(one["a"]), one["d"], one["f"])
            for one in rest.get("l", ())
        ),
        state=rest.get("st", ""),
        flags=rest.get("f", 0),
        dropped=rest.get("d", 0),
        dropped_events=rest.get("de", 0),
        dropped_links=rest.get("dl", 0),
    )


@lru_cache(maxsize=10_000)
def source_of(resource: str, scope: str) -> Source:
    """The source of a stream, by its labels."""
    r, s = _decode(resource), _decode(scope)
    return Source(
        resource=_values(r["a"]),
        dropped=r["d"],
        schema=r["u"],
        scope=s["n"],
        version=s["v"],
        scope_attributes=_values(s["a"]),
        scope_dropped=s["d"],
        scope_schema=s["u"],
    )


def _texts(attributes: Attributes) -> dict[str, str]:
    return {name: tagged(value) for name, value in attributes.items()}


def _values(texts: dict[str, str]) -> Attributes:
    return {name: untagged(text) for name, text in texts.items()}


def _sorted(one: dict[str, Any]) -> str:
    return _encode_sorted(one).decode()
