"""Times as Go has them: nanoseconds, a zone, and layouts such as `2006-01-02T15:04:05Z07:00`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

_EPOCH = date(1970, 1, 1).toordinal()
ZERO_SECONDS = -62135596800
"""The first of January of the year 1: Go's zero time."""

MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_LAYOUT = re.compile(
    r"January|Jan|Monday|Mon|MST|2006|-07:00:00|-070000|-07:00|-0700|-07"
    r"|Z07:00:00|Z070000|Z07:00|Z0700|Z07|[.,]0+(?![0-9])|[.,]9+(?![0-9])"
    r"|002|01|02|03|04|05|06|15|PM|pm|__2|_2006|_2|1|2|3|4|5"
)


class GoTimeError(ValueError):
    """A text that is not of its layout."""


@dataclass(frozen=True, slots=True)
class GoTime:
    """`seconds` and `nanoseconds` since 1970, shown `offset` seconds east of UTC."""

    seconds: int
    nanoseconds: int = 0
    offset: int = 0
    zone: str = "UTC"

    @staticmethod
    def of_ns(nanoseconds: int) -> GoTime:
        """The time that is so many nanoseconds after 1970, in UTC."""
        seconds, rest = divmod(nanoseconds, 1_000_000_000)
        return GoTime(seconds, rest)

    @property
    def ns(self) -> int:
        """Nanoseconds after 1970."""
        return self.seconds * 1_000_000_000 + self.nanoseconds

    def text(self) -> str:
        """The time as Go prints it."""
        return self.format("2006-01-02 15:04:05.999999999 -0700 ") + (self.zone or self._numeric())

    def _numeric(self) -> str:
        return self.format("-0700")

    def format(self, layout: str) -> str:
        """The time in a layout."""
        days, second = divmod(self.seconds + self.offset, 86_400)
        ordinal = days + _EPOCH
        if not 1 <= ordinal <= date.max.toordinal():
            raise GoTimeError("time out of range")
        parts = _Parts(date.fromordinal(ordinal), second, self)
        return _LAYOUT.sub(lambda found: parts.written(found[0]), layout)


@dataclass(frozen=True, slots=True)
class _Parts:
    day: date
    second: int
    time: GoTime

    def written(self, token: str) -> str:
        hour, minute, second = self.second // 3600, self.second // 60 % 60, self.second % 60
        half_day_hour = hour % 12 or 12
        day = self.day
        simple = {
            "January": MONTHS[day.month - 1],
            "Jan": MONTHS[day.month - 1][:3],
            "1": f"{day.month}",
            "01": f"{day.month:02}",
            "Monday": DAYS[day.weekday()],
            "Mon": DAYS[day.weekday()][:3],
            "2": f"{day.day}",
            "_2": f"{day.day:2}",
            "02": f"{day.day:02}",
            "__2": f"{day.timetuple().tm_yday:3}",
            "002": f"{day.timetuple().tm_yday:03}",
            "15": f"{hour:02}",
            "3": f"{half_day_hour}",
            "03": f"{half_day_hour:02}",
            "4": f"{minute}",
            "04": f"{minute:02}",
            "5": f"{second}",
            "05": f"{second:02}",
            "2006": f"{day.year:04}",
            "_2006": f"_{day.year:04}",
            "06": f"{day.year % 100:02}",
            "PM": "PM" if hour >= 12 else "AM",
            "pm": "pm" if hour >= 12 else "am",
            "MST": self.time.zone or _offset(self.time.offset, "-07"),
        }
        if token in simple:
            return simple[token]
        if token[0] in ".,":
            digits = f"{self.time.nanoseconds:09}"[: len(token) - 1].ljust(len(token) - 1, "0")
            if token[1] == "0":
                return token[0] + digits
            digits = digits.rstrip("0")
            return token[0] + digits if digits else ""
        return _offset(self.time.offset, token)


def _offset(offset: int, token: str) -> str:
    if token[0] == "Z" and offset == 0:
        return "Z"
    sign, size = ("-", -offset) if offset < 0 else ("+", offset)
    hours, minutes, seconds = size // 3600, size // 60 % 60, size % 60
    shape = token[1:]
    if shape == "07":
        return f"{sign}{hours:02}"
    colon = ":" if ":" in shape else ""
    written = f"{sign}{hours:02}{colon}{minutes:02}"
    if len(shape.replace(":", "")) == 6:
        written += f"{colon}{seconds:02}"
    return written


_NUMBERS = {
    "2006": r"\d{4}",
    "06": r"\d{2}",
    "01": r"\d{2}",
    "1": r"\d{1,2}",
    "02": r"\d{2}",
    "_2": r" ?\d{1,2}",
    "2": r"\d{1,2}",
    "15": r"\d{2}",
    "03": r"\d{2}",
    "3": r"\d{1,2}",
    "04": r"\d{2}",
    "4": r"\d{1,2}",
    "05": r"\d{2}",
    "5": r"\d{1,2}",
    "002": r"\d{3}",
    "__2": r" {0,2}\d{1,3}",
}
_PARSED = {
    **_NUMBERS,
    "January": "|".join(MONTHS),
    "Jan": "|".join(name[:3] for name in MONTHS),
    "Monday": "|".join(DAYS),
    "Mon": "|".join(name[:3] for name in DAYS),
    "MST": r"[A-Z]{3,5}|[+-]\d{2}",
    "PM": "AM|PM",
    "pm": "am|pm",
    "-07:00": r"[+-]\d{2}:\d{2}",
    "-0700": r"[+-]\d{4}",
    "-07": r"[+-]\d{2}",
    "-07:00:00": r"[+-]\d{2}:\d{2}:\d{2}",
    "-070000": r"[+-]\d{6}",
}


def parse(layout: str, text: str, zone: str = "UTC") -> GoTime:
    """The time that a text names in a layout; raises `GoTimeError`."""
    expression, tokens = "", []
    at = 0
    for found in _LAYOUT.finditer(layout):
        expression += re.escape(layout[at : found.start()])
        at = found.end()
        token = found[0]
        tokens.append(token)
        if token[0] in ".,":
            digits = f"{{{len(token) - 1}}}" if token[1] == "0" else "*"
            expression += rf"((?:[.,]\d{digits})?)" if token[1] == "9" else rf"([.,]\d{digits})"
        elif token[0] == "Z":
            expression += f"(Z|{_PARSED['-' + token[1:]]})"
        else:
            expression += f"({_PARSED.get(token, re.escape(token))})"
            if token in ("05", "5") and not re.match(r"[.,][09]", layout[at:]):
                # A fraction may follow the seconds, though the layout has none.
                expression += r"((?:[.,]\d+)?)"
                tokens.append(".9")
    expression += re.escape(layout[at:])
    matched = re.fullmatch(expression, text, re.ASCII)
    if matched is None:
        raise GoTimeError(f'parsing time "{text}" as "{layout}": cannot parse')
    return _time(zip(tokens, matched.groups(), strict=True), zone, text)


def _time(found: object, zone: str, text: str) -> GoTime:
    values: dict[str, int] = {}
    offset: int | None = None
    name = ""
    for token, value in found:  # type: ignore[attr-defined]  # the zip above
        if token in ("PM", "pm"):
            values["half"] = value.lower() == "pm"
        elif token == "MST":
            name = value
        elif token in ("Monday", "Mon"):
            continue
        elif token in ("January", "Jan"):
            short = [month[:3] for month in MONTHS]
            values["month"] = short.index(value[:3]) + 1
        elif token[0] in ".,":
            values["ns"] = int(value[1:10].ljust(9, "0")) if value else 0
        elif token[0] in "Z-":
            offset = 0 if value == "Z" else _seconds(value)
        else:
            values[_MEANS[token]] = int(value)
    return _composed(values, offset, name, zone, text)


_MEANS = {
    "2006": "year",
    "06": "short_year",
    "01": "month",
    "1": "month",
    "02": "day",
    "_2": "day",
    "2": "day",
    "15": "hour",
    "03": "half_hour",
    "3": "half_hour",
    "04": "minute",
    "4": "minute",
    "05": "second",
    "5": "second",
    "002": "day_of_year",
    "__2": "day_of_year",
}


def _composed(
    values: dict[str, int], offset: int | None, name: str, zone: str, text: str
) -> GoTime:
    year = values.get("year", 0)
    if "short_year" in values:
        year = values["short_year"] + (1900 if values["short_year"] >= 69 else 2000)
    hour = values.get("hour", values.get("half_hour", 0))
    if "half" in values:
        hour = hour % 12 + (12 if values["half"] else 0)
    shift = 0
    if year == 0:  # Python has no year 0, which is a leap year as 4 is
        year, shift = 4, -1461 * 86_400
    try:
        moment = datetime(
            year,
            values.get("month", 1),
            values.get("day", 1),
            hour,
            values.get("minute", 0),
            values.get("second", 0),
            tzinfo=UTC,
        )
    except ValueError as error:
        raise GoTimeError(f'parsing time "{text}": {error}') from None
    if "day_of_year" in values:
        moment += timedelta(days=values["day_of_year"] - 1)
    seconds = (moment.toordinal() - _EPOCH) * 86_400 + shift
    seconds += moment.hour * 3600 + moment.minute * 60 + moment.second
    nanoseconds = values.get("ns", 0)
    if offset is not None:
        same = offset == 0
        return GoTime(seconds - offset, nanoseconds, offset, "UTC" if same else "")
    if name and name != "UTC":
        return GoTime(seconds, nanoseconds, 0, name)
    if zone == "UTC":
        return GoTime(seconds, nanoseconds)
    local = moment.replace(tzinfo=ZoneInfo(zone))
    east = local.utcoffset()
    east_seconds = 0 if east is None else int(east.total_seconds())
    return GoTime(seconds - east_seconds, nanoseconds, east_seconds, local.tzname() or "")


def _seconds(text: str) -> int:
    digits = text[1:].replace(":", "").ljust(6, "0")
    size = int(digits[:2]) * 3600 + int(digits[2:4]) * 60 + int(digits[4:6])
    return -size if text[0] == "-" else size
