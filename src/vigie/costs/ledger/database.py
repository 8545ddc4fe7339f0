"""The little that a ledger needs of a database, whichever it is.

SQL is written once, with `?` for parameters and without a literal `?` or `%`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from vigie.costs.ledger.place import LedgerPlace

Row = tuple[Any, ...]


class Database(Protocol):
    """One connection. Not for two threads at once."""

    counter: str
    """The type of a column that counts rows from 1, in the order in which they are committed."""

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """What a query finds."""

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Change something; returns the number of rows changed."""

    def transaction(self) -> AbstractContextManager[None]:
        """All changes within, or none; no other writer's in between."""

    def has_table(self, name: str) -> bool:
        """Whether there is such a table."""

    def refuses_row(self, error: Exception) -> bool:
        """Whether a row is at fault; else the same may succeed later (locked, full, away)."""

    def close(self) -> None:
        """Close the connection."""


def connect(place: LedgerPlace, *, create: bool, wait_seconds: float) -> Database:
    """A connection to the ledger's database; `wait_seconds` is how long it waits for a lock.

    Without `create`, raises NoLedgerError for a file that is not there. Raises LedgerError for a
    file that is no database and where the PostgreSQL driver is missing; else what the database
    raises.
    """
    if place.path is not None:
        from vigie.costs.ledger.sqlite import SqliteDatabase

        return SqliteDatabase(place.path, create=create, wait_seconds=wait_seconds)
    from vigie.costs.ledger.postgresql import PostgresqlDatabase

    return PostgresqlDatabase(place.url, wait_seconds=wait_seconds)
