"""A user's own prices and aliases: which one holds, and what they do beside the price list."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from vigie.costs.own_prices import ORIGIN, OwnPrice, OwnPrices, PriceBook
from vigie.costs.prices import PriceList
from vigie.costs.usage import Usage

NOVEMBER = datetime(2026, 11, 20, tzinfo=UTC)
MILLION = Usage(input=1_000_000)


def rule(model: str, usd: str, tier: str = "", day: int = 1) -> OwnPrice:
    return OwnPrice(model, {"input": Decimal(usd)}, date(2026, 11, day), tier)


def usd(prices: OwnPrices, model: str, tier: str = "") -> Decimal | None:
    price = prices.price(model, tier)
    return price.usd(MILLION) if price else None


def test_a_name_wins_over_a_pattern_and_the_longer_pattern_over_the_shorter() -> None:
    prices = OwnPrices(
        [rule("*", "1"), rule("coach-*", "2"), rule("coach-large-*", "3"), rule("coach-x", "4")]
    )
    found = [usd(prices, name) for name in ("other", "coach-1", "coach-large-7", "COACH-X")]
    assert found == [1, 2, 3, 4]


def test_a_rule_for_a_tier_wins_there_and_holds_nowhere_else() -> None:
    prices = OwnPrices([rule("coach", "2"), rule("coach", "1", "flex"), rule("only", "5", "flex")])
    assert [usd(prices, "coach", tier) for tier in ("", "flex", "priority")] == [2, 1, 2]
    assert usd(prices, "only") is None


def test_letters_of_a_pattern_mean_themselves() -> None:
    prices = OwnPrices([rule("gpt.4*", "2")])
    assert usd(prices, "gpt-4o") is None
    assert usd(prices, "gpt.4o") == 2


def test_a_part_without_its_own_price_costs_what_the_whole_does() -> None:
    own = OwnPrice("x", {"input": Decimal(2), "output": Decimal(8)}, date(2026, 11, 1))
    usage = Usage(input=10, cached_input=4, output=10, reasoning=3)
    assert own.price().usd(usage) == Decimal("0.0001")


def test_a_kind_without_any_price_makes_the_call_unpriced_rather_than_free() -> None:
    assert rule("x", "2").price().usd(Usage(input=5, output=1)) is None


def test_an_own_price_says_when_it_was_checked_and_that_it_is_ones_own() -> None:
    price = rule("coach-*", "2", day=7).price()
    assert (price.as_of, price.origin, price.exact) == (date(2026, 11, 7), ORIGIN, False)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: rule("x", "-1"), "x: the price of input is -1: write a number from 0 on"),
        (lambda: rule("x", "NaN"), "x: the price of input is NaN: write a number from 0 on"),
        (
            lambda: OwnPrice("x", {"prompt": Decimal(1)}, date(2026, 11, 1)),
            'x: "prompt" is no kind of token: write one of input, output, cached_input,'
            " cache_write, input_audio, reasoning, output_audio",
        ),
        (
            lambda: OwnPrices([rule("x", "1"), rule("X", "2")]),
            '"x" has two prices: keep one',
        ),
        (
            lambda: OwnPrices([rule("x", "1", "flex"), rule("x", "2", "flex")]),
            '"x" has two prices in the tier "flex": keep one',
        ),
        (
            lambda: OwnPrices(aliases={"a": "B", "b": "c", "c": "a"}),
            "aliases lead in a circle: a → B → c → a",
        ),
        (lambda: OwnPrices(aliases={"a": "a"}), "aliases lead in a circle: a → a"),
    ],
)
def test_what_makes_no_sense_is_refused(make: object, message: str) -> None:
    with pytest.raises(ValueError) as refused:
        make()  # type: ignore[operator]
    assert str(refused.value) == message


def test_a_book_asks_own_prices_first_then_aliases_then_the_list() -> None:
    book = PriceBook(
        lambda: OwnPrices(
            [rule("gpt-4o", "99"), rule("coach-1", "7")],
            {"deployment": "gpt-4o-mini", "ours": "deployment", "tuned": "coach-1"},
        )
    )
    listed = PriceList().price("gpt-4o-mini", at=NOVEMBER)
    assert listed is not None
    for name, expected in (
        ("gpt-4o", Decimal(99)),
        ("tuned", Decimal(7)),
        ("deployment", listed.usd(MILLION)),
        ("ours", listed.usd(MILLION)),
        ("gpt-4o-mini", listed.usd(MILLION)),
    ):
        price = book.price(name, at=NOVEMBER)
        assert price is not None
        assert price.usd(MILLION) == expected, name
    assert book.price("nobody-knows", at=NOVEMBER) is None


def test_a_book_is_loaded_only_when_its_own_prices_are() -> None:
    read: list[str] = []

    def own() -> OwnPrices:
        read.append("once")
        return OwnPrices([rule("coach-1", "7")])

    book = PriceBook(own)
    assert not book.loaded
    book.load()
    book.load()
    assert book.loaded
    assert read == ["once"]


def test_a_book_whose_own_prices_cannot_be_read_says_so_once_and_goes_on_with_the_list() -> None:
    def own() -> OwnPrices:
        raise ValueError("vigie.yml:3: wrong")

    book = PriceBook(own)
    with pytest.raises(ValueError, match=r"vigie\.yml:3: wrong"):
        book.load()
    assert book.loaded
    assert book.price("gpt-4o", at=NOVEMBER) is not None
