"""What `vigie.costs` needs of the settings, as plain values, and what is checked for it.

    from vigie.settings.costs import for_service
    told = for_service()          # in a watched service, off the request path: 0.3 s

A watched service loads this in the background: pydantic and YAML take a third of a second.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from vigie.costs.ledger.place import LedgerPlace
from vigie.costs.money import EXACT, Currency
from vigie.costs.own_prices import OwnPrice, OwnPrices, circle_from
from vigie.settings.model import LEDGER_OFF, USD, PriceRule, Settings
from vigie.settings.model import Currency as CurrencySection
from vigie.settings.problems import Places, Problem, SettingsError
from vigie.settings.sources import PREFIX
from vigie.settings.state_folder import default_folder, make_if_missing

DAILY_COST = "openai_daily_cost"
"""The signal whose limits are the budget of a day."""


@dataclass(frozen=True, slots=True)
class CostSettings:
    """All that costs depend on; `ledger` is None where none is to be kept."""

    own_prices: OwnPrices
    currency: Currency
    rate_checked: date
    zone: ZoneInfo
    ledger: LedgerPlace | None


def for_service(environ: Mapping[str, str] = os.environ) -> CostSettings:
    """What a watched service needs, by its environment; makes the state folder for its ledger.

    Raises `SettingsError`, and OSError where the folder cannot be made.
    """
    from vigie.settings import load

    settings = load(environ=environ)
    folder = default_folder(environ)
    if settings.ledger.url is None and settings.ledger.url_file is None:
        make_if_missing(folder)
    return cost_settings(settings, folder)


def cost_settings(settings: Settings, state_folder: Path) -> CostSettings:
    """What costs depend on. Raises `SettingsError` where the ledger's URL cannot be read."""
    return CostSettings(
        own_prices=OwnPrices(
            (_own_price(rule, settings) for rule in settings.prices), settings.aliases
        ),
        currency=Currency(settings.currency.code, settings.currency.per_usd),
        rate_checked=settings.currency.checked,
        zone=settings.time_zone,
        ledger=_ledger(settings, state_folder),
    )


def daily_limits(settings: Settings) -> dict[str, float]:
    """What a day may cost, by level: the limits of the signal `openai_daily_cost`."""
    limits = settings.thresholds[DAILY_COST]
    levels = {"warning": limits.warning, "critical": limits.critical}
    return {level: limit for level, limit in levels.items() if limit is not None}


def problems_of(settings: Settings, places: Places) -> Iterator[Problem]:
    """What is wrong with own prices, aliases and the ledger, each part being right by itself."""
    yield from _rate_problems(settings, places)
    yield from _prices_given_twice(settings, places)
    for index, rule in enumerate(settings.prices):
        if rule.currency not in (USD, settings.currency.code):
            known = " or ".join(
                f'"{code}"' for code in dict.fromkeys((USD, settings.currency.code))
            )
            what = (
                f'prices.{index}.currency is "{rule.currency}": it has no rate, since currency is '
                f"{settings.currency.code}: write {known}"
            )
            yield Problem(places.of(("prices", str(index), "currency")), what)
    for name, model in settings.aliases.items():
        place = places.of(("aliases", name))
        if circle := circle_from(name, settings.aliases):
            way = " → ".join(circle)
            what = f'aliases.{name} is "{model}": it leads in a circle, {way}: name a model'
            yield Problem(place, what)
        priced = [rule.model.casefold() for rule in settings.prices]
        if name.casefold() in priced:
            first = places.of(("prices", str(priced.index(name.casefold())), "model"))
            what = f'aliases.{name} is "{model}": it has its own price at {first}: keep one'
            yield Problem(place, what)
    yield from _ledger_problems(settings, places)


def _rate_problems(settings: Settings, places: Places) -> Iterator[Problem]:
    currency = settings.currency
    if currency.code == USD and currency.per_usd != 1:
        what = f"currency.per_usd is {currency.per_usd}: a US dollar is worth 1: leave it out"
        yield Problem(places.of(("currency", "per_usd")), what)
    elif currency.code not in (USD, CurrencySection().code) and (
        "per_usd" not in currency.model_fields_set
    ):
        what = (
            f'currency.code is "{currency.code}", without a rate: write what one US dollar is '
            "worth and when you looked, e.g. per_usd: 0.92, checked: 2026-11-01"
        )
        yield Problem(places.of(("currency", "code")), what)


def _prices_given_twice(settings: Settings, places: Places) -> Iterator[Problem]:
    first: dict[tuple[str, str], str] = {}
    for index, rule in enumerate(settings.prices):
        place = places.of(("prices", str(index), "model"))
        identity = _own_price(rule, settings).identity
        if identity in first:
            tier = f' in the tier "{rule.service_tier}"' if rule.service_tier else ""
            what = (
                f'prices.{index}.model is "{rule.model}": it has a price already{tier}, '
                f"at {first[identity]}: keep one"
            )
            yield Problem(place, what)
        first.setdefault(identity, place)


def _ledger_problems(settings: Settings, places: Places) -> Iterator[Problem]:
    ledger = settings.ledger
    if ledger.url is not None and ledger.url_file is not None:
        first = places.of(("ledger", "url"))
        what = f"ledger.url_file is {ledger.url_file}: ledger.url is given at {first}: keep one"
        yield Problem(places.of(("ledger", "url_file")), what)
    place = places.of(("ledger", "url"))
    in_file = not place.startswith(PREFIX)
    if ledger.url is not None and in_file and urlsplit(ledger.url).password is not None:
        what = (
            "ledger.url holds a password: write the URL into a file that only the services can "
            "read, and name it: ledger.url_file"
        )
        yield Problem(place, what)


def _own_price(rule: PriceRule, settings: Settings) -> OwnPrice:
    # Whatever has no rate is reported as a problem of its own.
    per_usd = settings.currency.per_usd if rule.currency == settings.currency.code else Decimal(1)
    rates: dict[str, Decimal] = rule.per_million_tokens.model_dump(exclude_none=True)
    if per_usd != 1:
        with localcontext(EXACT):
            rates = {kind: rate / per_usd for kind, rate in rates.items()}
    return OwnPrice(rule.model, rates, rule.checked, rule.service_tier)


def _ledger(settings: Settings, state_folder: Path) -> LedgerPlace | None:
    ledger = settings.ledger
    url = ledger.url
    if ledger.url_file is not None:
        try:
            url = ledger.url_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            what = f"{ledger.url_file} cannot be read: {reason}"
            raise SettingsError([Problem("ledger.url_file", what)]) from None
        if not url.startswith(("postgresql://", "postgres://")):
            what = f"{ledger.url_file} holds no postgresql:// URL: write one into it"
            raise SettingsError([Problem("ledger.url_file", what)])
    if url == LEDGER_OFF:
        return None
    usual = LedgerPlace.in_folder(state_folder)
    return LedgerPlace(
        url or usual.url, ledger.retention, ledger.user_key_file or usual.user_key_file
    )
