"""Stores to push to and to ask."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from running_store import Client, opened, opened_spans, served
from vigie.store.segments import LogStore, StoreLimits
from vigie.store.spans import SpanStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LogStore]:
    """An empty store that makes no segments by itself."""
    with opened(tmp_path / "store", StoreLimits(idle_seconds=3600)) as one:
        yield one


@pytest.fixture
def spans(tmp_path: Path) -> Iterator[SpanStore]:
    """An empty store of spans that makes no segments by itself."""
    with opened_spans(tmp_path / "spans", StoreLimits(idle_seconds=3600)) as one:
        yield one


@pytest.fixture
def client(store: LogStore, spans: SpanStore) -> Iterator[Client]:
    """Asks a server of both stores."""
    with served(store, spans) as one:
        yield one
