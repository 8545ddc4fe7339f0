"""The report of costs: what a person reads, and the same figures for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from priced_calls import Told, priced
from vigie.costs.amounts import confidence, share, whole_number, written
from vigie.costs.ledger import LedgerPlace, reading
from vigie.costs.ledger.reading import Spend
from vigie.costs.money import Amount, Currency, Source
from vigie.costs.priced_call import PricedCall
from vigie.costs.report import WORDS, Report, Word, as_csv, as_json, as_text, report
from vigie.costs.usage import Usage

NOW = datetime(2026, 11, 20, 11, 0, tzinfo=UTC)  # noon in Paris
PARIS = ZoneInfo("Europe/Paris")
EURO = Currency("EUR", Decimal("0.92"))
DAY = timedelta(days=1)
LIMITS = {"warning": 50.0, "critical": 100.0}


@pytest.fixture
def tell(file: LedgerPlace) -> Callable[..., Report]:
    """Keep calls, then report."""

    def keep_and_report(
        *calls: PricedCall, word: Word = "model", period: timedelta = 7 * DAY
    ) -> Report:
        told = Told()
        writer = told.writer(file)
        writer.append(priced(999, at=NOW - 400 * DAY))  # so that there is a ledger
        for call in calls:
            writer.append(call)
        writer.close()
        assert not told.failures
        with reading(file) as ledger:
            return report(ledger, word, period, now=NOW, zone=PARIS, currency=EURO, limits=LIMITS)

    return keep_and_report


def a_week() -> list[PricedCall]:
    return [
        priced(1, usd="10", at=NOW, feature="plan"),
        priced(2, usd="2", at=NOW, model="gpt-4o-2024-08-06", source=Source.ESTIMATED),
        priced(3, usd="4", at=NOW - 2 * DAY, feature="chat", service="django"),
        priced(4, usd=None, at=NOW - DAY, model="our-model", usage=Usage(input=1000)),
        priced(5, usd="1", at=NOW - 6 * DAY - timedelta(hours=12)),
        priced(6, usd="99", at=NOW - 6 * DAY - timedelta(hours=12, microseconds=1)),
    ]


def test_a_person_reads_the_sum_its_confidence_a_chart_and_what_today_will_come_to(
    tell: Callable[..., Report],
) -> None:
    assert as_text(tell(*a_week()), width=78) == (
        "OpenAI costs since 2026-11-14 00:00 (Europe/Paris)\n"
        "\n"
        "15,64 € (88 % computed, 12 % estimated, 1 unpriced)\n"
        "5 calls, 1\u202f480 tokens\n"
        "\n"
        "by model\n"
        "gpt-4o-mini-2024-07-18   13,80 €  88 %  ██████████████████████████████████████\n"
        "gpt-4o-2024-08-06         1,84 €  12 %  █████▏\n"
        "our-model               no price\n"
        "\n"
        "Today      11,04 €, by midnight 18,18 € (likely 11,04 € to 77,40 €)\n"
        "Warning    50,00 € a day: should last\n"
        "Critical   100,00 € a day: should last\n"
        "\n"
        "No price is known for our-model (1).\n"
        "Add one under prices:, or name the model under aliases:, in vigie.yml.\n"
    )


def test_days_are_told_in_their_order_also_those_without_a_call(
    tell: Callable[..., Report],
) -> None:
    text = as_text(tell(*a_week(), word="day"))
    chart = [line.split()[:2] for line in text.splitlines() if line.startswith("2026-")]
    assert chart == [
        ["2026-11-14", "0,92"],
        ["2026-11-15", "0,00"],
        ["2026-11-16", "0,00"],
        ["2026-11-17", "0,00"],
        ["2026-11-18", "3,68"],
        ["2026-11-19", "no"],  # a call without a price
        ["2026-11-20", "11,04"],
    ]


@pytest.mark.parametrize("word", WORDS)
def test_by_whatever_word_the_sum_is_the_same(tell: Callable[..., Report], word: Word) -> None:
    found = tell(*a_week(), word=word)
    assert json.loads(as_json(found))["total"]["amount"] == "15.64"
    assert sum(Decimal(row["amount"]) for row in rows(found)) == Decimal("15.64")


def test_what_has_no_name_is_said_to_have_none(tell: Callable[..., Report]) -> None:
    assert "(no feature)" in as_text(tell(*a_week(), word="feature"))
    assert "(no user)" in as_text(tell(*a_week(), word="user"))


def test_a_period_that_is_not_of_whole_days_goes_back_from_now(
    tell: Callable[..., Report],
) -> None:
    calls = [priced(n, usd="1", at=NOW - timedelta(hours=n)) for n in range(1, 6)]
    found = tell(*calls, period=timedelta(hours=3))
    assert json.loads(as_json(found))["total"]["calls"] == 3


def test_beyond_thirty_lines_the_rest_is_summed_up(tell: Callable[..., Report]) -> None:
    calls = [priced(n, usd="1", at=NOW, model=f"model-{n:02}") for n in range(40)]
    text = as_text(tell(*calls))
    assert "11 others" in text
    assert "10,12 €" in text
    assert len(rows(tell(*calls))) == 40


def test_programs_read_exact_amounts(tell: Callable[..., Report]) -> None:
    found = tell(*a_week(), priced(7, usd="0.000000123456", at=NOW))
    document = json.loads(as_json(found))
    assert document["total"] == {
        "amount": "15.64000011358",
        "currency": "EUR",
        "by_source": {
            "provider": "0",
            "computed": "13.80000011358",
            "estimated": "1.84",
        },
        "calls": 6,
        "tokens": 1600,
        "unpriced_calls": 1,
        "unpriced_tokens": 1000,
    }
    assert document["since"] == "2026-11-13T23:00:00+00:00"
    assert document["until"] == "2026-11-20T23:00:00+00:00"
    assert document["unpriced_models"] == {"our-model": 1}
    assert document["lines"][0]["model"] == "gpt-4o-mini-2024-07-18"
    assert document["today"]["budgets"]["warning"] == {"limit": 50.0, "runs_out": None}


def rows(found: Report) -> list[dict[str, Any]]:
    return list(csv.DictReader(io.StringIO(as_csv(found))))


def test_csv_has_one_row_for_each_line_and_a_header_even_without_lines(
    tell: Callable[..., Report],
) -> None:
    assert as_csv(tell()) == (
        "model,amount,currency,calls,tokens,unpriced_calls,unpriced_tokens,"
        "provider,computed,estimated\n"
    )
    first, second, third = rows(tell(*a_week()))
    assert first == {
        "model": "gpt-4o-mini-2024-07-18",
        "amount": "13.8",
        "currency": "EUR",
        "calls": "3",
        "tokens": "360",
        "unpriced_calls": "0",
        "unpriced_tokens": "0",
        "provider": "0",
        "computed": "13.8",
        "estimated": "0",
    }
    assert (second["estimated"], third["unpriced_tokens"]) == ("1.84", "1000")


def test_a_time_without_calls_says_where_to_look(tell: Callable[..., Report]) -> None:
    assert as_text(tell()) == (
        "OpenAI costs since 2026-11-14 00:00 (Europe/Paris)\n"
        "\n"
        "No call was recorded in that time.\n"
        "vigie costs --since 30d looks further back.\n"
    )


def test_a_budget_that_is_spent_or_will_be_says_when(tell: Callable[..., Report]) -> None:
    calls = [priced(n, usd="70", at=NOW - timedelta(hours=2 + n)) for n in range(1, 2)]
    text = as_text(tell(*calls))
    assert "Warning    50,00 € a day: was spent at " in text


def test_after_some_weeks_the_projection_says_how_far_off_it_usually_is(
    tell: Callable[..., Report],
) -> None:
    half_past = NOW - timedelta(minutes=30)
    calls = [priced(n, usd="1", at=half_past - timedelta(hours=n)) for n in range(24 * 21)]
    text = as_text(tell(*calls))
    assert "Today      11,04 €, by midnight 22,08 € (likely 22,08 € to 22,08 €; " in text
    assert "; usual error ±0 %)" in text


def test_what_was_recorded_in_another_currency_is_told_at_todays_rate(
    tell: Callable[..., Report],
) -> None:
    franc = priced(1, at=NOW, amount=Amount(Decimal(8), "CHF", Source.COMPUTED), usd="10")
    text = as_text(tell(franc))
    assert "9,20 € (100 % computed, 0 unpriced)" in text
    assert "8.00 CHF were recorded in CHF; they are told at today's rate." in text


@pytest.mark.parametrize(
    ("amount", "code", "expected"),
    [
        ("12.4", "EUR", "12,40 €"),
        ("12.4", "USD", "12.40 USD"),
        ("0", "EUR", "0,00 €"),
        ("1234567.891", "EUR", "1\u202f234\u202f567,89 €"),
        ("0.1", "EUR", "0,10 €"),
        ("0.0999", "EUR", "0,10 €"),
        ("0.0042", "EUR", "0,0042 €"),
        ("0.00000123456", "EUR", "0,0000012 €"),
    ],
)
def test_amounts_are_written_so_that_something_is_to_be_seen(
    amount: str, code: str, expected: str
) -> None:
    assert written(Decimal(amount), code) == expected


@pytest.mark.parametrize(
    ("part", "expected"),
    [("0", "0 %"), ("0.001", "<1 %"), ("0.02", "2 %"), ("0.999", ">99 %"), ("1", "100 %")],
)
def test_a_share_is_never_rounded_to_nothing_or_to_all(part: str, expected: str) -> None:
    assert share(Decimal(part), Decimal(1)) == expected


def test_the_confidence_names_each_source_that_has_a_part() -> None:
    def spend(source: str, usd: str, calls: int = 1) -> Spend:
        currency = "" if source == "unpriced" else "EUR"
        return Spend(source, currency, calls, 10, Decimal(usd), Decimal(usd))

    spends = [spend("computed", "98"), spend("estimated", "2")]
    assert confidence(spends, EURO) == "(98 % computed, 2 % estimated, 0 unpriced)"
    spends = [spend("provider", "1"), spend("computed", "1"), spend("unpriced", "0", 3)]
    assert confidence(spends, EURO) == "(50 % provider, 50 % computed, 3 unpriced)"
    assert confidence([], EURO) == "(0 unpriced)"


def test_long_numbers_are_shortened() -> None:
    numbers = [7, 1234, 999_999, 3_400_000, 25_000_000]
    assert [whole_number(n) for n in numbers] == [
        "7",
        "1\u202f234",
        "999\u202f999",
        "3.4 M",
        "25 M",
    ]
