"""Ledgers to write to: a SQLite file, and a database of a real PostgreSQL server."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from priced_calls import Told
from vigie.costs.ledger import LedgerPlace, LedgerWriter


@pytest.fixture
def file(tmp_path: Path) -> LedgerPlace:
    """A ledger in a SQLite file that does not exist yet."""
    return LedgerPlace.in_folder(tmp_path)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
def place(request: pytest.FixtureRequest, file: LedgerPlace) -> LedgerPlace:
    """A ledger that does not exist yet, of either kind."""
    if request.param == "sqlite":
        return file
    server: str = request.getfixturevalue("postgresql")
    name = f"ledger_{secrets.token_hex(4)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return replace(file, url=f"{server.rpartition('/')[0]}/{name}")


@pytest.fixture
def told() -> Told:
    """Who is told what the writer could not do."""
    return Told()


@pytest.fixture
def writer(place: LedgerPlace, told: Told) -> Iterator[LedgerWriter]:
    """A writer to the ledger."""
    found = told.writer(place)
    yield found
    found.close()
