"""A ledger in PostgreSQL, shared by several machines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from vigie.costs.ledger.database import Row
from vigie.costs.ledger.errors import LedgerError

if TYPE_CHECKING:
    import psycopg

_LOCK = 0x56494749450001
"""Whoever changes a ledger holds this advisory lock: what is counted is then also committed in the
order of the counter, which PostgreSQL's sequences do not promise."""


class PostgresqlDatabase:
    """A connection to a PostgreSQL database."""

    counter = "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"

    def __init__(self, url: str, *, wait_seconds: float) -> None:
        try:
            import psycopg
        except ImportError:
            raise LedgerError(
                "a ledger in PostgreSQL needs its driver: pip install 'vigie[postgresql]'"
            ) from None
        self._row_errors = (psycopg.DataError, psycopg.IntegrityError)
        self._lock_timeout = f"{round(wait_seconds * 1000)}ms"
        self._connection: psycopg.Connection[Row] = psycopg.connect(
            url,
            autocommit=True,
            connect_timeout=5,
            tcp_user_timeout=10_000,  # milliseconds until a silent network counts as away
            application_name="vigie",
            prepare_threshold=None,  # a pooler between may not keep prepared statements
        )

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """What a query finds."""
        return self._connection.execute(_format(sql), parameters).fetchall()

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Change something; returns the number of rows changed."""
        return self._connection.execute(_format(sql), parameters).rowcount

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All changes within, or none; no other writer's in between."""
        with self._connection.transaction():
            self._connection.execute(
                "SELECT set_config('lock_timeout', %s, true)", [self._lock_timeout]
            )
            self._connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            yield

    def has_table(self, name: str) -> bool:
        """Whether there is such a table."""
        # Not to_regclass: it may answer from a cache of before the lock was ours.
        return bool(
            self.rows(
                "SELECT 1 FROM pg_tables WHERE tablename = ? "
                "AND schemaname = ANY(current_schemas(false))",
                [name],
            )
        )

    def refuses_row(self, error: Exception) -> bool:
        """Whether a row is at fault; else the same may succeed later (locked, full, away)."""
        return isinstance(error, self._row_errors)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _format(sql: str) -> str:
    return sql.replace("?", "%s")
