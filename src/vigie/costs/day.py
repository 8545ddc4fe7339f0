"""A day is from midnight to midnight on the clocks of a time zone: 23, 24 or 25 hours.

Pure functions of a moment: a clock that steps back over midnight is in yesterday again, a restart
changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Day:
    """A calendar day: from `start` up to, but without, `end`, both in UTC."""

    date: date
    start: datetime
    end: datetime

    @property
    def seconds(self) -> float:
        """How long it is."""
        return (self.end - self.start).total_seconds()

    def seconds_until(self, moment: datetime) -> float:
        """How much of it has passed at `moment`, which may lie outside."""
        return min(max((moment - self.start).total_seconds(), 0), self.seconds)


def day_of(moment: datetime, zone: ZoneInfo) -> Day:
    """The day that an aware `moment` belongs to in `zone`."""
    return day_on(moment.astimezone(zone).date(), zone)


def day_on(on: date, zone: ZoneInfo) -> Day:
    """The day of that date in `zone`."""
    return Day(on, _midnight(on, zone), _midnight(on + timedelta(days=1), zone))


def start_of_last_days(count: int, moment: datetime, zone: ZoneInfo) -> datetime:
    """When the last `count` days began, of which today is one."""
    today = moment.astimezone(zone).date()
    return _midnight(today - timedelta(days=count - 1), zone)


def _midnight(on: date, zone: ZoneInfo) -> datetime:
    # Where clocks jump over midnight, this is the moment of the jump: the day's first. Where they
    # show midnight twice, it is the first of the two (PEP 495: fold=0).
    return datetime.combine(on, time(), zone).astimezone(UTC)
