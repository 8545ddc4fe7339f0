"""Lines on their way into the store."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

StreamKey = tuple[tuple[str, str], ...]
"""A stream's labels, by name."""

Metadata = dict[str, str] | None

WRITTEN = pa.schema(
    [
        pa.field("stream", pa.int32(), nullable=False),
        pa.field("ts", pa.int64(), nullable=False),
        pa.field("line", pa.string(), nullable=False),
        pa.field("meta", pa.string()),
    ]
)
"""What the write-ahead log has of a line; `meta` is its metadata as JSON."""


@dataclass(slots=True)
class Lines:
    """Lines of one stream, in the order in which they were pushed; times in ns since 1970."""

    stream: StreamKey
    times: list[int]
    lines: list[str]
    metadata: list[str | None] | None = None
    """JSON objects with sorted keys; None where no line has any."""
    size: int = 0
    """Bytes of the lines."""
