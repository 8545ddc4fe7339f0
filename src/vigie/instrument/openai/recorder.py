"""From one attempt to the counters and the ledger: what it was, what it took, what it cost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry

from vigie.catalogue import openai as catalogue
from vigie.costs.ledger.writer import LedgerWriter
from vigie.costs.money import Amount, Currency, Source
from vigie.costs.priced_call import PricedCall
from vigie.costs.usage import Usage
from vigie.instrument.guard import guarded
from vigie.instrument.meters import Meter, meters
from vigie.instrument.openai.budgeted import Budgeted
from vigie.instrument.openai.rates import Rates
from vigie.instrument.openai.spans import Spans

_UNNAMED = "unnamed"
_REMAINING = {
    b"x-ratelimit-remaining-requests": "requests",
    b"x-ratelimit-remaining-tokens": "tokens",
}
_REQUEST_ID = b"x-request-id"
_LENGTHS = {len(name) for name in (_REQUEST_ID, *_REMAINING)}


@dataclass(slots=True)
class Attempted:
    """One attempt to call the provider, as it came out.

    `at` is when it ended. `estimated` says that the tokens were not counted by the provider. `usd`
    is the cost where the provider told it itself. `headers` are those of its answer. `reservation`
    is the part of a budget that its call had set aside, if the attempt settles it. `traced` says
    that the trace is kept somewhere, and not only its id known.
    """

    at: datetime
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
    usd: Decimal | None = None
    headers: Any = None
    response_id: str = ""
    feature: str = ""
    user: str = ""
    trace_id: str = ""
    traced: bool = False
    reservation: str = ""


class _Cost(NamedTuple):
    usd: Decimal
    amount: Amount
    price_date: date | None


class _Instruments(NamedTuple):
    requests: Meter
    duration: Meter
    first_token: Meter
    tokens: Meter
    unpriced: Meter
    cost: Meter
    remaining: Meter


class Recorder:
    """Writes attempts to the instruments of one registry and to the ledger.

    `service` is what the ledger calls this process. `currency` overrides that of the settings.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        rates: Rates,
        ledger: LedgerWriter,
        spans: Spans,
        *,
        service: str = "",
        currency: Currency | None = None,
        budgeted: Budgeted | None = None,
    ) -> None:
        self.rates = rates
        self.spans = spans
        self.budgeted = budgeted
        self._ledger = ledger
        self._service = service
        self._currency = currency
        self._meters = meters(registry)

    def record(self, attempted: Attempted) -> Amount | None:
        """Count one attempt; returns what it cost, None where that is not known."""
        model = attempted.model or attempted.asked_model or _UNNAMED
        operation = attempted.operation
        instruments = self._instruments
        instruments.requests.child(model, operation, attempted.outcome).inc()
        duration = instruments.duration.child(model, operation)
        duration.observe(attempted.seconds)
        if attempted.traced:
            duration.seen_in(attempted.trace_id, attempted.seconds)
        if attempted.first_token_seconds is not None:
            first_token = instruments.first_token.child(model)
            first_token.observe(attempted.first_token_seconds)
            if attempted.traced:
                first_token.seen_in(attempted.trace_id, attempted.first_token_seconds)
        request_id = ""
        if attempted.headers is not None:
            request_id = self._read_headers(model, attempted.headers)
        if attempted.usage is None:
            self.release(attempted.reservation)
            return None
        cost = None
        with guarded("openai"):  # tokens are counted even where pricing them fails
            cost = self._cost(attempted, attempted.usage)
        self._count(model, attempted.usage, cost)
        self._ledger.append(
            PricedCall(
                at=attempted.at,
                model=model,
                operation=operation,
                outcome=attempted.outcome,
                usage=attempted.usage,
                amount=cost and cost.amount,
                usd=cost and cost.usd,
                asked_model=attempted.asked_model,
                service=self._service,
                service_tier=attempted.service_tier,
                feature=attempted.feature,
                user=attempted.user,
                price_date=cost and cost.price_date,
                trace_id=attempted.trace_id,
                response_id=attempted.response_id or request_id,
                reservation=attempted.reservation,
            )
        )
        return cost and cost.amount

    def release(self, reservation: str) -> None:
        """Give back what was set aside for a call that cost nothing."""
        self._ledger.release(reservation)

    @cached_property
    def _instruments(self) -> _Instruments:
        each = self._meters
        return _Instruments(
            requests=each[catalogue.REQUESTS],
            duration=each[catalogue.REQUEST_DURATION],
            first_token=each[catalogue.TIME_TO_FIRST_TOKEN],
            tokens=each[catalogue.TOKENS],
            unpriced=each[catalogue.UNPRICED_TOKENS],
            cost=each[catalogue.COST],
            remaining=each[catalogue.RATE_LIMIT_REMAINING],
        )

    def _count(self, model: str, usage: Usage, cost: _Cost | None) -> None:
        instruments = self._instruments
        by_type = (
            ("input", usage.input),
            ("output", usage.output),
            ("cached_input", usage.cached_input),
            ("reasoning", usage.reasoning),
        )
        for type_, count in by_type:
            if count:
                instruments.tokens.child(model, type_).inc(count)
                if cost is None:
                    instruments.unpriced.child(model, type_).inc(count)
        if cost is not None:
            amount = cost.amount
            child = instruments.cost.child(model, amount.currency, amount.source)
            child.inc(float(amount.value))

    def _cost(self, attempted: Attempted, usage: Usage) -> _Cost | None:
        if attempted.usd is not None:
            self.rates.load()  # it needs no price, but a currency
            return self._converted(attempted.usd, Source.PROVIDER, None)
        for model in (attempted.model, attempted.asked_model):
            price = model and self.rates.prices.price(
                model, attempted.base_url, attempted.service_tier, attempted.at
            )
            usd = price.usd(usage) if price else None
            if price and usd is not None:
                source = Source.ESTIMATED if attempted.estimated else Source.COMPUTED
                return self._converted(usd, source, price.as_of)
        return None

    def _converted(self, usd: Decimal, source: Source, price_date: date | None) -> _Cost:
        currency = self._currency or self.rates.currency
        return _Cost(usd, currency.amount(usd, source), price_date)

    def _read_headers(self, model: str, headers: Any) -> str:
        """Show the rate limits; returns the request's id."""
        # One pass over the bytes: looking a header up by its name decodes all of them.
        request_id = ""
        for name, value in headers.raw:
            if len(name) not in _LENGTHS:
                continue
            lower = name.lower()
            if lower == _REQUEST_ID:
                request_id = value.decode("ascii", errors="replace")
            kind = _REMAINING.get(lower)
            if kind is not None and value.isdigit():
                self._instruments.remaining.child(model, kind).set(int(value))
        return request_id
