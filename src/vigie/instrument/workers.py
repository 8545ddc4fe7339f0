"""Several worker processes behind one port: `/metrics` is exact whichever of them answers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""prometheus_client's own variable: the folder that the workers of one service share."""


@contextmanager
def everyones(registry: CollectorRegistry) -> Iterator[CollectorRegistry]:
    """The registry to render: this process's own, or one that reads all workers' files."""
    if FOLDER_VARIABLE not in os.environ:
        yield registry
        return
    whole = CollectorRegistry()
    MultiProcessCollector(whole)  # type: ignore[no-untyped-call]
    yield whole
