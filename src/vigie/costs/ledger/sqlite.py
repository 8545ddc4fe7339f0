"""A ledger in a SQLite file, shared by all processes of a machine.

In WAL mode (https://sqlite.org/wal.html) readers and the one writer do not wait for one another.
`synchronous=NORMAL`: what is committed outlives the death of the process, and all but the last
moment that of the machine; the file stays sound either way. The WAL needs shared memory, so the
file cannot be on a network's file system.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from vigie.costs.ledger.database import Row
from vigie.costs.ledger.errors import LedgerError, NoLedgerError


class SqliteDatabase:
    """A connection to a SQLite file; a new file is for its owner only."""

    # Without AUTOINCREMENT, SQLite would give the number of a deleted row again.
    counter = "INTEGER PRIMARY KEY AUTOINCREMENT"

    def __init__(self, path: Path, *, create: bool, wait_seconds: float) -> None:
        if create:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        elif not path.is_file():
            raise NoLedgerError(f"there is no ledger at {path}")
        self._connection = sqlite3.connect(
            path, timeout=wait_seconds, isolation_level=None, check_same_thread=False
        )
        try:
            # Only the first connection changes the mode: it is kept in the file.
            if self._connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
                self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
        except sqlite3.DatabaseError as error:
            self._connection.close()
            if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
                raise LedgerError(
                    f"{path} is no SQLite file: name another one in ledger.url"
                ) from None
            raise
        except BaseException:
            self._connection.close()
            raise

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """What a query finds."""
        return self._connection.execute(sql, parameters).fetchall()

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Change something; returns the number of rows changed."""
        return self._connection.execute(sql, parameters).rowcount

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All changes within, or none; no other writer's in between."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            # A full disk may have rolled it back already.
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            raise

    def has_table(self, name: str) -> bool:
        """Whether there is such a table."""
        return bool(
            self.rows("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", [name])
        )

    def refuses_row(self, error: Exception) -> bool:
        """Whether a row is at fault; else the same may succeed later (locked, full)."""
        return isinstance(error, (sqlite3.DataError, sqlite3.IntegrityError, OverflowError))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
