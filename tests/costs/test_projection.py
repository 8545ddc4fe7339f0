"""The projection of a day's cost: sound on the first day, better with each week."""

from __future__ import annotations

import math
import random
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vigie.costs.day import Day, day_on
from vigie.costs.projection import Forecaster, Projection, backtest
from vigie.costs.usual_day import PastDay, past_days, usual_hours

PARIS = ZoneInfo("Europe/Paris")
FIRST = date(2026, 9, 7)  # a Monday
OFFICE = [0.0] * 8 + [1.0, 2.0, 2.0, 2.0, 1.0, 1.0, 2.0, 2.0, 2.0, 1.0] + [0.0] * 6


def office_days(count: int, noise: float = 0.0, growth: float = 0.0) -> list[PastDay]:
    dice = random.Random(7)
    days = []
    for number in range(count):
        on = FIRST + timedelta(days=number)
        level = (0.05 if on.weekday() >= 5 else 1.0) * math.exp(growth * number)
        days.append(PastDay(on, tuple(level * h * math.exp(dice.gauss(0, noise)) for h in OFFICE)))
    return days


def at(day: Day, hour: float) -> datetime:
    return day.start + timedelta(hours=hour)


def said(past: list[PastDay], on: date, hour: float, spent: float) -> Projection:
    day = day_on(on, PARIS)
    found = Forecaster(past, day, PARIS).at(at(day, hour), spent)
    assert found is not None
    return found


def test_on_the_first_day_the_rate_so_far_goes_on_with_a_wide_interval() -> None:
    found = said([], FIRST, 6, spent=10)
    assert found.middle == pytest.approx(40)
    assert found.low == pytest.approx(10 + 30 / 3)
    assert found.high == pytest.approx(10 + 30 * 3)


def test_without_any_spend_nothing_is_said() -> None:
    day = day_on(FIRST, PARIS)
    assert Forecaster([], day, PARIS).at(day.start, 0) is None
    assert Forecaster([], day, PARIS).at(at(day, 6), 0) is None
    empty = [PastDay(FIRST - timedelta(days=n), (0.0,) * 24) for n in range(9, 0, -1)]
    assert Forecaster(empty, day, PARIS).at(at(day, 6), 0) is None
    # A first cent after silent days: all that is known is the rate so far.
    assert said(empty, FIRST, 6, spent=1).middle == pytest.approx(4)


def test_at_midnight_the_day_is_what_such_days_were() -> None:
    past = office_days(56)
    monday, sunday = FIRST + timedelta(days=56), FIRST + timedelta(days=62)
    assert said(past, monday, 0, spent=0).middle == pytest.approx(16, rel=0.15)
    assert said(office_days(62), sunday, 0, spent=0).middle < 3


def test_at_nine_an_office_is_not_taken_for_a_day_that_goes_on_evenly() -> None:
    monday = FIRST + timedelta(days=56)
    found = said(office_days(56), monday, 9, spent=1)
    assert found.middle == pytest.approx(16, rel=0.1)
    assert found.low <= found.middle <= found.high


def test_a_day_unlike_the_others_is_believed_more_and_more() -> None:
    past = office_days(56, noise=0.3)
    monday = FIRST + timedelta(days=56)
    doubled = [2 * sum(OFFICE[:hour]) for hour in range(25)]
    errors = [abs(said(past, monday, hour, doubled[hour]).middle - 32) for hour in (0, 12, 17)]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 1


@pytest.mark.parametrize(("unlike", "believed"), [(0.02, 0.25), (0.5, 0.6)])
def test_today_is_believed_early_where_days_differ_and_late_where_they_are_alike(
    unlike: float, believed: float
) -> None:
    dice = random.Random(3)
    past = []
    for number in range(56):
        level = math.exp(dice.gauss(0, unlike))
        hours = (level * math.exp(dice.gauss(0, 0.6)) for _ in range(24))
        past.append(PastDay(FIRST + timedelta(days=number), tuple(hours)))
    mean = sum(day.total for day in past) / len(past) / 24
    # At noon twice as much has been spent as usual: is the afternoon's double, too?
    found = said(past, FIRST + timedelta(days=56), 12, spent=24 * mean)
    share = (found.middle - 24 * mean) / (12 * mean) - 1
    assert share < believed if believed < 0.5 else share > believed


def test_days_that_are_all_the_same_to_the_cent_are_no_riddle() -> None:
    past = [PastDay(FIRST + timedelta(days=n), (1.0,) * 24) for n in range(30)]
    found = said(past, FIRST + timedelta(days=30), 12, spent=13)
    assert 24.9 < found.middle < 26.1


def test_growth_is_carried_on() -> None:
    past = office_days(56, noise=0.1, growth=0.03)
    tomorrow = FIRST + timedelta(days=56)
    expected = 16 * math.exp(0.03 * 56)
    assert said(past, tomorrow, 0, spent=0).middle == pytest.approx(expected, rel=0.25)


def test_at_the_end_of_the_day_the_projection_is_what_was_spent() -> None:
    found = said(office_days(30), FIRST + timedelta(days=30), 24, spent=12.5)
    assert found.low == found.middle == found.high == 12.5
    assert found.path[-1][1] == 12.5


def test_a_day_of_twenty_five_hours_expects_the_doubled_hour_twice() -> None:
    past = [PastDay(date(2026, 9, 25) + timedelta(days=n), (1.0,) * 24) for n in range(30)]
    middle = {
        on: said(past, on, 0, spent=0).middle for on in (date(2026, 10, 25), date(2026, 10, 26))
    }
    assert middle[date(2026, 10, 25)] == pytest.approx(25)
    assert middle[date(2026, 10, 26)] == pytest.approx(24)
    spring = [PastDay(date(2026, 2, 27) + timedelta(days=n), (1.0,) * 24) for n in range(30)]
    assert said(spring, date(2026, 3, 29), 0, spent=0).middle == pytest.approx(23)


def test_the_moment_at_which_a_limit_is_reached_lies_on_the_way() -> None:
    found = said([], FIRST, 6, spent=10)  # 10 in 6 hours: 5 more take 3
    start = day_on(FIRST, PARIS).start
    moment = found.reaches(15)
    assert moment is not None
    assert abs(moment - (start + timedelta(hours=9))) < timedelta(seconds=1)
    assert found.reaches(10) == start + timedelta(hours=6)
    assert found.reaches(40.001) is None


def test_a_limit_that_was_passed_is_reached_at_once() -> None:
    found = said([], FIRST, 6, spent=10)
    assert found.reaches(3) == day_on(FIRST, PARIS).start + timedelta(hours=6)


def test_whole_days_are_made_of_quarters_and_the_first_is_left_out() -> None:
    start = datetime(2026, 10, 23, 10, tzinfo=UTC)
    spend = {start + n * timedelta(minutes=15): 1.0 for n in range(4 * 24 * 4)}
    days = past_days(spend, PARIS, date(2026, 10, 27))
    assert [each.date.day for each in days] == [24, 25, 26]
    assert [each.total for each in days] == [96, 100, 96]
    assert days[1].hours[2] == 8  # the hour that came twice
    assert past_days(spend, PARIS, date(2026, 10, 23)) == []
    assert past_days(spend, PARIS, date(2026, 10, 24)) == []
    assert len(past_days(spend, PARIS, date(2026, 10, 27), window=2)) == 2


def test_a_day_without_any_call_is_a_day_too() -> None:
    spend = {
        datetime(2026, 10, 1, 12, tzinfo=UTC): 1.0,
        datetime(2026, 10, 4, 12, tzinfo=UTC): 1.0,
    }
    days = past_days(spend, PARIS, date(2026, 10, 6))
    assert [each.total for each in days] == [0, 0, 1, 0]


@pytest.mark.servers
def test_a_backtest_says_how_far_off_it_was_and_how_often_within() -> None:
    past = office_days(60, noise=0.3)
    scores = backtest(past, PARIS, (9, 12, 18))
    assert [score.hour for score in scores] == [9, 12, 18]
    errors = [score.mean_error for score in scores]
    assert errors == sorted(errors, reverse=True)
    assert scores[-1].usual_error < 0.02
    assert all(score.days == 56 and score.coverage > 0.6 for score in scores)
    assert backtest(past[:3], PARIS, (9,)) == []
    assert backtest([], PARIS, (9,)) == []


def test_the_future_does_not_leak_into_a_backtest() -> None:
    past = office_days(30, noise=0.3)
    exploded = [*past[:-1], PastDay(past[-1].date, tuple(1000 * h for h in past[-1].hours))]
    usual, after = (usual_hours(days[:-1], days[-1].date) for days in (past, exploded))
    assert usual == after


amounts = st.floats(0, 1e6, allow_nan=False)


@given(
    st.lists(st.lists(amounts, min_size=24, max_size=24), max_size=12),
    st.floats(0, 24),
    amounts,
)
@settings(max_examples=60, deadline=None)
def test_whatever_the_days_were_a_projection_is_sound(
    days: list[list[float]], hour: float, spent: float
) -> None:
    past = [PastDay(FIRST + timedelta(days=n), tuple(hours)) for n, hours in enumerate(days)]
    day = day_on(FIRST + timedelta(days=len(past)), PARIS)
    found = Forecaster(past, day, PARIS).at(at(day, hour), spent)
    if found is None:
        assert spent == 0 or hour < 1e-9
        return
    assert spent <= found.low <= found.middle <= found.high < math.inf
    assert [total for _, total in found.path] == sorted(total for _, total in found.path)
    assert found.path[-1][1] == pytest.approx(found.middle)
