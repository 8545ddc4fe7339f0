"""From one attempt to the counters: what it was, how long it took, what it cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry

from vigie.catalogue import openai as catalogue
from vigie.costs.money import Amount, Currency, Source
from vigie.costs.prices import PriceList
from vigie.costs.usage import Usage
from vigie.instrument.guard import guarded
from vigie.instrument.meters import meters

_UNNAMED = "unnamed"
_REMAINING = {
    b"x-ratelimit-remaining-requests": "requests",
    b"x-ratelimit-remaining-tokens": "tokens",
}


@dataclass(slots=True)
class Attempted:
    """One attempt to call the provider, as it came out.

    `source` is who counted the tokens: the provider (then the amount is computed), or we
    (estimated). `usd` is the cost where the provider told it itself.
    """

    operation: str
    model: str
    asked_model: str
    base_url: str
    outcome: str
    seconds: float
    first_token_seconds: float | None = None
    usage: Usage | None = None
    estimated: bool = False
    service_tier: str = ""
    usd: Any = None
    headers: Any = None


class Recorder:
    """Writes attempts to the instruments of one registry, in one currency."""

    def __init__(self, registry: CollectorRegistry, currency: Currency, prices: PriceList) -> None:
        self.prices = prices
        self._currency = currency
        self._meters = meters(registry)

    def record(self, attempted: Attempted) -> None:
        """Count one attempt."""
        model = attempted.model or attempted.asked_model or _UNNAMED
        operation = attempted.operation
        self._meters[catalogue.REQUESTS].child(model, operation, attempted.outcome).inc()
        self._meters[catalogue.REQUEST_DURATION].child(model, operation).observe(attempted.seconds)
        if attempted.first_token_seconds is not None:
            first_token = self._meters[catalogue.TIME_TO_FIRST_TOKEN].child(model)
            first_token.observe(attempted.first_token_seconds)
        if attempted.usage is not None:
            amount = None
            with guarded("openai"):  # tokens are counted even where pricing them fails
                amount = self._amount(attempted, attempted.usage)
            self._count(model, attempted.usage, amount)
        if attempted.headers is not None:
            self._show_rate_limits(model, attempted.headers)

    def _count(self, model: str, usage: Usage, amount: Amount | None) -> None:
        tokens = self._meters[catalogue.TOKENS]
        unpriced = self._meters[catalogue.UNPRICED_TOKENS]
        by_type = (
            ("input", usage.input),
            ("output", usage.output),
            ("cached_input", usage.cached_input),
            ("reasoning", usage.reasoning),
        )
        for type_, count in by_type:
            if count:
                tokens.child(model, type_).inc(count)
                if amount is None:
                    unpriced.child(model, type_).inc(count)
        if amount is not None:
            cost = self._meters[catalogue.COST].child(model, amount.currency, amount.source)
            cost.inc(float(amount.value))

    def _amount(self, attempted: Attempted, usage: Usage) -> Amount | None:
        if attempted.usd is not None:
            return self._currency.amount(attempted.usd, Source.PROVIDER)
        for model in (attempted.model, attempted.asked_model):
            price = model and self.prices.price(model, attempted.base_url, attempted.service_tier)
            usd = price.usd(usage) if price else None
            if usd is not None:
                source = Source.ESTIMATED if attempted.estimated else Source.COMPUTED
                return self._currency.amount(usd, source)
        return None

    def _show_rate_limits(self, model: str, headers: Any) -> None:
        # One pass over the bytes: looking a header up by its name decodes all of them.
        for name, value in headers.raw:
            kind = _REMAINING.get(name.lower())
            if kind is not None and value.isdigit():
                self._meters[catalogue.RATE_LIMIT_REMAINING].child(model, kind).set(int(value))
