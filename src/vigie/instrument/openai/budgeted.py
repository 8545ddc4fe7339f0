"""A budget that calls are held to: money is set aside before each, by what it costs at most."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from vigie.costs.budget import Budget
from vigie.costs.estimate import output_limit, tokens_of_prompt
from vigie.costs.guard import Guard, cost_at_most
from vigie.costs.ledger.writer import LedgerWriter
from vigie.instrument.guard import guarded
from vigie.instrument.openai.rates import Rates

_TIERS = ("flex", "priority")


class Budgeted:
    """Sets money aside for calls; may be settled like an attempt, which loads it in the
    background."""

    def __init__(
        self,
        budget: Budget,
        rates: Rates,
        ledger: LedgerWriter,
        failed: Callable[[Exception], None],
    ) -> None:
        self._guard = Guard(budget, rates.terms, ledger, failed)
        self._rates = rates

    def settle(self) -> None:
        """Open the ledger ahead of the first call."""
        self._guard.load()

    def reserve(self, request: Mapping[str, Any], base_url: str) -> str:
        """Set aside what the call may cost; the id of what was set aside, empty for nothing.

        Raises `vigie.costs.guard.BudgetExceededError` where the budget has no room for it.
        """
        return self._guard.reserve(self._cost(request, base_url)).id

    async def areserve(self, request: Mapping[str, Any], base_url: str) -> str:
        """The same in a thread, so that the event loop never waits, asyncio's or trio's.

        What a task that is cancelled meanwhile has set aside is given back when it expires.
        """
        from anyio import to_thread  # the SDK stands on it

        return await to_thread.run_sync(self.reserve, request, base_url)

    def _cost(self, request: Mapping[str, Any], base_url: str) -> Decimal:
        with guarded("openai"):
            tier = request.get("service_tier")
            price = self._rates.prices.price(
                str(request.get("model") or ""), base_url, tier if tier in _TIERS else ""
            )
            return cost_at_most(price, tokens_of_prompt(request), output_limit(request))
        return Decimal(0)
