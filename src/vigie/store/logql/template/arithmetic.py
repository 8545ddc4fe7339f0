"""sprig's arithmetic: texts become numbers, and what is none becomes zero."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Context, Decimal, DecimalException, localcontext
from typing import Any

from vigie.store.logql.quantities import go_float
from vigie.store.logql.template.values import TemplateError

_LARGEST = 2**63 - 1
_ZERO_DECIMALS = re.compile(r"\.0*$")
_CONTEXT = Context(prec=400)


def integer(value: Any) -> int:
    """What cast.ToInt64 makes of a value."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return _wrapped(int(value)) if math.isfinite(value) else -_LARGEST - 1
    if isinstance(value, str):
        return _parsed(_ZERO_DECIMALS.sub("", value))
    return 0


def _parsed(text: str) -> int:
    digits = text.lstrip("+-")
    try:
        if len(digits) > 1 and digits[0] == "0" and digits.isdigit():
            number = int(text, 8)
        elif re.fullmatch(r"[+-]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|[0-9_]+)", text):
            number = int(text, 0)
        else:
            return 0
    except ValueError:
        return 0
    return number if -_LARGEST - 1 <= number <= _LARGEST else 0


def _wrapped(number: int) -> int:
    """As Go's int64 overflows."""
    return (number + _LARGEST + 1) % 2**64 - _LARGEST - 1


def number(value: Any) -> float:
    """What cast.ToFloat64 makes of a value."""
    if isinstance(value, bool | int | float):
        return float(value)
    if isinstance(value, str):
        try:
            return go_float(value)
        except ValueError:
            return 0.0
    return 0.0


def add(*values: Any) -> int:
    """The sum of whole numbers."""
    return _wrapped(sum(map(integer, values)))


def subtract(left: Any, right: Any) -> int:
    """The difference of whole numbers."""
    return _wrapped(integer(left) - integer(right))


def multiply(first: Any, *values: Any) -> int:
    """The product of whole numbers."""
    product = integer(first)
    for value in values:
        product = _wrapped(product * integer(value))
    return product


def divide(left: Any, right: Any) -> int:
    """The quotient of whole numbers, toward zero."""
    above, below = integer(left), integer(right)
    if below == 0:
        raise TemplateError("runtime error: integer divide by zero")
    size = abs(above) // abs(below)
    return _wrapped(size if (above < 0) == (below < 0) else -size)


def modulo(left: Any, right: Any) -> int:
    """The remainder, of the dividend's sign."""
    above, below = integer(left), integer(right)
    if below == 0:
        raise TemplateError("runtime error: integer divide by zero")
    rest = abs(above) % abs(below)
    return -rest if above < 0 else rest


def add_decimals(*values: Any) -> float:
    """The sum."""
    return _decimals(0.0, values, lambda left, right: left + right)


def subtract_decimals(first: Any, *values: Any) -> float:
    """The difference."""
    return _decimals(number(first), values, lambda left, right: left - right)


def multiply_decimals(first: Any, *values: Any) -> float:
    """The product."""
    return _decimals(number(first), values, lambda left, right: left * right)


def divide_decimals(first: Any, *values: Any) -> float:
    """The quotient, to sixteen decimals."""
    return _decimals(number(first), values, _quotient)


def _quotient(left: Decimal, right: Decimal) -> Decimal:
    if right == 0:
        raise TemplateError("decimal division by 0")
    return (left / right).quantize(Decimal("1e-16"), ROUND_HALF_UP)


def _decimals(
    first: float, values: tuple[Any, ...], operate: Callable[[Decimal, Decimal], Decimal]
) -> float:
    floats = [number(value) for value in values]
    if not all(map(math.isfinite, (first, *floats))):
        raise TemplateError("Cannot create a Decimal from NaN or an infinity")
    try:
        with localcontext(_CONTEXT):
            result = Decimal(repr(first))
            for value in floats:
                result = operate(result, Decimal(repr(value)))
            return float(result)
    except (DecimalException, OverflowError) as error:
        raise TemplateError(f"decimal arithmetic: {error}") from None


def whole(make: Callable[[float], int], value: Any) -> float:
    """The number with its decimals rounded away by `make`."""
    found = number(value)
    return float(make(found)) if math.isfinite(found) else found


def rounded(value: Any, places: Any, *half: float) -> float:
    """The number with so many decimals; from a fraction of `half` on it is rounded up."""
    try:
        power = math.pow(10, number(places))
    except OverflowError:
        return math.nan
    digit = power * number(value)
    if not math.isfinite(digit) or power == 0:
        return math.nan
    fraction = math.modf(digit)[0]
    up = fraction >= (half[0] if half else 0.5)
    return (math.ceil(digit) if up else math.floor(digit)) / power
