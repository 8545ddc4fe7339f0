"""What a model's tokens cost, from the price list that genai-prices ships.

No network: the list is in the wheel, and every price says how old it is. Loading the list takes a
third of a second and some 35 MB, so a service loads it in the background (`PriceList.load`); a
price, once found, is kept for the day. One that is not quite what was asked for (a family's, where
the date is unknown; the standard one, where the tier is) is logged as such.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.metadata import version
from typing import Any

from vigie.costs.money import EXACT
from vigie.costs.usage import Usage

log = logging.getLogger("vigie")

_KEPT_PRICES = 2000
_NOTHING = Decimal(0)
_MILLIONTH = Decimal("1e-6")
_STANDARD_TIERS = ("", "default", "auto")
_CHECKED = re.compile(r"(?:verified|checked)\b[^.;]*?\b(20\d\d-\d\d-\d\d)", re.IGNORECASE)
_DATED = re.compile(r"^(?P<family>.+?)-(?:20\d\d-\d\d-\d\d|20\d{6}|\d{4})$")

# Each kind of token, with genai-prices' name for its price and the kind that it is a part of: a
# part without a price of its own costs what the whole costs.
_KINDS = (
    ("input", "input_mtok", ""),
    ("cached_input", "cache_read_mtok", "input"),
    ("cache_write", "cache_write_mtok", "input"),
    ("input_audio", "input_audio_mtok", "input"),
    ("output", "output_mtok", ""),
    ("reasoning", "output_reasoning_mtok", "output"),
    ("output_audio", "output_audio_mtok", "output"),
)


@dataclass(frozen=True, slots=True)
class Price:
    """What one model's tokens cost.

    `model` is the name in the price list; `exact` is False where the list does not know the name
    that was asked for and this is the price of its family (the name without its date), or where it
    knows no price for the service tier and this is the standard one. `as_of` is
    the day on which the price was last checked, `since` the day from which it is in force, where
    the list tells; `origin` names the list and the published page.

    `rates` holds US dollars per million tokens, by kind of token: one rate, or several steps
    (input tokens above which the step holds, rate) for prices that rise with a long context.
    """

    model: str
    exact: bool
    as_of: date
    since: date | None
    origin: str
    rates: Mapping[str, tuple[tuple[int, Decimal], ...]]
    usd_per_call: Decimal = Decimal(0)

    def usd(self, usage: Usage) -> Decimal | None:
        """US dollars, unrounded; None where the list has no price for a kind of token used."""
        plain_input = usage.input - usage.cached_input - usage.cache_write - usage.input_audio
        plain_output = usage.output - usage.reasoning - usage.output_audio
        counts = (
            ("input", plain_input),
            ("cached_input", usage.cached_input),
            ("cache_write", usage.cache_write),
            ("input_audio", usage.input_audio),
            ("output", plain_output),
            ("reasoning", usage.reasoning),
            ("output_audio", usage.output_audio),
        )
        per_million = _NOTHING
        for kind, count in counts:
            if count <= 0:
                continue
            steps = self.rates.get(kind)
            if steps is None:
                return None
            per_million = EXACT.fma(count, _step(steps, usage.input), per_million)
        return EXACT.fma(per_million, _MILLIONTH, self.usd_per_call)


class PriceList:
    """genai-prices' list: prices by model, provider, service tier and day."""

    def __init__(self) -> None:
        self._snapshot: Any = None
        self._as_of = date.min
        self._name = ""
        self._kept: dict[tuple[str, str, str, date], Price | None] = {}

    @property
    def loaded(self) -> bool:
        """Whether a price can be told without first loading the list."""
        return self._snapshot is not None

    def load(self) -> None:
        """Load the list, if it is not yet: 0.3 s. Raises ImportError without genai-prices."""
        if self._snapshot is None:
            from genai_prices.data_snapshot import get_snapshot

            snapshot = get_snapshot()
            comments = (m.price_comments for p in snapshot.providers for m in p.models)
            self._as_of = max(_days_checked(*comments), default=date.min)
            self._name = f"genai-prices {version('genai-prices')}"
            self._snapshot = snapshot

    def price(
        self,
        model: str,
        base_url: str = "",
        service_tier: str = "",
        at: datetime | None = None,
    ) -> Price | None:
        """What `model` costs at `at` (aware; default: now), or None where no price is known.

        `base_url` tells the provider; one that the list does not know (a proxy, a simulator) is
        taken to sell OpenAI's models under OpenAI's names. `service_tier` is the one that the
        answer names: "flex", "priority", …; "batch" is what came by the Batch API.
        """
        at = at.astimezone(UTC) if at else datetime.now(UTC)
        key = (model, base_url, service_tier, at.date())
        try:
            return self._kept[key]
        except KeyError:
            pass
        self.load()
        price, lasts = self._find(model, base_url, service_tier, at)
        if lasts:
            if len(self._kept) >= _KEPT_PRICES:
                self._kept.clear()
            self._kept[key] = price
        return price

    def _find(
        self, name: str, base_url: str, service_tier: str, at: datetime
    ) -> tuple[Price | None, bool]:
        """The price, and whether it holds for the whole day (UTC)."""
        provider = self._provider(base_url)
        for candidate in _name_and_family(name):
            model = provider.find_model(candidate, all_providers=self._snapshot.providers)
            if model is not None:
                break
        else:
            return None, True
        # A provider that sells another's models sells them in one tier, as far as is known.
        own = any(each is model for each in provider.models)
        context = _context(service_tier) if own else None
        listed = model.get_prices(at, context)
        rates = _rates(listed)
        if not rates:
            return None, True
        known_tier = context is None or _is_listed(model, context, at)
        if candidate != name or not known_tier:
            log.warning(
                '"%s"%s has no price of its own in the price list: it is priced as %s',
                name,
                "" if known_tier else f' in the service tier "{service_tier}"',
                model.id,
            )
        price = Price(
            model=model.id,
            exact=candidate == name and known_tier,
            as_of=max(_days_checked(model.price_comments), default=self._as_of),
            since=_in_force_since(model, at),
            origin=", ".join([self._name, *(provider.pricing_urls or ())[:1]]),
            rates=rates,
            usd_per_call=_usd_per_call(listed),
        )
        return price, not _varies_within_a_day(model)

    def _provider(self, base_url: str) -> Any:
        providers = self._snapshot.providers
        for provider in providers:
            if base_url and re.match(provider.api_pattern, base_url):
                return provider
        return next(provider for provider in providers if provider.id == "openai")


def _name_and_family(name: str) -> Iterator[str]:
    yield name
    dated = _DATED.match(name)
    if dated:
        yield dated["family"]


def _context(service_tier: str) -> dict[str, str] | None:
    """What genai-prices calls a tier; None for the standard one."""
    if service_tier in _STANDARD_TIERS:
        return None
    return {"processing" if service_tier == "batch" else "service_tier": service_tier}


def _is_listed(model: Any, context: Mapping[str, str], at: datetime) -> bool:
    return any(
        variant.when == context and (variant.constraint is None or variant.constraint.active(at))
        for variant in model.price_variants or ()
    )


def _rates(listed: Any) -> dict[str, tuple[tuple[int, Decimal], ...]]:
    found: dict[str, tuple[tuple[int, Decimal], ...]] = {}
    for kind, key, whole in _KINDS:
        rate = getattr(listed, key, None)
        if rate is not None:
            found[kind] = _steps(rate)
        elif whole in found:
            found[kind] = found[whole]
    return found


def _steps(rate: Any) -> tuple[tuple[int, Decimal], ...]:
    if isinstance(rate, Decimal):
        return ((-1, rate),)
    return ((-1, rate.base), *((tier.start, tier.price) for tier in rate.tiers))


def _step(steps: tuple[tuple[int, Decimal], ...], input_tokens: int) -> Decimal:
    if len(steps) == 1:
        return steps[0][1]
    return next(rate for start, rate in reversed(steps) if input_tokens > start)


def _usd_per_call(listed: Any) -> Decimal:
    per_thousand = getattr(listed, "requests_kcount", None)
    return Decimal(0) if per_thousand is None else _steps(per_thousand)[0][1].scaleb(-3)


def _days_checked(*comments: str | None) -> list[date]:
    return [date.fromisoformat(day) for text in comments if text for day in _CHECKED.findall(text)]


def _in_force_since(model: Any, at: datetime) -> date | None:
    days = [
        start
        for conditional in (model.prices if isinstance(model.prices, list) else ())
        if (start := getattr(conditional.constraint, "start_date", None)) and start <= at.date()
    ]
    return max(days, default=None)


def _varies_within_a_day(model: Any) -> bool:
    return isinstance(model.prices, list) and any(
        hasattr(conditional.constraint, "start_time") for conditional in model.prices
    )
