"""Prices and names that a user adds to the price list: contracts, fine-tunes, deployments.

A rule of one's own wins over the list. An alias says which model a name stands for (an Azure
deployment, a fine-tune, a self-hosted copy), and is priced as that model.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType

from vigie.costs.prices import Price, PriceList
from vigie.costs.usage import Usage

KINDS = Usage._fields
"""The kinds of tokens that a price tells apart."""

ORIGIN = "own price"

_WHOLES = {
    "cached_input": "input",
    "cache_write": "input",
    "input_audio": "input",
    "reasoning": "output",
    "output_audio": "output",
}


@dataclass(frozen=True, slots=True)
class OwnPrice:
    """A price that the user set.

    `model` is a name, in which `*` stands for anything; upper and lower case are the same.
    `usd_per_million` holds US dollars per million tokens by kind of token (`KINDS`); a part without
    a price of its own costs what the whole costs. A rule with a `service_tier` holds for that tier
    only, one without for every tier that has none. `checked` is when the user last looked it up.

    Raises ValueError for an unknown kind of token, and for a price below 0.
    """

    model: str
    usd_per_million: Mapping[str, Decimal]
    checked: date
    service_tier: str = ""

    def __post_init__(self) -> None:
        for kind, rate in self.usd_per_million.items():
            if kind not in KINDS:
                raise ValueError(
                    f'{self.model}: "{kind}" is no kind of token: write one of {", ".join(KINDS)}'
                )
            if not (rate.is_finite() and rate >= 0):
                raise ValueError(
                    f"{self.model}: the price of {kind} is {rate}: write a number from 0 on"
                )

    @property
    def identity(self) -> tuple[str, str]:
        """What no two rules may share."""
        return self.model.casefold(), self.service_tier

    def holds_for(self, model: str, service_tier: str) -> bool:
        """Whether this is a price of `model` in that tier."""
        return self.service_tier in ("", service_tier) and _matches(self.model, model)

    def price(self) -> Price:
        """The rule as a price of the price list."""
        rates = {}
        for kind in KINDS:
            whole = self.usd_per_million.get(_WHOLES.get(kind, ""))
            rate = self.usd_per_million.get(kind, whole)
            if rate is not None:
                rates[kind] = ((-1, rate),)
        return Price(
            model=self.model,
            exact="*" not in self.model,
            as_of=self.checked,
            since=None,
            origin=ORIGIN,
            rates=rates,
        )


class OwnPrices:
    """All rules and aliases of a user.

    An exact name wins over a pattern, the pattern with more letters over the other, and a rule for
    a tier over one for all. Raises ValueError for two rules of one model and tier, and for aliases
    that lead in a circle.
    """

    def __init__(
        self,
        rules: Iterable[OwnPrice] = (),
        aliases: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._rules = sorted(rules, key=_weakness)
        self._aliases = {name.casefold(): model for name, model in aliases.items()}
        identities = [rule.identity for rule in self._rules]
        for rule in self._rules:
            if identities.count(rule.identity) > 1:
                tier = f' in the tier "{rule.service_tier}"' if rule.service_tier else ""
                raise ValueError(f'"{rule.model}" has two prices{tier}: keep one')
        for name in aliases:
            if circle := circle_from(name, aliases):
                raise ValueError(f"aliases lead in a circle: {' → '.join(circle)}")

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._rules or self._aliases)

    def names(self, model: str) -> Iterator[str]:
        """The name itself, then what each alias on the way says that it stands for."""
        yield model
        while (key := model.casefold()) in self._aliases:
            model = self._aliases[key]
            yield model

    def price(self, model: str, service_tier: str = "") -> Price | None:
        """The price of the rule that fits best, if one does; aliases are not followed."""
        for rule in self._rules:
            if rule.holds_for(model, service_tier):
                return rule.price()
        return None


class PriceBook(PriceList):
    """The price list, with a user's own prices and aliases before it.

    `read_own` is called once, when the book is loaded: reading settings takes time, and a web
    worker does it in the background. Where it fails, `load` raises what it raised, once; from then
    on the book is the price list alone.
    """

    def __init__(self, read_own: Callable[[], OwnPrices] = OwnPrices) -> None:
        super().__init__()
        self._read_own = read_own
        self._own: OwnPrices | None = None

    @property
    def loaded(self) -> bool:
        """Whether a price can be told without first loading the book."""
        return self._own is not None and super().loaded

    def load(self) -> None:
        """Load the list and the user's own prices, if they are not yet."""
        super().load()
        if self._own is None:
            try:
                self._own = self._read_own()
            except Exception:
                self._own = OwnPrices()
                raise

    def price(
        self,
        model: str,
        base_url: str = "",
        service_tier: str = "",
        at: datetime | None = None,
    ) -> Price | None:
        """What `model` costs: by the user's own rule, else by the list, under its alias."""
        if self._own is None:
            self.load()
        own = self._own
        if not own:  # empty, or about to be read in another thread
            return super().price(model, base_url, service_tier, at)
        stands_for = model
        for stands_for in own.names(model):
            price = own.price(stands_for, service_tier)
            if price is not None:
                return price
        return super().price(stands_for, base_url, service_tier, at)


def circle_from(name: str, aliases: Mapping[str, str]) -> list[str]:
    """The aliases on the way from `name` back to it; empty where the way ends elsewhere."""
    leads_to = {key.casefold(): model for key, model in aliases.items()}
    way = [name]
    while (key := way[-1].casefold()) in leads_to and len(way) <= len(leads_to):
        way.append(leads_to[key])
        if way[-1].casefold() == name.casefold():
            return way
    return []


def _weakness(rule: OwnPrice) -> tuple[bool, int, bool]:
    letters = len(rule.model) - rule.model.count("*")
    return "*" in rule.model, -letters, not rule.service_tier


def _matches(pattern: str, name: str) -> bool:
    if "*" not in pattern:
        return pattern.casefold() == name.casefold()
    parts = map(re.escape, pattern.split("*"))
    return re.fullmatch(".*".join(parts), name, re.IGNORECASE | re.DOTALL) is not None
