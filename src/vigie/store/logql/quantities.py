"""Durations, sizes and numbers as Go's libraries read and write them."""

from __future__ import annotations

import math
import re

NANOSECOND = 1
MICROSECOND = 1_000
MILLISECOND = 1_000_000
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

LONGEST = 2**63 - 1
"""Nanoseconds; what Go's time.Duration holds."""

_MODEL = re.compile(
    r"(?:([0-9]+)y)?(?:([0-9]+)w)?(?:([0-9]+)d)?(?:([0-9]+)h)?"
    r"(?:([0-9]+)m)?(?:([0-9]+)s)?(?:([0-9]+)ms)?"
)
_MODEL_UNITS = (365 * DAY, 7 * DAY, DAY, HOUR, MINUTE, SECOND, MILLISECOND)

_GO_PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?(ns|us|µs|μs|ms|s|m|h)")
_GO_UNITS = {
    "ns": 1,
    "us": MICROSECOND,
    "µs": MICROSECOND,
    "μs": MICROSECOND,
    "ms": MILLISECOND,
    "s": SECOND,
    "m": MINUTE,
    "h": HOUR,
}

_FLOAT = re.compile(
    r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|inf|infinity|nan"
    r"|0[xX](?:[0-9a-fA-F_]+\.?[0-9a-fA-F_]*|\.[0-9a-fA-F_]+)[pP][+-]?[0-9]+)",
    re.IGNORECASE,
)

_BYTES = re.compile(r"([0-9.,]*)(.*)", re.DOTALL)
_BYTE_UNITS = {
    "": 1,
    "b": 1,
    **{
        name: 1024**power
        for power, letter in enumerate("kmgtpe", 1)
        for name in (f"{letter}ib", f"{letter}i")
    },
    **{
        name: 1000**power
        for power, letter in enumerate("kmgtpe", 1)
        for name in (f"{letter}b", letter)
    },
}


def prometheus_duration(text: str) -> int:
    """Nanoseconds of `5m`, `1h30m`, `1d`; raises ValueError as Prometheus does."""
    if text == "":
        raise ValueError("empty duration string")
    if text == "0":
        return 0
    found = _MODEL.fullmatch(text)
    if found is None:
        raise ValueError(f'not a valid duration string: "{text}"')
    parts = zip(found.groups(), _MODEL_UNITS, strict=True)
    total = sum(int(n) * unit for n, unit in parts if n is not None)
    if total > LONGEST:
        raise ValueError("duration out of range")
    return total


def go_duration(text: str) -> int:
    """Nanoseconds of `1.5h`, `300ms`, `-2m3.5s`; raises ValueError as time.ParseDuration does."""
    rest = text[1:] if text[:1] in ("-", "+") else text
    if rest == "0":
        return 0
    if rest == "":
        raise ValueError(f'time: invalid duration "{text}"')
    total, at = 0, 0
    while at < len(rest):
        found = _GO_PART.match(rest, at)
        if found is None or not (found[1] or found[2]):
            number = re.compile(r"[0-9.]+").match(rest, at)
            if number and number.end() == len(rest):
                raise ValueError(f'time: missing unit in duration "{text}"')
            raise ValueError(f'time: invalid duration "{text}"')
        unit = _GO_UNITS[found[3]]
        total += int(found[1] or 0) * unit
        if found[2]:
            total += int(found[2]) * unit // 10 ** len(found[2])
        at = found.end()
    if total > LONGEST:
        raise ValueError(f'time: invalid duration "{text}"')
    return -total if text[0] == "-" else total


def duration(text: str) -> int:
    """Nanoseconds of a duration in a query: Prometheus' form, else Go's."""
    try:
        return prometheus_duration(text)
    except ValueError:
        return go_duration(text)


def go_float(text: str) -> float:
    """The number that strconv.ParseFloat reads; raises ValueError with its words."""
    if _FLOAT.fullmatch(text) is None:
        raise ValueError(f'strconv.ParseFloat: parsing "{text}": invalid syntax')
    if "x" in text or "X" in text:
        return float.fromhex(text.replace("_", ""))
    value = float(text)
    if math.isinf(value) and "n" not in text.lower():
        raise ValueError(f'strconv.ParseFloat: parsing "{text}": value out of range')
    return value


def go_bytes(text: str) -> int:
    """Bytes of `1.5MB`, `10 KiB`, `42`; raises ValueError as go-humanize does."""
    found = _BYTES.match(text)
    assert found is not None  # the expression matches every text
    number, unit = found[1].replace(",", ""), found[2].strip().lower()
    value = go_float(number)
    factor = _BYTE_UNITS.get(unit)
    if factor is None:
        raise ValueError(f"unhandled size name: {unit}")
    value *= factor
    if value >= 2**64:
        raise ValueError(f"too large: {text}")
    return int(value)


def print_float(value: float) -> str:
    """A number without an exponent, as strconv.FormatFloat(value, 'f', -1, 64)."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    shortest = repr(value)
    if "e" not in shortest:
        return shortest.removesuffix(".0")
    from decimal import Decimal

    return format(Decimal(shortest), "f")


def print_go_float(value: float) -> str:
    """A number as Go's %v: an exponent from 1e+21 on, and below 1e-4."""
    if math.isnan(value) or math.isinf(value):
        return print_float(value)
    size = abs(value)
    if value != 0 and (size < 1e-4 or size >= 1e21):
        digits, _, exponent = f"{value:e}".partition("e")
        shortest = repr(value)
        if "e" in shortest:
            digits, _, exponent = shortest.partition("e")
        else:
            exponent_number = math.floor(math.log10(size))
            digits, exponent = repr(value / 10.0**exponent_number), str(exponent_number)
        sign = "-" if exponent.startswith("-") else "+"
        return f"{digits.removesuffix('.0')}e{sign}{exponent.lstrip('+-').rjust(2, '0')}"
    if value == 0 and math.copysign(1, value) < 0:
        return "-0"
    return print_float(value)


def print_prometheus_duration(nanoseconds: int) -> str:
    """A range as Prometheus writes it: `1h30m`, `5m`, `1d`."""
    milliseconds = nanoseconds // MILLISECOND
    if milliseconds == 0:
        return "0s"
    written = ""
    for letter, unit, exact in (
        ("y", 365 * DAY, True),
        ("w", 7 * DAY, True),
        ("d", DAY, False),
        ("h", HOUR, False),
        ("m", MINUTE, False),
        ("s", SECOND, False),
        ("ms", MILLISECOND, False),
    ):
        size = unit // MILLISECOND
        if exact and milliseconds % size:
            continue
        count, milliseconds = divmod(milliseconds, size)
        if count:
            written += f"{count}{letter}"
    return written


def print_go_duration(nanoseconds: int) -> str:
    """A duration as Go's time.Duration.String: `1h30m0s`, `1.5s`, `350ms`, `0s`."""
    if nanoseconds == 0:
        return "0s"
    sign, n = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    if n < SECOND:
        for unit, name in ((MILLISECOND, "ms"), (MICROSECOND, "µs"), (1, "ns")):
            if n >= unit:
                return sign + _decimal(n, unit) + name
    hours, n = divmod(n, HOUR)
    minutes, n = divmod(n, MINUTE)
    seconds = _decimal(n, SECOND) + "s"
    if hours:
        return f"{sign}{hours}h{minutes}m{seconds}"
    return f"{sign}{minutes}m{seconds}" if minutes else sign + seconds


def _decimal(n: int, unit: int) -> str:
    whole, part = divmod(n, unit)
    if part == 0:
        return str(whole)
    width = len(str(unit)) - 1
    return f"{whole}.{str(part).rjust(width, '0').rstrip('0')}"


def print_bytes(count: int) -> str:
    """A size as go-humanize writes it, without its space: `1.5MB`, `82kB`, `9B`."""
    if count < 10:
        return f"{count}B"
    power = 0
    while count >= 1000 ** (power + 1) and power < 6:
        power += 1
    value = math.floor(count / 1000**power * 10 + 0.5) / 10
    digits = f"{value:.1f}" if value < 10 else f"{value:.0f}"
    return digits + ("B", "kB", "MB", "GB", "TB", "PB", "EB")[power]


def rounded_bytes(count: int) -> int:
    """A size as Loki compares with it.

    Loki's front end writes a query out again before it runs, and writes sizes with two digits:
    `> 60KiB` becomes `> 61kB`.
    """
    return go_bytes(print_bytes(count))
