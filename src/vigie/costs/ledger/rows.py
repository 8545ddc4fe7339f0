"""Priced calls as the ledger's rows.

Amounts are whole numbers of pico-units (10⁻¹² of a dollar, of a euro), rounded half to even: a sum
made by the database is then exact. A token's price has 12 decimals at most wherever a million
tokens' has 6, so amounts in dollars lose nothing; a conversion may lose half a pico-unit.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any

from vigie.costs.ledger.database import Database
from vigie.costs.money import EXACT
from vigie.costs.priced_call import UNPRICED, PricedCall
from vigie.costs.usage import Usage

TOKENS = Usage._fields

COLUMNS = (
    "key",
    "at_us",
    "service",
    "feature",
    "user_hash",
    "model",
    "asked_model",
    "operation",
    "service_tier",
    "outcome",
    *TOKENS,
    "source",
    "amount_pico",
    "currency",
    "usd_pico",
    "price_date",
    "trace_id",
    "response_id",
)

_ROW = f"({', '.join('?' * len(COLUMNS))})"
_ROWS_AT_ONCE = 40
"""Rows in one statement: older SQLites take 999 parameters."""

_DECIMALS = 12
_LONGEST_TEXT = 200
_LARGEST = 2**63 - 1
_TELLING_ID_LENGTH = 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def row_of(call: PricedCall, hashed: Callable[[str], str | None]) -> tuple[Any, ...]:
    """The row, in the order of `COLUMNS`; `hashed` turns a user into what is kept of them.

    Raises OverflowError for an amount or a count that no call can have.
    """
    at_us = microseconds(call.at)
    amount, usage = call.amount, call.usage
    return (
        _key(call.response_id, at_us),
        at_us,
        _text(call.service),
        _text(call.feature),
        hashed(call.user) if call.user else None,
        _text(call.model),
        _text(call.asked_model),
        _text(call.operation),
        _text(call.service_tier),
        _text(call.outcome),
        *map(_whole, usage),
        amount.source.value if amount else UNPRICED,
        to_pico(amount.value) if amount else None,
        amount.currency if amount else None,
        to_pico(call.usd) if amount and call.usd is not None else None,
        call.price_date.isoformat() if call.price_date else None,
        _text(call.trace_id),
        _text(call.response_id),
    )


def insert(database: Database, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows, in the order of `COLUMNS`; one whose key is there already stays away.

    Many in one statement: between two statements the threads of the application come to run, and
    each such change costs more than a row.
    """
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        some = rows[start : start + _ROWS_AT_ONCE]
        database.run(
            f"INSERT INTO vigie_calls ({', '.join(COLUMNS)}) "
            f"VALUES {', '.join([_ROW] * len(some))} ON CONFLICT (key) DO NOTHING",
            [value for row in some for value in row],
        )


def delete_before(database: Database, cutoff: datetime, at_most: int) -> int:
    """Delete the oldest calls, if they are older than `cutoff`; returns how many."""
    return database.run(
        "DELETE FROM vigie_calls WHERE seq IN "
        "(SELECT seq FROM vigie_calls WHERE at_us < ? ORDER BY at_us LIMIT ?)",
        [microseconds(cutoff), at_most],
    )


def microseconds(at: datetime) -> int:
    """A time as the ledger keeps it: microseconds since 1970, UTC."""
    return (at - _EPOCH) // _MICROSECOND


def time_of(at_us: int) -> datetime:
    """The time that the ledger keeps as `at_us`, in UTC."""
    return _EPOCH + timedelta(microseconds=at_us)


def to_pico(value: Decimal) -> int:
    """An amount in pico-units. Raises OverflowError beyond 9.2 million units."""
    if not value.is_finite():
        raise OverflowError(f"{value} is no amount")
    return _whole(int(EXACT.to_integral_value(EXACT.scaleb(value, _DECIMALS))))


def from_pico(pico: int) -> Decimal:
    """The amount of so many pico-units, without trailing zeros."""
    with localcontext(EXACT):
        return Decimal(pico).scaleb(-_DECIMALS).normalize()


def _key(response_id: str, at_us: int) -> str:
    """What makes appending idempotent.

    Some servers number their answers from 1, or draw one number out of a thousand: an id too short
    to be unique is told apart by the time, so that no call is taken for another.
    """
    if not response_id:
        return secrets.token_hex(16)
    if len(response_id) >= _TELLING_ID_LENGTH:
        return _text(response_id)
    return f"{_text(response_id)}@{at_us}"


def _text(text: str) -> str:
    """What every database takes: no NUL, no lone surrogate, and not a book."""
    if len(text) > _LONGEST_TEXT:
        text = text[:_LONGEST_TEXT]
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "").encode(errors="replace").decode()


def _whole(number: int) -> int:
    if not 0 <= number <= _LARGEST:
        raise OverflowError(f"{number} is beyond what the ledger can hold")
    return number
