"""Stores to push to and to ask."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from running_store import Client, opened, served
from vigie.store.segments import LogStore, StoreLimits


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LogStore]:
    """An empty store that makes no segments by itself."""
    with opened(tmp_path / "store", StoreLimits(idle_seconds=3600)) as one:
        yield one


@pytest.fixture
def client(store: LogStore) -> Iterator[Client]:
    """Asks a server of the store."""
    with served(store) as one:
        yield one
