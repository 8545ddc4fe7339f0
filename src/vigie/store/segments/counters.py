"""What a store counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Counters:
    """What the store has done; the wire shows them as metrics."""

    lines: int = 0
    bytes: int = 0
    repeated_lines: int = 0
    commits: int = 0
    refused_full: int = 0
    refused_queue: int = 0
    dropped_segments_age: int = 0
    dropped_segments_size: int = 0
    failed_writes: int = 0
