"""What LogQL's operators do with two numbers."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable

ARITHMETIC = ("+", "-", "*", "/", "%", "^")
SETS = ("and", "or", "unless")

_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


def is_comparison(operation: str) -> bool:
    """Whether the operator compares, and so filters unless it returns a bool."""
    return operation in _COMPARISONS


def holds(operation: str, left: float, right: float) -> bool:
    """Whether a comparison is true."""
    return _COMPARISONS[operation](left, right)


def merged(operation: str, left: float, right: float) -> float:
    """The result of an operator; 1 or 0 for a comparison. A division by zero is NaN, as Loki's."""
    if operation in _COMPARISONS:
        return 1.0 if holds(operation, left, right) else 0.0
    if operation == "+":
        return left + right
    if operation == "-":
        return left - right
    if operation == "*":
        return left * right
    if operation == "/":
        return left / right if right != 0 else math.nan
    if operation == "%":
        return _remainder(left, right)
    return _power(left, right)


def _remainder(left: float, right: float) -> float:
    if right == 0 or math.isinf(left) or math.isnan(left) or math.isnan(right):
        return math.nan
    return math.fmod(left, right)


def _power(left: float, right: float) -> float:
    try:
        return math.pow(left, right)
    except OverflowError:
        odd = right == int(right) and int(right) % 2 == 1
        return -math.inf if left < 0 and odd else math.inf
    except ValueError:  # a root of a negative number, or a power of zero below zero
        return math.inf if left == 0 else math.nan
