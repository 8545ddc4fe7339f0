"""Today, as the ledger tells it: what was spent, what it will come to, when a budget is spent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from vigie.costs.budget import exhaustion
from vigie.costs.day import Day, day_of
from vigie.costs.ledger.reading import Ledger, Spend
from vigie.costs.money import Currency, Source
from vigie.costs.priced_call import UNPRICED
from vigie.costs.projection import Forecaster, Projection
from vigie.costs.tally import Tally, worth
from vigie.costs.usual_day import WINDOW_DAYS, PastDay, past_days

_WINDOW = timedelta(days=WINDOW_DAYS + 2)
_WRITTEN = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Today:
    """Today so far, and what it will come to.

    `spends` is by source and currency. `runs_out` says of each of the limits that were asked for
    when it was, or will be, spent; those that will last are not in it.
    """

    day: Day
    spends: Sequence[Spend]
    projection: Projection | None
    runs_out: Mapping[str, datetime]

    @property
    def unpriced_calls(self) -> int:
        """Calls without a known price."""
        return sum(spend.calls for spend in self.spends if spend.source == UNPRICED)

    @property
    def unpriced_tokens_ratio(self) -> float | None:
        """The share of tokens without a known price; None where there are no tokens."""
        tokens = sum(spend.tokens for spend in self.spends)
        unpriced = sum(spend.tokens for spend in self.spends if spend.source == UNPRICED)
        return unpriced / tokens if tokens else None

    def estimated_ratio(self, currency: Currency) -> float | None:
        """The share of the cost that is estimated; None where there is no cost."""
        whole = worth(self.spends, currency)
        estimated = [spend for spend in self.spends if spend.source == Source.ESTIMATED]
        return float(worth(estimated, currency) / whole) if whole else None


class Watch:
    """Follows a ledger through the days. The forecast is learned at midnight, in some 0.1 s."""

    def __init__(self, zone: ZoneInfo, currency: Currency) -> None:
        self._zone = zone
        self._currency = currency
        self._tally = Tally(_WINDOW)
        self._learned: tuple[date, bool] | None = None
        self._past: list[PastDay] = []
        self._forecaster: Forecaster | None = None

    @property
    def past(self) -> Sequence[PastDay]:
        """The whole days before today, the oldest first."""
        return self._past

    def look(self, ledger: Ledger, now: datetime, limits: Mapping[str, float]) -> Today:
        """Today at `now`; `limits` are amounts in the currency, by name."""
        self._tally.update(ledger, now)
        day = day_of(now, self._zone)
        # Once at midnight, and again when yesterday's last calls are certainly written.
        learned = (day.date, now - day.start > _WRITTEN)
        if self._forecaster is None or learned != self._learned:
            before = self._tally.by_quarter(self._currency, now - _WINDOW, day.start)
            self._past = past_days(before, self._zone, day.date)
            self._forecaster = Forecaster(self._past, day, self._zone)
            self._learned = learned
        of_today = self._tally.by_quarter(self._currency, day.start, day.end)
        projection = self._forecaster.at(now, sum(of_today.values()))
        ends = {
            name: exhaustion(limit, of_today, day, now, projection)
            for name, limit in limits.items()
        }
        return Today(
            day=day,
            spends=self._tally.between(day.start, day.end),
            projection=projection,
            runs_out={name: at for name, at in ends.items() if at is not None},
        )
