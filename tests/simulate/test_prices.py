from datetime import date
from decimal import Decimal

import pytest

from vigie.simulate.offer import MODELS
from vigie.simulate.prices import PRICES, price_of

TODAY = date(2026, 11, 30)


def test_every_model_that_is_sold_has_a_price() -> None:
    unpriced = {m.snapshot for m in MODELS.values() if not price_of(m.snapshot, "default", TODAY)}
    assert unpriced == set()


def test_every_price_names_its_day_and_where_it_was_published() -> None:
    for price in PRICES:
        assert price.since <= TODAY
        if price.snapshot != "coach-internal-1":
            assert price.source.startswith("https://")


def test_amounts_are_exact_decimals() -> None:
    price = price_of("gpt-4o-mini-2024-07-18", "default", TODAY)
    assert price is not None
    # (1000 - 128) x 0.15 + 128 x 0.075 + 7 x 0.60, a millionth of it
    assert price.amount(1000, 128, 7) == Decimal("0.0001446")


def test_sums_of_amounts_are_the_amount_of_sums() -> None:
    price = price_of("o4-mini-2025-04-16", "flex", TODAY)
    assert price is not None
    assert sum((price.amount(3, 1, 1) for _ in range(1000)), Decimal(0)) == price.amount(
        3000, 1000, 1000
    )


def test_cached_tokens_of_a_model_without_caching_are_refused() -> None:
    price = price_of("gpt-4-0613", "default", TODAY)
    assert price is not None
    with pytest.raises(ValueError, match="gpt-4-0613 is sold without prompt caching"):
        price.amount(2000, 1024, 1)


def test_a_day_before_the_first_price_gets_the_first() -> None:
    first = price_of("gpt-4o-2024-08-06", "default", date(2020, 1, 1))
    assert first is not None
    assert first.since == date(2024, 10, 1)


def test_an_unknown_tier_has_no_price() -> None:
    assert price_of("gpt-4-0613", "flex", TODAY) is None
