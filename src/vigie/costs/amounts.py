"""Amounts and shares as people read them: 12,40 €, 0,0042 €, 98 %."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

from vigie.costs.ledger.reading import Spend
from vigie.costs.money import EXACT, Currency, Source
from vigie.costs.priced_call import UNPRICED
from vigie.costs.tally import worth

_SYMBOLS = {"EUR": "€"}


def written(amount: Decimal, code: str) -> str:
    """An amount with its currency: cents, or below a cent two digits that count.

    Euros are written with a comma and their sign, other currencies with a point and their code.
    """
    with localcontext(EXACT):
        places = 2
        if amount and abs(amount) < Decimal("0.01"):
            places = max(1 - amount.adjusted(), 2)
        rounded = amount.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)
    text = f"{rounded:,f}".replace(",", "\u202f")  # a narrow space between thousands
    if code in _SYMBOLS:
        return f"{text.replace('.', ',')} {_SYMBOLS[code]}"
    return f"{text} {code}"


def share(part: Decimal, whole: Decimal) -> str:
    """A share in percent; what is not nothing is never 0, what is not all never 100."""
    if not whole:
        return "0 %"
    percent = part / whole * 100
    if 0 < percent < 1:
        return "<1 %"
    if 99 < percent < 100:
        return ">99 %"
    return f"{percent:.0f} %"


def confidence(spends: Sequence[Spend], currency: Currency) -> str:
    """Who says so: `(98 % computed, 2 % estimated, 0 unpriced)`."""
    whole = worth(spends, currency)
    parts = []
    for source in Source:
        part = worth([spend for spend in spends if spend.source == source], currency)
        if part:
            parts.append(f"{share(part, whole)} {source}")
    unpriced = sum(spend.calls for spend in spends if spend.source == UNPRICED)
    return f"({', '.join([*parts, f'{unpriced} unpriced'])})"


def whole_number(number: int) -> str:
    """1 234 567, or shorter where it is long: 3.4 M."""
    if number >= 10_000_000:
        return f"{number / 1e6:.0f} M"
    if number >= 1_000_000:
        return f"{number / 1e6:.1f} M"
    return f"{number:,}".replace(",", "\u202f")
