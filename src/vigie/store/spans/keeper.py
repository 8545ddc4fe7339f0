"""The store of spans: a store of lines, whose lines are spans."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from pathlib import Path

from vigie.store.segments import LogStore, StoreLimits
from vigie.store.spans.columns import span_columns
from vigie.store.spans.span import Source, Span, lines_of


class SpanStore(LogStore):
    """The spans of one folder; one process has it, others get `HeldError`."""

    def __init__(
        self,
        folder: Path,
        limits: StoreLimits | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(folder, limits, clock, span_columns)
        self.invalid = 0
        """Spans that were refused, each for a fault of its own."""

    def add(self, spans: Iterable[tuple[Source, Span]]) -> Future[None]:
        """Give spans to be written; the future is done when they are on disk.

        Raises and fails as `push`.
        """
        return self.push(lines_of(spans))
