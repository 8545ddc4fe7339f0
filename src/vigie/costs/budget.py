"""What a day may cost, and when that will have been spent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Literal

from vigie.costs.day import Day
from vigie.costs.projection import QUARTER, Projection

OnExceeded = Literal["raise", "warn"]


@dataclass(frozen=True, slots=True)
class Budget:
    """A limit that calls are held to: `Budget(daily=20, on_exceeded="raise")`.

    `daily` is in the currency of the settings, from midnight to midnight in their time zone.
    With "raise", a call that does not fit any more is not made (`BudgetExceededError`); with
    "warn", it is made and logged. `lifetime` is how long money stays set aside for a call of which
    nothing more is heard: longer than any call lasts.

    Raises ValueError for a limit that is not above 0, and another word than these two.
    """

    daily: Decimal | int | str
    on_exceeded: OnExceeded = "raise"
    lifetime: timedelta = timedelta(minutes=15)

    def __post_init__(self) -> None:
        try:
            limit = Decimal(self.daily)
        except (InvalidOperation, TypeError, ValueError):
            limit = Decimal("NaN")
        if isinstance(self.daily, float) or not (limit.is_finite() and limit > 0):
            raise ValueError(
                f'daily is {self.daily!r}: write an amount above 0, e.g. daily=20 or daily="12.50"'
            )
        if self.on_exceeded not in ("raise", "warn"):
            raise ValueError(
                f'on_exceeded is "{self.on_exceeded}": write "raise" to refuse calls or "warn"'
            )
        if self.lifetime <= timedelta(0):
            raise ValueError(f"lifetime is {self.lifetime}: write a time span above 0")

    @property
    def limit(self) -> Decimal:
        """The daily limit."""
        return Decimal(self.daily)


def exhaustion(
    limit: float,
    spent: Mapping[datetime, float],
    day: Day,
    now: datetime,
    projection: Projection | None,
) -> datetime | None:
    """When `limit` was, or by the projection will be, spent on `day`; None if it will last.

    `spent` is by quarter of an hour; within a quarter, spend counts as even.
    """
    total = 0.0
    for start in sorted(spent):
        if not day.start <= start < day.end:
            continue
        amount = spent[start]
        if total + amount > limit:
            length = max(min(QUARTER, now - start), timedelta(0))
            return start + length * ((limit - total) / amount)
        total += amount
    return projection.reaches(limit) if projection is not None else None
