"""What a day usually costs: what is no chance is believed, the rest drawn to what all days do."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable, Sequence
from datetime import date, timedelta

import pytest

from vigie.costs.usual_day import PastDay, usual_hours

FIRST = date(2026, 9, 7)  # a Monday
MORNING = [0.0] * 8 + [1.0] * 4 + [0.0] * 12
EVENING = [0.0] * 18 + [1.0] * 4 + [0.0] * 2
EVEN = [1.0] * 24


def days(
    count: int, hours: Callable[[date], Sequence[float]], chance: float = 0.0
) -> list[PastDay]:
    """Days whose hours are as told, each off by chance."""
    dice = random.Random(11)
    return [
        PastDay(on, tuple(hour * math.exp(dice.gauss(0, chance)) for hour in hours(on)))
        for on in (FIRST + timedelta(days=number) for number in range(count))
    ]


def at_weekends(
    weekend: Sequence[float], else_: Sequence[float]
) -> Callable[[date], Sequence[float]]:
    return lambda on: weekend if on.weekday() >= 5 else else_


MONDAY, SATURDAY = FIRST + timedelta(days=56), FIRST + timedelta(days=61)


def test_without_days_or_spend_nothing_is_expected() -> None:
    assert usual_hours([], FIRST) == [0.0] * 24
    silent = days(9, lambda on: [0.0] * 24)
    assert usual_hours(silent, FIRST + timedelta(days=9)) == [0.0] * 24


def test_a_single_day_is_half_believed() -> None:
    (morning,) = days(1, lambda on: MORNING)
    usual = usual_hours([morning], FIRST + timedelta(days=1))
    assert sum(usual) == pytest.approx(4)
    assert usual[8] == pytest.approx((1 / 24 + 1 / 4) / 2 * 4)


def test_weekends_have_their_own_amount_and_their_own_hours() -> None:
    past = days(56, at_weekends([0.1 * hour for hour in EVENING], MORNING), chance=0.3)
    monday, saturday = usual_hours(past, MONDAY), usual_hours(past, SATURDAY)
    assert sum(monday) == pytest.approx(4, rel=0.15)
    assert sum(saturday) == pytest.approx(0.4, rel=0.35)
    assert sum(monday[8:12]) > 0.95 * sum(monday)
    assert sum(saturday[18:22]) > 0.8 * sum(saturday)


def test_mondays_that_were_dearer_by_chance_are_drawn_to_all_days() -> None:
    past = days(56, lambda on: EVEN, chance=1.0)
    by_weekday = [
        statistics.fmean(day.total for day in past if day.weekday == weekday)
        for weekday in range(7)
    ]
    usual = [sum(usual_hours(past, MONDAY + timedelta(days=n))) for n in range(7)]
    assert statistics.stdev(usual) < 0.5 * statistics.stdev(by_weekday)


def test_hours_that_differ_by_chance_are_drawn_to_an_even_day() -> None:
    past = days(56, lambda on: EVEN, chance=1.0)
    seen = [statistics.fmean(day.hours[hour] for day in past) for hour in range(24)]
    assert statistics.stdev(usual_hours(past, MONDAY)) < 0.5 * statistics.stdev(seen)


def test_an_hour_that_was_always_empty_is_never_quite_ruled_out() -> None:
    usual = usual_hours(days(56, lambda on: MORNING), MONDAY)
    assert 0 < usual[3] < 0.01 * usual[9]


def test_the_last_days_count_more_than_those_of_two_months_ago() -> None:
    past = days(56, lambda on: [2.0] * 24 if on >= FIRST + timedelta(days=42) else EVEN)
    assert 40 < sum(usual_hours(past, MONDAY)) < 60


def test_a_trend_is_carried_on_and_one_by_chance_is_not() -> None:
    growing = days(56, lambda on: [math.exp(0.03 * (on - FIRST).days)] * 24, chance=0.3)
    assert sum(usual_hours(growing, MONDAY)) == pytest.approx(24 * math.exp(0.03 * 56), rel=0.1)
    level = days(56, lambda on: EVEN, chance=0.3)
    mean = statistics.fmean(day.total for day in level)
    assert sum(usual_hours(level, MONDAY)) == pytest.approx(mean, rel=0.05)


def test_amounts_too_small_to_count_are_nothing() -> None:
    past = days(20, lambda on: [5e-324] * 24)
    assert usual_hours(past, MONDAY) == [0.0] * 24
