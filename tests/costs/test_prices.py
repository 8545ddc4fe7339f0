"""Prices: against what providers publish, and against the price list's own arithmetic."""

from datetime import UTC, date, datetime
from decimal import Decimal, localcontext
from typing import Any

import genai_prices
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie.costs.prices import Price, PriceList
from vigie.costs.usage import Usage

OPENAI_PAGE = "https://developers.openai.com/api/docs/pricing"
NOVEMBER = datetime(2026, 11, 20, tzinfo=UTC)

# As published on the page named, where the price list's maintainers last saw them on 2026-10-14.
# US dollars per million tokens: input, cached input, output.
PUBLISHED = [
    ("gpt-4o", "2.50", "1.25", "10", OPENAI_PAGE),
    ("gpt-4o-2024-08-06", "2.50", "1.25", "10", OPENAI_PAGE),
    ("gpt-4o-2024-05-13", "5", None, "15", OPENAI_PAGE),
    ("gpt-4o-mini", "0.15", "0.075", "0.60", OPENAI_PAGE),
    ("gpt-4.1", "2", "0.50", "8", OPENAI_PAGE),
    ("gpt-4.1-mini", "0.40", "0.10", "1.60", OPENAI_PAGE),
    ("gpt-4.1-nano-2025-04-14", "0.10", "0.025", "0.40", OPENAI_PAGE),
    ("gpt-5", "1.25", "0.125", "10", OPENAI_PAGE),
    ("gpt-5-mini", "0.25", "0.025", "2", OPENAI_PAGE),
    ("gpt-5-nano", "0.05", "0.005", "0.40", OPENAI_PAGE),
    ("gpt-5-2025-08-07", "1.25", "0.125", "10", OPENAI_PAGE),
    ("gpt-5-pro", "15", None, "120", OPENAI_PAGE),
    ("gpt-5.1", "1.25", "0.125", "10", OPENAI_PAGE),
    ("gpt-5.2", "1.75", "0.175", "14", OPENAI_PAGE),
    ("gpt-5.4-mini", "0.75", "0.075", "4.50", OPENAI_PAGE),
    ("o1", "15", "7.50", "60", OPENAI_PAGE),
    ("o1-pro", "150", None, "600", OPENAI_PAGE),
    ("o3", "2", "0.50", "8", OPENAI_PAGE),
    ("o3-2025-04-16", "2", "0.50", "8", OPENAI_PAGE),
    ("o3-pro", "20", None, "80", OPENAI_PAGE),
    ("o3-mini", "1.10", "0.55", "4.40", OPENAI_PAGE),
    ("o4-mini", "1.10", "0.275", "4.40", OPENAI_PAGE),
    ("gpt-4-turbo", "10", None, "30", OPENAI_PAGE),
    ("gpt-3.5-turbo", "0.50", None, "1.50", OPENAI_PAGE),
    ("gpt-4", "30", None, "60", OPENAI_PAGE),
    ("text-embedding-3-small", "0.02", None, None, OPENAI_PAGE),
    ("text-embedding-3-large", "0.13", None, None, OPENAI_PAGE),
    ("text-embedding-ada-002", "0.10", None, None, OPENAI_PAGE),
]

# The same page's tables of flex, priority and batch, seen on 2026-10-12 and (batch) 2026-10-14.
# Where a table names no price for cached input, the standard one holds.
PUBLISHED_TIERS = [
    ("gpt-5", "flex", "0.625", "0.0625", "5"),
    ("gpt-5-mini", "flex", "0.125", "0.0125", "1"),
    ("gpt-5-nano", "flex", "0.025", "0.0025", "0.20"),
    ("gpt-5.2", "flex", "0.875", "0.0875", "7"),
    ("gpt-5.4", "flex", "1.25", "0.13", "7.50"),
    ("o3", "flex", "1", "0.25", "4"),
    ("o4-mini", "flex", "0.55", "0.138", "2.20"),
    ("gpt-4o", "priority", "4.25", "2.125", "17"),
    ("gpt-4o-mini", "priority", "0.25", "0.125", "1"),
    ("gpt-4.1", "priority", "3.50", "0.875", "14"),
    ("gpt-4.1-mini", "priority", "0.70", "0.175", "2.80"),
    ("gpt-4.1-nano", "priority", "0.20", "0.05", "0.80"),
    ("gpt-5", "priority", "2.50", "0.25", "20"),
    ("gpt-5-mini", "priority", "0.45", "0.045", "3.60"),
    ("gpt-5.2", "priority", "3.50", "0.35", "28"),
    ("o3", "priority", "3.50", "0.875", "14"),
    ("o4-mini", "priority", "2", "0.50", "8"),
    ("gpt-4o", "batch", "1.25", "1.25", "5"),
    ("gpt-4o-mini", "batch", "0.075", "0.075", "0.30"),
    ("gpt-4.1", "batch", "1", "0.50", "4"),
    ("gpt-5", "batch", "0.625", "0.0625", "5"),
    ("gpt-5.4", "batch", "1.25", "0.13", "7.50"),
    ("o1", "batch", "7.50", "7.50", "30"),
    ("o3", "batch", "1", "0.50", "4"),
]

# Above 272,000 tokens of input, every token of the call costs these.
PUBLISHED_LONG_CONTEXTS = [
    ("gpt-5.4", "", "5", "0.50", "22.50"),
    ("gpt-5.4", "flex", "2.50", "0.25", "11.25"),
    ("gpt-5.5", "", "10", "1", "45"),
    ("gpt-5.4-pro", "", "60", None, "270"),
]


@pytest.fixture(scope="module")
def prices() -> PriceList:
    return PriceList()


def priced(prices: PriceList, *args: Any, **kwargs: Any) -> Price:
    price = prices.price(*args, **kwargs)
    assert price is not None
    return price


@pytest.mark.parametrize("row", PUBLISHED, ids=[row[0] for row in PUBLISHED])
def test_a_price_is_the_published_one(
    prices: PriceList, row: tuple[str, str, str | None, str | None, str]
) -> None:
    model, input_, cached, output, page = row
    price = priced(prices, model, at=NOVEMBER)
    assert price.exact
    million = 1_000_000
    # Long-context prices start above 272,000 tokens, so the input is counted in tenths.
    assert price.usd(Usage(input=million // 10)) == Decimal(input_) / 10
    if cached is not None:
        all_cached = Usage(input=million // 10, cached_input=million // 10)
        assert price.usd(all_cached) == Decimal(cached) / 10
    if output is not None:
        assert price.usd(Usage(output=million)) == Decimal(output)
    assert page in price.origin


@pytest.mark.parametrize("row", PUBLISHED_TIERS, ids=[" ".join(row[:2]) for row in PUBLISHED_TIERS])
def test_a_tier_s_price_is_the_published_one(
    prices: PriceList, row: tuple[str, str, str, str, str]
) -> None:
    model, tier, input_, cached, output = row
    price = priced(prices, model, service_tier=tier, at=NOVEMBER)
    assert price.exact
    tenth = 100_000
    assert price.usd(Usage(input=tenth)) == Decimal(input_) / 10
    assert price.usd(Usage(input=tenth, cached_input=tenth)) == Decimal(cached) / 10
    assert price.usd(Usage(output=tenth)) == Decimal(output) / 10


@pytest.mark.parametrize(
    "row", PUBLISHED_LONG_CONTEXTS, ids=[" ".join(row[:2]) for row in PUBLISHED_LONG_CONTEXTS]
)
def test_a_long_context_s_price_is_the_published_one(
    prices: PriceList, row: tuple[str, str, str, str | None, str]
) -> None:
    model, tier, input_, cached, output = row
    price = priced(prices, model, service_tier=tier, at=NOVEMBER)
    long = 1_000_000
    assert price.usd(Usage(input=long)) == Decimal(input_)
    if cached is not None:
        assert price.usd(Usage(input=long, cached_input=long)) == Decimal(cached)
    assert price.usd(Usage(input=long, output=long)) == Decimal(input_) + Decimal(output)


@pytest.mark.parametrize(("model", "tier"), [("gpt-4o", "flex"), ("gpt-4o", "scale")])
def test_a_tier_without_a_published_price_costs_the_standard_one_and_says_so(
    prices: PriceList, caplog: pytest.LogCaptureFixture, model: str, tier: str
) -> None:
    price = priced(prices, model, service_tier=tier, at=NOVEMBER)
    assert price.rates == priced(prices, model, at=NOVEMBER).rates
    assert not price.exact
    assert caplog.messages == [
        f'"{model}" in the service tier "{tier}" has no price of its own in the price list: '
        f"it is priced as {model}"
    ]


def test_cached_tokens_are_part_of_the_input_and_reasoning_tokens_of_the_output(
    prices: PriceList,
) -> None:
    usage = Usage(input=1000, cached_input=800, output=500, reasoning=400)
    expected = (200 * Decimal("1.10") + 800 * Decimal("0.275") + 500 * Decimal("4.40")) / 10**6
    assert priced(prices, "o4-mini", at=NOVEMBER).usd(usage) == expected


def test_cached_tokens_cost_the_full_price_where_no_other_is_published(prices: PriceList) -> None:
    price = priced(prices, "gpt-4-turbo", at=NOVEMBER)
    assert price.usd(Usage(input=1000, cached_input=400)) == price.usd(Usage(input=1000))


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("gpt-4o-mini-2031-02-03", "gpt-4o-mini"),
        ("gpt-4o-mini-20310203", "gpt-4o-mini"),
        ("gpt-4o-mini-0203", "gpt-4o-mini"),
        ("gpt-4.1-nano-2031-02-03", "gpt-4.1-nano"),
        ("gpt-5-2031-02-03", "gpt-5"),
        ("o3-2031-02-03", "o3"),
        ("text-embedding-3-small-2031-02-03", "text-embedding-3-small"),
    ],
)
def test_a_dated_name_that_is_unknown_falls_back_to_its_family_and_says_so(
    caplog: pytest.LogCaptureFixture, name: str, family: str
) -> None:
    prices = PriceList()
    for _ in range(2):
        price = priced(prices, name, at=NOVEMBER)
        assert (price.model, price.exact) == (family, False)
        assert price.rates == priced(prices, family, at=NOVEMBER).rates
    assert caplog.messages == [
        f'"{name}" has no price of its own in the price list: it is priced as {family}'
    ]


@pytest.mark.parametrize("name", ["llama-secret-7b", "gpt-99", "gpt-99-2031-01-01", ""])
def test_an_unknown_model_has_no_price_rather_than_a_price_of_zero(
    prices: PriceList, name: str
) -> None:
    assert prices.price(name) is None


def test_tokens_of_a_kind_without_a_price_make_the_call_unpriced(prices: PriceList) -> None:
    assert priced(prices, "text-embedding-3-small").usd(Usage(input=5, output=1)) is None


def test_a_price_is_the_one_in_force_on_the_day(prices: PriceList) -> None:
    usage = Usage(input=1_000_000)
    before = priced(prices, "o3", at=datetime(2025, 6, 9, 23, 59, tzinfo=UTC))
    after = priced(prices, "o3", at=datetime(2025, 6, 10, 0, 1, tzinfo=UTC))
    assert (before.usd(usage), before.since) == (Decimal(10), None)
    assert (after.usd(usage), after.since) == (Decimal(2), date(2025, 6, 10))


def test_a_price_says_when_it_was_checked_and_where_it_comes_from(prices: PriceList) -> None:
    price = priced(prices, "gpt-4o-mini")
    assert price.as_of >= date(2026, 10, 12)
    assert price.origin.startswith("genai-prices ")
    assert "https://" in price.origin


def test_a_service_tier_has_its_own_price(prices: PriceList) -> None:
    usage = Usage(input=1_000_000, output=1_000_000)
    tiers = {
        tier: priced(prices, "gpt-4.1-nano", service_tier=tier, at=NOVEMBER).usd(usage)
        for tier in ("", "default", "priority")
    }
    assert tiers == {"": Decimal("0.5"), "default": Decimal("0.5"), "priority": Decimal(1)}


def test_a_long_context_costs_its_own_price_for_every_token(prices: PriceList) -> None:
    price = priced(prices, "gpt-5.4", at=NOVEMBER)
    assert price.usd(Usage(input=272_000)) == Decimal("2.5") * 272 / 1000
    assert price.usd(Usage(input=272_001)) == Decimal(5) * 272_001 / 10**6


def test_the_base_url_tells_the_provider(prices: PriceList) -> None:
    azure = priced(prices, "gpt-35-turbo", "https://ours.openai.azure.com/openai/")
    assert "azure.microsoft.com" in azure.origin
    assert priced(prices, "gpt-4o", "http://127.0.0.1:8090/v1/").model == "gpt-4o"
    assert prices.price("gpt-4o", "https://api.mistral.ai/v1/") is None


def test_a_price_that_changes_within_the_day_is_looked_up_for_each_call(
    prices: PriceList,
) -> None:
    usage = Usage(input=1_000_000)
    at = {
        hour: priced(
            prices,
            "deepseek-chat",
            "https://api.deepseek.com/",
            at=datetime(2025, 6, 2, hour, tzinfo=UTC),
        ).usd(usage)
        for hour in (12, 20)
    }
    assert at[20] is not None
    assert at[12] is not None
    assert at[20] < at[12]


def test_the_host_s_decimal_context_does_not_round_money(prices: PriceList) -> None:
    price = priced(prices, "gpt-4o-mini")
    with localcontext(prec=2):
        rounded = price.usd(Usage(input=123_457))
    assert rounded == price.usd(Usage(input=123_457)) == Decimal("0.15") * 123_457 / 10**6


@pytest.mark.servers
def test_ten_thousand_model_names_leave_a_bounded_memory(prices: PriceList) -> None:
    for number in range(10_000):
        prices.price(f"model-{number}")
    assert len(prices._kept) <= 2000


LISTED = PriceList()


def openai_models() -> list[Any]:
    """OpenAI's models that are priced by tokens of text alone, each under a name that finds it."""
    snapshot = genai_prices.data_snapshot.get_snapshot()
    provider = next(each for each in snapshot.providers if each.id == "openai")
    text = {"input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok"}
    found = []
    for model in provider.models:
        keys = {key for key in vars(model.get_prices(NOVEMBER)) if key.endswith("_mtok")}
        if {"input_mtok", "output_mtok"} <= keys <= text and provider.find_model(model.id) is model:
            found.append(model)
    assert len(found) > 50
    return found


@given(
    model=st.sampled_from(openai_models()),
    input_=st.integers(0, 10**6),
    output=st.integers(0, 10**5),
    parts=st.tuples(st.floats(0, 0.5), st.floats(0, 0.5), st.floats(0, 1)),
)
def test_our_arithmetic_is_the_price_list_s_own(
    model: Any, input_: int, output: int, parts: tuple[float, float, float]
) -> None:
    ours = Usage(
        input=input_,
        cached_input=int(input_ * parts[0]),
        cache_write=int(input_ * parts[1]),
        output=output,
        reasoning=int(output * parts[2]),
    )
    theirs = genai_prices.Usage(
        input_tokens=ours.input,
        cache_read_tokens=ours.cached_input,
        cache_write_tokens=ours.cache_write,
        output_tokens=ours.output,
        output_reasoning_tokens=ours.reasoning,
    )
    expected = model.get_prices(NOVEMBER).calc_price(theirs)["total_price"]
    assert priced(LISTED, model.id, at=NOVEMBER).usd(ours) == expected
