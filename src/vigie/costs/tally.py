"""Spend by quarter of an hour, kept in memory and up to date by what was appended since.

Whoever asks often (an exporter at each scrape, a budget before each call) reads the ledger once and
its new rows from then on.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext

from vigie.costs.ledger.reading import Ledger, Quarter, Spend
from vigie.costs.money import EXACT, Currency
from vigie.costs.priced_call import UNPRICED


class Tally:
    """What was spent in the last `window`, and in the future if a clock was ahead."""

    def __init__(self, window: timedelta) -> None:
        self._window = window
        self._ledger = ""
        self._last = 0
        self._since: datetime | None = None
        self._quarters: dict[datetime, dict[tuple[str, str], Spend]] = {}

    def update(self, ledger: Ledger, now: datetime) -> None:
        """Add what was appended since; another ledger, or a clock far behind, begins anew."""
        since = now - self._window
        installation = ledger.installation
        if installation != self._ledger or self._since is None or since < self._since:
            self._ledger, self._last, self._quarters = installation, 0, {}
            self._since = since
        found, self._last = ledger.quarters(self._since, _FAR, after=self._last)
        for quarter in found:
            self._add(quarter)
        if since - self._since > self._window:
            self._since = since
            self._quarters = {at: q for at, q in self._quarters.items() if at >= since}

    def between(self, start: datetime, end: datetime) -> list[Spend]:
        """Spend from `start` up to `end`, by source and currency, in their order."""
        sums: dict[tuple[str, str], Spend] = {}
        for at, spends in self._quarters.items():
            if start <= at < end:
                for key, spend in spends.items():
                    sums[key] = added(sums[key], spend) if key in sums else spend
        return [sums[key] for key in sorted(sums)]

    def by_quarter(
        self, currency: Currency, start: datetime, end: datetime
    ) -> dict[datetime, float]:
        """Spend in `currency` by quarter of an hour, as a forecast takes it."""
        return {
            at: float(worth(spends.values(), currency))
            for at, spends in self._quarters.items()
            if start <= at < end
        }

    def _add(self, quarter: Quarter) -> None:
        spends = self._quarters.setdefault(quarter.start, {})
        key = (quarter.spend.source, quarter.spend.currency)
        spends[key] = added(spends[key], quarter.spend) if key in spends else quarter.spend


_FAR = datetime(9999, 1, 1, tzinfo=UTC)


def added(one: Spend, other: Spend) -> Spend:
    """Two spends of the same source and currency together."""
    with localcontext(EXACT):
        return Spend(
            source=one.source,
            currency=one.currency,
            calls=one.calls + other.calls,
            tokens=one.tokens + other.tokens,
            amount=one.amount + other.amount,
            usd=one.usd + other.usd,
        )


def worth(spends: Iterable[Spend], currency: Currency) -> Decimal:
    """What spends are in `currency`: as recorded where they are in it, else at today's rate."""
    with localcontext(EXACT):
        return sum(
            (
                spend.amount if spend.currency == currency.code else spend.usd * currency.per_usd
                for spend in spends
                if spend.source != UNPRICED
            ),
            Decimal(0),
        )
