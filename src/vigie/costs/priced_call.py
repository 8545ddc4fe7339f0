"""One call as the ledger keeps it: who asked what, how many tokens, how much money, who says so."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from vigie.costs.money import Amount
from vigie.costs.usage import Usage

UNPRICED = "unpriced"
"""The source of an amount that there is not: no price is known."""


class PricedCall(NamedTuple):
    """An attempt that took tokens. It holds no prompt and no answer.

    `at` is when it ended, aware. `model` is the one that answered, `asked_model` the one that was
    asked for. `amount` and `usd` are None together, where no price is known: such a call is kept
    with its tokens. `price_date` is when the price was last checked, None where the provider told
    the amount. `user` is the user as the service calls them; only its hash is kept.

    `response_id` makes appending idempotent; for an answer that has no id of its own, it is the id
    of the request (x-request-id). `reservation` is the part of a budget that was set aside for the
    call, and is given back when the call is in the ledger.
    """

    at: datetime
    model: str
    operation: str
    outcome: str
    usage: Usage
    amount: Amount | None = None
    usd: Decimal | None = None
    asked_model: str = ""
    service: str = ""
    service_tier: str = ""
    feature: str = ""
    user: str = ""
    price_date: date | None = None
    trace_id: str = ""
    response_id: str = ""
    reservation: str = ""
