"""What tokens cost in this service: prices and currency, as the settings have them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from vigie.costs.money import Currency
from vigie.costs.own_prices import OwnPrices, PriceBook

if TYPE_CHECKING:
    from vigie.settings.costs import CostSettings


class Rates:
    """The price list with the user's own prices, and the currency that costs are told in.

    They are read by `load`, off the request path: the list and the settings take half a second
    together. Where the settings cannot be read, costs are in US dollars by the price list alone.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self.prices = PriceBook(self._read)
        self.currency = Currency()
        self.loaded = False
        """Whether a cost can be told without waiting."""
        self._environ = environ
        self._terms: CostSettings | None = None

    def load(self) -> None:
        """Read them, if they are not yet. Raises what is wrong with the settings, once."""
        try:
            self.prices.load()
        finally:
            self.loaded = self.prices.loaded

    def terms(self) -> CostSettings:
        """All that the settings say about costs. Raises what is wrong with them."""
        from vigie.settings.costs import for_service  # pydantic and YAML: not in a request

        if self._terms is None:
            self._terms = for_service(self._environ)
        return self._terms

    def _read(self) -> OwnPrices:
        terms = self.terms()
        self.currency = terms.currency
        return terms.own_prices
