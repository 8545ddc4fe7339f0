"""`POST /loki/api/v1/push`: JSON, or snappy and protocol buffers as Promtail and Alloy send."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import lru_cache

import msgspec

from vigie.store.logql.strings import unquote
from vigie.store.segments.lines import Lines, StreamKey
from vigie.store.wire import limits, protobuf
from vigie.store.wire.body import unpacked, unsnapped
from vigie.store.wire.errors import RequestError, bad

NO_STREAM = "error at least one valid stream is required for ingestion"


class Line(msgspec.Struct, array_like=True):
    """A line of a push: `["ns", "text", {"name": "value"}]`."""

    time: int
    text: str
    metadata: dict[str, str] | None = None


class Stream(msgspec.Struct):
    """Lines of one stream."""

    stream: dict[str, str] = {}
    values: list[Line] = []


class Push(msgspec.Struct):
    """The body of a push in JSON."""

    streams: list[Stream] | None = None


@dataclass(slots=True)
class Accepted:
    """The lines of a push that are good, and why the others are not."""

    lines: list[Lines] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    @property
    def refusal(self) -> RequestError | None:
        """The answer, where some of the push was refused."""
        if not self.refusals:
            return None
        first = self.refusals[0]
        if len(self.refusals) > 1:
            first += f"\n(and {len(self.refusals) - 1} more)"
        return bad(first)


_DECODER = msgspec.json.Decoder(Push, strict=False)


def read_push(body: bytes, content_type: str, encoding: str) -> list[Stream]:
    """The streams of a push; raises `RequestError`."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json":
        streams = _read_json(unpacked(body, encoding))
    elif encoding in ("", "snappy"):
        streams = _read_protobuf(unsnapped(body))
    else:
        raise bad(f'Content-Encoding "{encoding}" not supported')
    if not streams:
        raise RequestError(422, NO_STREAM)
    return streams


def _read_json(body: bytes) -> list[Stream]:
    if not body:
        raise bad("EOF")
    try:
        return _DECODER.decode(body).streams or []
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise bad(f"cannot read the push: {error}") from None


def _read_protobuf(body: bytes) -> list[Stream]:
    """logproto.PushRequest."""
    try:
        return [
            _stream(protobuf.raw(value)) for number, value in protobuf.fields(body) if number == 1
        ]
    except protobuf.ProtobufError as error:
        raise bad(f"proto: {error}") from None


def _stream(message: bytes) -> Stream:
    labels, lines = "", []
    for number, value in protobuf.fields(message):
        if number == 1:
            labels = protobuf.text(value)
        elif number == 2:
            lines.append(_line(protobuf.raw(value)))
    return Stream(read_labels(labels), lines)


def _line(message: bytes) -> Line:
    time, text, metadata = 0, "", {}
    for number, value in protobuf.fields(message):
        if number == 1:
            time = _time(protobuf.raw(value))
        elif number == 2:
            text = protobuf.text(value)
        elif number == 3:
            pair = {1: "", 2: ""}
            for part, content in protobuf.fields(protobuf.raw(value)):
                pair[part] = protobuf.text(content) if part in pair else ""
            metadata[pair[1]] = pair[2]
    return Line(time, text, metadata or None)


def _time(message: bytes) -> int:
    seconds = nanoseconds = 0
    for number, value in protobuf.fields(message):
        if number == 1:
            seconds = protobuf.signed(value)
        elif number == 2:
            nanoseconds = protobuf.signed(value)
    return seconds * 10**9 + nanoseconds


_PAIR = re.compile(
    r'\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*=\s*("(?:[^"\\\n]|\\.)*"|`[^`]*`|\'(?:[^\'\\\n]|\\.)*\')\s*'
)


@lru_cache(maxsize=10_000)
def read_labels(text: str) -> dict[str, str]:
    """The labels of `{a="b", c="d"}`; raises `RequestError`."""
    inside = text.strip()
    if not (inside.startswith("{") and inside.endswith("}")):
        raise bad(f"couldn't parse labels: 1:1: parse error: unexpected {inside[:1]!r}")
    labels: dict[str, str] = {}
    at, end = 1, len(inside) - 1
    while inside[at:end].strip():
        found = _PAIR.match(inside, at, end)
        if found is None:
            raise bad(
                f"couldn't parse labels: 1:{at + 1}: parse error: unexpected character inside"
                f" braces: {inside[at:end].lstrip()[:1]!r}"
            )
        try:
            labels[found[1]] = unquote(found[2])
        except ValueError as error:
            raise bad(f"couldn't parse labels: 1:{at + 1}: parse error: {error}") from None
        at = found.end()
        if at < end and inside[at] != ",":
            raise bad(f"couldn't parse labels: 1:{at + 1}: parse error: unexpected {inside[at]!r}")
        at += 1
    return labels


def accepted(streams: list[Stream], now: float) -> Accepted:
    """The lines of a push that Loki's limits let in; `now` in seconds since 1970."""
    result = Accepted()
    oldest = int((now - limits.OLDEST_SECONDS) * 1e9)
    newest = int((now + limits.NEWEST_SECONDS) * 1e9)
    for one in streams:
        key: StreamKey = tuple(sorted((name, v) for name, v in one.stream.items() if v))
        if why := limits.wrong_labels(key):
            result.refusals.append(why)
            continue
        lines = _accepted_lines(one.values, key, oldest, newest, result.refusals)
        if lines.times:
            result.lines.append(lines)
    return result


def _accepted_lines(
    values: list[Line], key: StreamKey, oldest: int, newest: int, refusals: list[str]
) -> Lines:
    times = [line.time for line in values]
    texts = [line.text for line in values]
    size = sum(map(len, texts))
    plain = all(line.metadata is None for line in values)
    if (
        plain
        and times
        and min(times) >= oldest
        and max(times) <= newest
        and max(map(len, texts)) <= limits.LONGEST_LINE // 4
    ):
        return Lines(key, times, texts, None, size)
    good = Lines(key, [], [], [], 0)
    assert good.metadata is not None
    for line in values:
        why = limits.wrong_time(key, line.time, oldest, newest)
        line_size = len(line.text.encode(errors="replace"))
        if why is None and line_size > limits.LONGEST_LINE:
            why = limits.too_long(key, line_size)
        if why is None and line.metadata:
            why = limits.wrong_metadata(key, line.metadata)
        if why is not None:
            refusals.append(why)
            continue
        good.times.append(line.time)
        good.lines.append(line.text)
        good.metadata.append(kept_metadata(line.metadata))
        good.size += line_size
    return good


def kept_metadata(metadata: dict[str, str] | None) -> str | None:
    """Metadata as it is kept: names as labels', sorted, none empty."""
    if not metadata:
        return None
    named = {limits.metadata_name(name): value for name, value in metadata.items() if value}
    return json.dumps(named, ensure_ascii=False, sort_keys=True) if named else None
