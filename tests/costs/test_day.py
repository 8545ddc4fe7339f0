"""Days: from midnight to midnight on the clocks of a zone, whatever the clocks do."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie.costs.day import day_of, day_on, start_of_last_days

PARIS = ZoneInfo("Europe/Paris")
ZONES = [
    "Europe/Paris",
    "UTC",
    "Asia/Kathmandu",  # 5:45 from UTC
    "Australia/Lord_Howe",  # clocks change by half an hour
    "America/Havana",  # clocks change at midnight
    "America/Santiago",
    "Pacific/Apia",
]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("on", "start", "hours"),
    [
        ("2026-03-28", "2026-03-27T23:00", 24),
        ("2026-03-29", "2026-03-28T23:00", 23),  # clocks go forward
        ("2026-03-30", "2026-03-29T22:00", 24),
        ("2026-10-25", "2026-10-24T22:00", 25),  # clocks go back
        ("2026-10-26", "2026-10-25T23:00", 24),
        ("2026-12-31", "2026-12-30T23:00", 24),
        ("2027-01-01", "2026-12-31T23:00", 24),
        ("2028-02-29", "2028-02-28T23:00", 24),
        ("2026-11-30", "2026-11-29T23:00", 24),
    ],
)
def test_a_day_in_paris(on: str, start: str, hours: int) -> None:
    day = day_on(date.fromisoformat(on), PARIS)
    assert day.start == utc(start)
    assert day.end - day.start == timedelta(hours=hours)
    assert day.seconds == hours * 3600


@pytest.mark.parametrize(
    ("moment", "on"),
    [
        ("2026-12-31T22:59:59.999999", "2026-12-31"),
        ("2026-12-31T23:00", "2027-01-01"),
        ("2026-10-24T21:59:59", "2026-10-24"),
        ("2026-10-24T22:00", "2026-10-25"),
        ("2026-10-25T00:30", "2026-10-25"),  # 2:30 for the first time
        ("2026-10-25T01:30", "2026-10-25"),  # 2:30 again
        ("2026-10-25T22:59:59", "2026-10-25"),
        ("2026-10-25T23:00", "2026-10-26"),
        ("2026-03-29T21:59:59", "2026-03-29"),
        ("2026-03-29T22:00", "2026-03-30"),
    ],
)
def test_the_day_of_a_moment_in_paris(moment: str, on: str) -> None:
    assert day_of(utc(moment), PARIS).date.isoformat() == on


def test_a_clock_that_steps_back_over_midnight_is_in_yesterday_again() -> None:
    before = day_of(utc("2026-11-20T22:59:58"), PARIS)
    after = day_of(utc("2026-11-20T23:00:03"), PARIS)
    stepped_back = day_of(utc("2026-11-20T22:59:59"), PARIS)
    assert stepped_back == before != after


def test_where_the_clocks_jump_over_midnight_the_day_begins_with_the_jump() -> None:
    day = day_on(date(2026, 3, 8), ZoneInfo("America/Havana"))
    assert (day.start, day.seconds) == (utc("2026-03-08T05:00"), 23 * 3600)


@given(
    st.datetimes(datetime(2013, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC)),
    st.sampled_from(ZONES),
)
def test_each_moment_is_in_one_day_and_days_follow_one_another(moment: datetime, name: str) -> None:
    zone = ZoneInfo(name)
    day = day_of(moment, zone)
    assert day.start <= moment < day.end
    assert day_of(day.start, zone) == day
    assert day_of(day.end - timedelta(microseconds=1), zone) == day
    assert day_of(day.end, zone) == day_on(day.date + timedelta(days=1), zone)
    assert 23 <= day.seconds / 3600 <= 25


def test_what_has_passed_of_a_day_ends_where_the_day_does() -> None:
    day = day_on(date(2026, 10, 25), PARIS)
    assert day.seconds_until(day.start - timedelta(hours=1)) == 0
    assert day.seconds_until(day.start + timedelta(hours=9)) == 9 * 3600
    assert day.seconds_until(day.end + timedelta(hours=1)) == 25 * 3600


def test_the_last_seven_days_begin_at_midnight_six_days_ago_also_when_the_clocks_changed() -> None:
    assert start_of_last_days(7, utc("2026-10-28T12:00"), PARIS) == utc("2026-10-21T22:00")
    assert start_of_last_days(1, utc("2026-10-28T12:00"), PARIS) == utc("2026-10-27T23:00")
