"""Amounts of money that say how far they can be trusted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Context, Decimal
from enum import StrEnum
from typing import NamedTuple

EXACT = Context(prec=50)
"""The arithmetic of money: the host's own decimal context may round, this one does not."""

_CODE = re.compile(r"^[A-Z]{3}$")


class Source(StrEnum):
    """Who says so: the provider, our price list and the provider's count, or our own count."""

    PROVIDER = "provider"
    COMPUTED = "computed"
    ESTIMATED = "estimated"


class Amount(NamedTuple):
    """An amount in the unit of its currency: `Amount(Decimal("0.0123"), "EUR", …)`."""

    value: Decimal
    currency: str
    source: Source


@dataclass(frozen=True, slots=True)
class Currency:
    """The currency that amounts are told in; providers bill in US dollars.

    `code` is ISO 4217's, `per_usd` what one US dollar is worth. Raises ValueError for a code that
    is not three capital letters, and for a rate that is not above 0.
    """

    code: str = "USD"
    per_usd: Decimal = Decimal(1)

    def __post_init__(self) -> None:
        if not _CODE.match(self.code):
            raise ValueError(
                f'currency code is "{self.code}": write three capital letters, e.g. "EUR"'
            )
        if not (self.per_usd.is_finite() and self.per_usd > 0):
            raise ValueError(
                f'currency rate is "{self.per_usd}": write what one US dollar is worth, e.g. "0.92"'
            )

    def amount(self, usd: Decimal, source: Source) -> Amount:
        """What `usd` US dollars are in this currency, unrounded."""
        return Amount(EXACT.multiply(usd, self.per_usd), self.code, source)
