"""What a ledger says: spend by quarter of an hour, totals by a word, single calls.

Times are aware; a period is from `since` up to, but without, `until`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from vigie.costs.ledger import schema
from vigie.costs.ledger.database import Database, connect
from vigie.costs.ledger.errors import LedgerError, NoLedgerError
from vigie.costs.ledger.place import LedgerPlace
from vigie.costs.ledger.rows import TOKENS, from_pico, microseconds, time_of
from vigie.costs.usage import Usage

QUARTER_US = 900_000_000
"""A quarter of an hour: all time zones' days begin at one."""

WAIT_SECONDS = 5.0

By = Literal["model", "feature", "service", "user"]

_COLUMNS: dict[By, str] = {
    "model": "model",
    "feature": "feature",
    "service": "service",
    "user": "COALESCE(user_hash, '')",
}
# A database adds up 64 bits: millions and the rest apart, no sum comes near to that.
_MILLION = 1_000_000
_SUMS = ", ".join(
    f"COALESCE(SUM({column} / {_MILLION}), 0), "
    f"COALESCE(SUM({column} - {column} / {_MILLION} * {_MILLION}), 0)"
    for column in ("amount_pico", "usd_pico")
)
_PERIOD = "at_us >= ? AND at_us < ?"


@dataclass(frozen=True, slots=True)
class Spend:
    """What calls cost together; `currency` is empty where they are unpriced.

    `tokens` counts input and output, of which the other kinds are parts.
    """

    source: str
    currency: str
    calls: int
    tokens: int
    amount: Decimal
    usd: Decimal


@dataclass(frozen=True, slots=True)
class Quarter:
    """What was spent in the quarter of an hour that begins at `start`."""

    start: datetime
    spend: Spend


@dataclass(frozen=True, slots=True)
class Share:
    """What was spent on one model, feature, service or user (`label`)."""

    label: str
    spend: Spend


@dataclass(frozen=True, slots=True)
class Extent:
    """How much a ledger holds."""

    rows: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class LedgerCall:
    """One row, as far as an invoice can be compared with it."""

    at: datetime
    response_id: str
    model: str
    operation: str
    service_tier: str
    outcome: str
    source: str
    usage: Usage
    usd: Decimal | None


class Ledger:
    """A ledger that is read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def installation(self) -> str:
        """Which ledger this is: another one at the same place has another."""
        return schema.installation(self._database)

    def quarters(
        self, since: datetime, until: datetime, after: int = 0
    ) -> tuple[list[Quarter], int]:
        """Spend by quarter of an hour, and the number of the last row that it counts.

        With `after`, what was appended since the row of that number: a reader adds it to what it
        knows, and asks with the new number next time.
        """
        # The plus keeps the database from its index of times, which a few new rows do not need.
        period = _PERIOD.replace("at_us", "+at_us") if after else _PERIOD
        rows = self._database.rows(
            f"SELECT at_us / {QUARTER_US} AS quarter, source, COALESCE(currency, ''), "
            f"COUNT(*), SUM(input + output), {_SUMS}, MAX(seq) FROM vigie_calls "
            f"WHERE {period} AND seq > ? GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
            [microseconds(since), microseconds(until), after],
        )
        found = [
            Quarter(time_of(int(row[0]) * QUARTER_US), _spend(row[1], row[2], row[3:9]))
            for row in rows
        ]
        return found, max((int(row[-1]) for row in rows), default=after)

    def shares(self, by: By, since: datetime, until: datetime) -> list[Share]:
        """Spend by model, feature, service or user."""
        rows = self._database.rows(
            f"SELECT {_COLUMNS[by]}, source, COALESCE(currency, ''), "
            f"COUNT(*), SUM(input + output), {_SUMS} FROM vigie_calls "
            f"WHERE {_PERIOD} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
            [microseconds(since), microseconds(until)],
        )
        return [Share(str(row[0]), _spend(row[1], row[2], row[3:9])) for row in rows]

    def calls(self, since: datetime, until: datetime) -> list[LedgerCall]:
        """Each call, the oldest first."""
        rows = self._database.rows(
            "SELECT at_us, response_id, model, operation, service_tier, outcome, source, usd_pico, "
            f"{', '.join(TOKENS)} FROM vigie_calls WHERE {_PERIOD} ORDER BY at_us, seq",
            [microseconds(since), microseconds(until)],
        )
        return [
            LedgerCall(
                at=time_of(row[0]),
                response_id=row[1],
                model=row[2],
                operation=row[3],
                service_tier=row[4],
                outcome=row[5],
                source=row[6],
                usd=None if row[7] is None else from_pico(row[7]),
                usage=Usage(**dict(zip(TOKENS, row[8:], strict=True))),
            )
            for row in rows
        ]

    def extent(self) -> Extent:
        """How much there is. Counts every row: not for each scrape."""
        rows, oldest = self._database.rows("SELECT COUNT(*), MIN(at_us) FROM vigie_calls")[0]
        return Extent(int(rows), None if oldest is None else time_of(oldest))


@contextmanager
def reading(place: LedgerPlace) -> Iterator[Ledger]:
    """The ledger at `place`, brought up to date if it is older than this Vigie.

    Raises NoLedgerError where there is none, NewerLedgerError for one of a newer Vigie, LedgerError
    where it cannot be opened.
    """
    try:
        database = connect(place, create=False, wait_seconds=WAIT_SECONDS)
    except Exception as error:
        raise _as_ledger_error(error, place) from error
    try:
        try:
            if place.path is None and not database.has_table("vigie_calls"):
                raise NoLedgerError(f"there is no ledger at {place}")
            schema.bring_up_to_date(database, place)
        except Exception as error:
            raise _as_ledger_error(error, place) from error
        yield Ledger(database)
    finally:
        database.close()


def _as_ledger_error(error: Exception, place: LedgerPlace) -> LedgerError:
    if isinstance(error, LedgerError):
        return error
    return LedgerError(f"the ledger {place} cannot be read: {error}")


def _spend(source: str, currency: str, figures: tuple[Any, ...]) -> Spend:
    calls, tokens, *sums = map(int, figures)
    amount, usd = (from_pico(sums[i] * _MILLION + sums[i + 1]) for i in (0, 2))
    return Spend(source, currency, calls, tokens, amount, usd)
