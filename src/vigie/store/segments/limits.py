"""What bounds a store."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """How much the store keeps, and holds in memory."""

    retention_seconds: float = 7 * 86_400
    max_bytes: int | None = None
    """Of the files; the oldest segments go first."""
    queue_bytes: int = 16 * MIB
    """Of lines that wait to be written."""
    head_bytes: int = 64 * MIB
    """Of lines that are in no segment yet; above it pushes are refused."""
    chunk_bytes: int = 12 * MIB
    """Of lines; so much becomes one segment."""
    chunk_seconds: float = 300
    """A chunk that is older becomes a segment, however small."""
    idle_seconds: float = 1.5
    """A chunk of some size that nothing is added to becomes a segment."""
    quiet_seconds: float = 0.7
    """Columns are made when nothing has come for so long."""
    most_streams: int = 100_000
