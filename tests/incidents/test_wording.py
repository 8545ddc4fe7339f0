"""Times, durations and values, as people of both languages write them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from vigie.incidents.alert import Alert
from vigie.incidents.wording import duration, moment, value

PARIS = ZoneInfo("Europe/Paris")


@pytest.mark.parametrize(
    ("seconds", "english", "french"),
    [
        (-3, "0 s", "0 s"),
        (59.9, "59 s", "59 s"),
        (60, "1 min", "1 min"),
        (3600, "1 h 0 min", "1 h 0 min"),
        (90061, "1 d 1 h", "1 j 1 h"),
    ],
)
def test_durations_have_two_units(seconds: float, english: str, french: str) -> None:
    span = timedelta(seconds=seconds)
    assert (duration(span), duration(span, "fr")) == (english, french)


@pytest.mark.parametrize(
    ("at", "english", "french"),
    [
        ("2026-11-24T00:30+00:00", "01:30", "01:30"),
        ("2026-11-23T22:59+00:00", "23 Nov 23:59", "23 nov. 23:59"),
        ("2026-11-23T23:00+00:00", "00:00", "00:00"),
        ("2025-08-01T12:00+00:00", "1 Aug 2025 14:00", "1 août 2025 14:00"),
    ],
)
def test_times_are_the_readers_and_have_a_date_where_it_is_not_today(
    at: str, english: str, french: str
) -> None:
    now, then = datetime(2026, 11, 24, 12, tzinfo=UTC), datetime.fromisoformat(at)
    assert moment(then, now, PARIS) == english
    assert moment(then, now, PARIS, "fr") == french


@pytest.mark.parametrize(
    ("signal", "told", "english", "french"),
    [
        ("django_response_time", "0.512345", "512ms", "512 ms"),
        ("django_response_time", "1.02345", "1.02s", "1,02 s"),
        ("memory_available", "0.181234", "18.12%", "18,12 %"),
        ("openai_daily_cost", "51.0049", "51€", "51 €"),
        ("openai_token_rate", "2040.44", "2040/min", "2040/min"),
        ("auth_failure_rate", "10.449", "10.4/min", "10,4/min"),
        ("service_down", "0", "0", "0"),
        ("", "3.25", "3.25", "3.25"),
        ("django_response_time", "", "", ""),
    ],
)
def test_values_have_their_units(signal: str, told: str, english: str, french: str) -> None:
    now = datetime(2026, 11, 24, 12, tzinfo=UTC)
    alert = Alert("f", now, None, now, {"signal": signal}, {"value": told})
    assert (value(alert, "en", "EUR"), value(alert, "fr", "EUR")) == (english, french)


def test_amounts_are_in_the_currency_that_is_set() -> None:
    now = datetime(2026, 11, 24, 12, tzinfo=UTC)
    alert = Alert("f", now, None, now, {"signal": "openai_daily_cost"}, {"value": "51.5"})
    assert value(alert, "en", "USD") == "51.5$"
    assert value(replace(alert, labels={}), "en", "USD") == "51.5"
