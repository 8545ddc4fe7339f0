"""Times of the week as people write them: 22:00, saturday, monday-friday."""

import re

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

MINUTES_OF_DAY = 24 * 60

_TIME = re.compile(r"^\s*(\d{1,2}):(\d{2})\s*$")
_SHORTEST = 3
"""Letters that tell the days apart, and that people write: mon, tue."""


def minute_of_day(text: object) -> int:
    """Minutes since midnight, from 0 to 1440 (24:00). Raises ValueError with the remedy."""
    match = _TIME.match(text) if isinstance(text, str) else None
    minute = int(match[1]) * 60 + int(match[2]) if match and int(match[2]) < 60 else None
    if minute is None or minute > MINUTES_OF_DAY:
        raise ValueError("write a time from 00:00 to 24:00, e.g. 22:00")
    return minute


def written_minute(minute: int) -> str:
    """A time of day, as `minute_of_day` reads it: 22:00."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


def days_of_week(text: object) -> tuple[str, ...]:
    """The days that are named: one, or from one to another, which may pass the end of the week.

    Raises ValueError with the remedy.
    """
    names = text.strip().lower().split("-") if isinstance(text, str) else []
    found = [_day(name.strip()) for name in names]
    if not found or None in found or len(found) > 2:
        raise ValueError("write days such as saturday or monday-friday")
    first, last = found[0], found[-1]
    assert first is not None and last is not None
    return tuple(DAYS[(first + i) % 7] for i in range((last - first) % 7 + 1))


def day_after(day: str) -> str:
    """The day that follows."""
    return DAYS[(DAYS.index(day) + 1) % 7]


def _day(name: str) -> int | None:
    if len(name) < _SHORTEST:
        return None
    return next((i for i, day in enumerate(DAYS) if day.startswith(name)), None)
