"""The ledger's tables, and how an older ledger becomes a present one.

Version n is what the first n steps make. A step is never changed once it was released: what is
needed next is a further step.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from vigie.costs.ledger.database import Database
from vigie.costs.ledger.errors import NewerLedgerError
from vigie.costs.ledger.place import LedgerPlace
from vigie.costs.ledger.rows import microseconds

Step = Callable[[Database], None]

_TABLE = "vigie_ledger"


def _calls_and_reservations(database: Database) -> None:
    database.run(
        f"""
        CREATE TABLE vigie_calls (
            seq {database.counter},
            key TEXT NOT NULL UNIQUE,
            at_us BIGINT NOT NULL,
            service TEXT NOT NULL,
            feature TEXT NOT NULL,
            user_hash TEXT,
            model TEXT NOT NULL,
            asked_model TEXT NOT NULL,
            operation TEXT NOT NULL,
            service_tier TEXT NOT NULL,
            outcome TEXT NOT NULL,
            input BIGINT NOT NULL,
            output BIGINT NOT NULL,
            cached_input BIGINT NOT NULL,
            cache_write BIGINT NOT NULL,
            input_audio BIGINT NOT NULL,
            reasoning BIGINT NOT NULL,
            output_audio BIGINT NOT NULL,
            source TEXT NOT NULL,
            amount_pico BIGINT,
            currency TEXT,
            usd_pico BIGINT,
            price_date TEXT,
            trace_id TEXT NOT NULL,
            response_id TEXT NOT NULL
        )
        """
    )
    database.run("CREATE INDEX vigie_calls_at ON vigie_calls (at_us)")
    database.run(
        """
        CREATE TABLE vigie_reservations (
            id TEXT PRIMARY KEY,
            usd_pico BIGINT NOT NULL,
            expires_us BIGINT NOT NULL
        )
        """
    )


STEPS: tuple[Step, ...] = (_calls_and_reservations,)


def bring_up_to_date(
    database: Database, place: LedgerPlace, steps: tuple[Step, ...] = STEPS
) -> None:
    """Make the tables, or what they lack. Raises NewerLedgerError for a ledger of a newer Vigie."""
    if _version(database, place, steps) == len(steps):
        return
    with database.transaction():
        version = _version(database, place, steps)
        if version == 0:
            # installation tells one ledger from another that was made in its place.
            database.run(
                f"CREATE TABLE {_TABLE} (version INTEGER NOT NULL, installation TEXT NOT NULL, "
                "pruned_us BIGINT NOT NULL)"
            )
            database.run(f"INSERT INTO {_TABLE} VALUES (0, ?, 0)", [secrets.token_hex(8)])
        for step in steps[version:]:
            step(database)
        database.run(f"UPDATE {_TABLE} SET version = ?", [len(steps)])


def installation(database: Database) -> str:
    """Which ledger this is."""
    return str(database.rows(f"SELECT installation FROM {_TABLE}")[0][0])


def claim_pruning(database: Database, now: datetime, every: timedelta) -> bool:
    """Whether it is this process's turn to delete old rows: one process's, once in `every`."""
    return bool(
        database.run(
            f"UPDATE {_TABLE} SET pruned_us = ? WHERE pruned_us <= ?",
            [microseconds(now), microseconds(now - every)],
        )
    )


def _version(database: Database, place: LedgerPlace, steps: tuple[Step, ...]) -> int:
    if not database.has_table(_TABLE):
        return 0
    version = int(database.rows(f"SELECT version FROM {_TABLE}")[0][0])
    if version > len(steps):
        raise NewerLedgerError(
            f"the ledger {place} is of version {version}, and this Vigie knows versions up to "
            f"{len(steps)}: install the Vigie that wrote it (pip install -U vigie), or name "
            "another ledger in ledger.url"
        )
    return version
