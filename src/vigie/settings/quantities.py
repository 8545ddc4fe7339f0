"""Numbers with units, as people write them: 15s, 13mo, 10 GB, >500ms, <99%, >50€, >1000/min."""

import re
from datetime import timedelta
from decimal import Decimal

from vigie.catalogue.signal import Comparator, Signal, Unit

DAYS_OF_MONTH = 31
"""A month as a time span: never less than the one that was meant."""

_NUMBER = r"(\d+(?:[.,]\d+)?)"
_DURATION = re.compile(rf"^\s*{_NUMBER}\s*(ms|s|m|min|h|d|w|mo)\s*$")
_SECONDS = {
    "ms": Decimal("0.001"),
    "s": Decimal(1),
    "m": Decimal(60),
    "min": Decimal(60),
    "h": Decimal(3600),
    "d": Decimal(86400),
    "w": Decimal(604800),
    "mo": Decimal(86400 * DAYS_OF_MONTH),
}
_SIZE = re.compile(rf"^\s*{_NUMBER}\s*([kKMGT]?i?B)\s*$")
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_LIMIT = re.compile(rf"^\s*([<>])\s*{_NUMBER}\s*(\S*?)(?:\s+pool)?\s*$")
_SYMBOLS = {"€": "EUR", "$": "USD", "£": "GBP"}


def duration(text: object) -> timedelta:
    """A time span with its unit. Raises ValueError with the remedy."""
    match = _DURATION.match(text) if isinstance(text, str) else None
    if match is None or not _number(match[1]):
        raise ValueError("write a duration with its unit, e.g. 15s, 10m, 12h or 7d")
    return timedelta(seconds=float(_number(match[1]) * _SECONDS[match[2]]))


def written_duration(span: timedelta) -> str:
    """A time span in the largest unit that divides it, as Prometheus writes it: 15s, 90m, 7d."""
    milliseconds = round(span.total_seconds() * 1000)
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if milliseconds >= size and milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms"


def size_bytes(text: object) -> int:
    """A size in bytes, with its unit: decimal (GB) or binary (GiB). Raises ValueError."""
    match = _SIZE.match(text) if isinstance(text, str) else None
    if match is None or not _number(match[1]):
        raise ValueError("write a size with its unit, e.g. 500MB or 10GB")
    prefix = match[2].removesuffix("B")
    base = 1024 if prefix.endswith("i") else 1000
    return int(_number(match[1]) * base ** _POWERS[prefix.removesuffix("i").lower()])


def limit(text: object, signal: Signal, currency: str) -> float:
    """A threshold in its signal's unit: seconds, a ratio, an amount of `currency`, a number.

    Raises ValueError with the remedy: an example that is the signal's own default.
    """
    match = _LIMIT.match(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"write {_expected(signal)}, e.g. {_example(signal, currency)}")
    comparator, number, unit = match[1], _number(match[2]), match[3]
    if comparator != signal.bad_when:
        raise ValueError(
            f"this signal is bad {_SIDES[signal.bad_when]} its limit: "
            f"write {_example(signal, currency)}"
        )
    scale = _scale(unit, signal.unit, currency)
    if scale is None:
        raise ValueError(f"write {_expected(signal)}, e.g. {_example(signal, currency)}")
    return float(number * scale)


def written_limit(value: float, signal: Signal, currency: str) -> str:
    """A threshold as a user would write it: >500ms."""
    return f"{signal.bad_when}{written(value, signal.unit, currency)}"


def written(value: float, unit: Unit, currency: str) -> str:
    """A value with its unit: 500ms, 20%, 50€, 1000/min, 3."""
    match unit:
        case Unit.SECONDS:
            return f"{value * 1000:g}ms" if value < 1 else f"{value:g}s"
        case Unit.RATIO:
            return f"{value * 100:g}%"
        case Unit.MONEY:
            return f"{value:g}{currency_sign(currency)}"
        case Unit.PER_MINUTE:
            return f"{value:g}/min"
        case Unit.COUNT:
            return f"{value:g}"


def currency_sign(code: str) -> str:
    """What is written behind an amount: € or $, else the code with a blank before it."""
    return {code: sign for sign, code in _SYMBOLS.items()}.get(code, f" {code}")


_SIDES = {Comparator.ABOVE: "above", Comparator.BELOW: "below"}
_EXPECTATIONS = {
    Unit.SECONDS: "a duration with its unit",
    Unit.RATIO: "a share in percent",
    Unit.MONEY: "an amount with its currency",
    Unit.PER_MINUTE: "a number per minute",
    Unit.COUNT: "a number",
}


def _expected(signal: Signal) -> str:
    return _EXPECTATIONS[signal.unit]


def _example(signal: Signal, currency: str) -> str:
    return f'"{written_limit(signal.usual_limit, signal, currency)}"'


def _number(text: str) -> Decimal:
    """Exactly what was written, so that 95 % is 0.95 and not its neighbour."""
    return Decimal(text.replace(",", "."))


def _scale(unit: str, measured_in: Unit, currency: str) -> Decimal | None:
    """What one of `unit` is in the signal's own unit; None where it is another kind of thing."""
    match measured_in:
        case Unit.SECONDS:
            return _SECONDS.get(unit)
        case Unit.RATIO:
            return Decimal("0.01") if unit == "%" else None
        case Unit.MONEY:
            return Decimal(1) if _SYMBOLS.get(unit, unit) == currency else None
        case Unit.PER_MINUTE:
            return {"/min": Decimal(1), "/s": Decimal(60)}.get(unit)
        case Unit.COUNT:
            return None if unit else Decimal(1)
