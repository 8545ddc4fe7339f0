"""Priced calls for tests, and who is told when the ledger cannot keep them."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from vigie.costs.ledger import LedgerPlace, LedgerWriter
from vigie.costs.money import Amount, Source
from vigie.costs.priced_call import PricedCall
from vigie.costs.usage import Usage

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
LATE = datetime(2100, 1, 1, tzinfo=UTC)
EURO_PER_USD = Decimal("0.92")


def priced(number: int = 0, usd: str | None = "0.0042", **given: Any) -> PricedCall:
    """A call whose response id is told by its number; with `usd=None`, an unpriced one."""
    source = given.pop("source", Source.COMPUTED)
    amount = None if usd is None else Amount(Decimal(usd) * EURO_PER_USD, "EUR", source)
    usual: dict[str, Any] = {
        "at": NOON + timedelta(seconds=number),
        "model": "gpt-4o-mini-2024-07-18",
        "asked_model": "gpt-4o-mini",
        "operation": "chat",
        "outcome": "ok",
        "usage": Usage(input=100, output=20, cached_input=40, reasoning=5),
        "amount": amount,
        "usd": None if usd is None else Decimal(usd),
        "service": "fastapi",
        "price_date": date(2026, 10, 14),
        "trace_id": f"{number:032x}",
        "response_id": f"chatcmpl-{number:020d}",
    }
    return PricedCall(**{**usual, **given})


@dataclass
class Told:
    """What a writer reports."""

    failures: list[Exception] = field(default_factory=list)
    dropped: int = 0

    def drop(self, count: int) -> None:
        self.dropped += count

    def writer(self, place: LedgerPlace | None, **options: Any) -> LedgerWriter:
        return LedgerWriter(lambda: place, self.failures.append, self.drop, **options)
