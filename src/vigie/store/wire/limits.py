"""What Loki refuses of a push, by its default limits, in its words."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from vigie.store.logql.strings import quote
from vigie.store.segments.lines import StreamKey

OLDEST_SECONDS = 7 * 86_400
NEWEST_SECONDS = 600
LONGEST_LINE = 256 << 10
MOST_LABELS = 15
LONGEST_NAME = 1024
LONGEST_VALUE = 2048
MOST_METADATA = 128
LARGEST_METADATA = 64 << 10

NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_FOREIGN = re.compile(r"[^a-zA-Z0-9_]")


def printed(stream: StreamKey) -> str:
    """The labels as Loki writes them."""
    return "{" + ", ".join(f"{name}={quote(value)}" for name, value in stream) + "}"


def wrong_labels(stream: StreamKey) -> str | None:
    """Why the labels are refused."""
    if not stream:
        return "error at least one label pair is required per stream"
    for position, (name, _) in enumerate(stream):
        if NAME.fullmatch(name) is None:
            odd = name[:1] or "="
            return (
                f"couldn't parse labels: 1:{position + 2}: parse error: unexpected character"
                f" inside braces: {odd!r}"
            )
    if len(stream) > MOST_LABELS:
        return (
            f"entry for stream '{printed(stream)}' has {len(stream)} label names;"
            f" limit {MOST_LABELS}"
        )
    for name, value in stream:
        if len(name.encode()) > LONGEST_NAME:
            return f"stream '{printed(stream)}' has label name too long: '{name}'"
        if len(value.encode()) > LONGEST_VALUE:
            return f"stream '{printed(stream)}' has label value too long: '{value}'"
    return None


def wrong_time(stream: StreamKey, time: int, oldest: int, newest: int) -> str | None:
    """Why a line's time is refused; all in ns."""
    if time < oldest:
        return (
            f"entry for stream '{printed(stream)}' has timestamp too old: {moment(time)},"
            f" oldest acceptable timestamp is: {moment(oldest)}"
        )
    if time > newest:
        return f"entry for stream '{printed(stream)}' has timestamp too new: {moment(time)}"
    return None


def too_long(stream: StreamKey, size: int) -> str:
    """Why a line of so many bytes is refused."""
    return (
        f"Max entry size '{LONGEST_LINE}' bytes exceeded for stream '{printed(stream)}'"
        f" while adding an entry with length '{size}' bytes"
    )


def wrong_metadata(stream: StreamKey, metadata: dict[str, str]) -> str | None:
    """Why a line's metadata is refused."""
    if len(metadata) > MOST_METADATA:
        return (
            f"stream '{printed(stream)}' has too many structured metadata labels:"
            f" '{len(metadata)}', limit: '{MOST_METADATA}'"
        )
    size = sum(len(name) + len(value) for name, value in metadata.items())
    if size > LARGEST_METADATA:
        return (
            f"stream '{printed(stream)}' has structured metadata too large: '{size}' bytes,"
            f" limit: '{LARGEST_METADATA}' bytes"
        )
    return None


def metadata_name(name: str) -> str:
    """A name of metadata as it is kept: what is no letter, digit or `_` is `_`."""
    if NAME.fullmatch(name):
        return name
    cleaned = _FOREIGN.sub("_", name)
    return f"_{cleaned}" if cleaned[:1].isdigit() else cleaned


def moment(nanoseconds: int) -> str:
    """A time as Loki's messages have it."""
    try:
        return datetime.fromtimestamp(nanoseconds / 1e9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return str(nanoseconds)
