"""Today, on days that are like no other: when clocks change, months and years end, clocks err."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from priced_calls import Told, priced
from vigie.costs.day import Day, day_on
from vigie.costs.ledger import LedgerPlace, reading
from vigie.costs.money import Currency, Source
from vigie.costs.today import Today, Watch

PARIS = ZoneInfo("Europe/Paris")
DOLLAR = Currency("USD", Decimal(1))
LIMITS = {"warning": 50.0, "critical": 100.0}
MOMENT = timedelta(microseconds=1)

ODD_DAYS = [
    pytest.param("2026-03-29", 23, id="clocks go forward"),
    pytest.param("2026-10-25", 25, id="clocks go back"),
    pytest.param("2026-10-31", 24, id="a month ends, a week after clocks changed"),
    pytest.param("2026-11-01", 24, id="a month begins"),
    pytest.param("2027-02-28", 24, id="February ends"),
    pytest.param("2028-02-29", 24, id="a leap day"),
    pytest.param("2026-12-31", 24, id="a year ends"),
    pytest.param("2027-01-01", 24, id="a year begins"),
]


def keep(place: LedgerPlace, *spends: tuple[datetime, str]) -> None:
    told = Told()
    writer = told.writer(place)
    for at, usd in spends:
        writer.append(priced(usd=usd, at=at, response_id=f"chatcmpl-{at.isoformat()}"))
    writer.close()
    assert not told.failures


def look(place: LedgerPlace, now: datetime, watch: Watch | None = None) -> Today:
    with reading(place) as ledger:
        return (watch or Watch(PARIS, DOLLAR)).look(ledger, now, LIMITS)


def spent(today: Today) -> Decimal:
    return sum((spend.usd for spend in today.spends), Decimal(0))


@pytest.fixture
def day(request: pytest.FixtureRequest) -> Day:
    return day_on(date.fromisoformat(request.param), PARIS)


@pytest.mark.parametrize(("day", "hours"), ODD_DAYS, indirect=["day"])
def test_a_day_has_what_was_spent_between_its_midnights_and_nothing_else(
    file: LedgerPlace, day: Day, hours: int
) -> None:
    keep(
        file,
        (day.start - MOMENT, "1000"),
        (day.start, "1"),
        (day.end - MOMENT, "2"),
        (day.end, "4000"),
    )
    today = look(file, day.end - MOMENT)
    assert today.day == day
    assert day.end - day.start == timedelta(hours=hours)
    assert spent(today) == 3
    assert spent(look(file, day.start)) == 3  # a clock behind: what others wrote is of today too
    assert spent(look(file, day.start - MOMENT)) == 1000
    assert spent(look(file, day.end)) == 4000


@pytest.mark.parametrize(("day", "hours"), ODD_DAYS, indirect=["day"])
def test_on_a_first_day_the_rate_goes_on_for_as_many_hours_as_it_has(
    file: LedgerPlace, day: Day, hours: int
) -> None:
    keep(file, *((day.start + n * timedelta(hours=1), "5") for n in range(6)))
    today = look(file, day.start + timedelta(hours=6))
    assert today.projection is not None
    assert today.projection.middle == pytest.approx(5 * hours)
    moments = {name: (at - day.start) / timedelta(hours=1) for name, at in today.runs_out.items()}
    assert moments == pytest.approx({"warning": 10, "critical": 20})


@pytest.mark.parametrize(("day", "hours"), ODD_DAYS, indirect=["day"])
def test_a_restart_in_the_middle_of_the_day_changes_nothing(
    file: LedgerPlace, day: Day, hours: int
) -> None:
    hourly = [day.start + n * timedelta(hours=1) for n in range(-24 * 20, 12)]
    keep(file, *((at, "1") for at in hourly if at.hour % 3))
    noon = day.start + timedelta(hours=12)
    watch = Watch(PARIS, DOLLAR)
    for n in range(-30, 12):
        look(file, day.start + n * timedelta(hours=1), watch)
    assert look(file, noon, watch) == look(file, noon)


@pytest.mark.parametrize(("day", "hours"), ODD_DAYS, indirect=["day"])
def test_a_clock_that_steps_back_over_midnight_is_in_yesterday_again_and_back_in_time(
    file: LedgerPlace, day: Day, hours: int
) -> None:
    keep(
        file,
        *((day.start - n * timedelta(hours=6), str(n)) for n in range(1, 40)),
        (day.start + timedelta(seconds=1), "7"),
    )
    soon, before = day.start + timedelta(seconds=2), day.start - timedelta(seconds=1)
    watch = Watch(PARIS, DOLLAR)
    told = [look(file, now, watch) for now in (soon, before, soon)]
    assert told == [look(file, soon), look(file, before), look(file, soon)]
    assert spent(told[0]) == 7
    assert told[1].day.end == told[0].day.start


def test_a_clock_that_was_a_year_behind_is_no_trouble_once_it_is_right(file: LedgerPlace) -> None:
    now = datetime(2026, 11, 20, 11, tzinfo=UTC)
    watch = Watch(PARIS, DOLLAR)
    keep(file, (now - timedelta(days=366), "3"), (now, "5"))
    assert spent(look(file, now, watch)) == 5
    assert spent(look(file, now - timedelta(days=366), watch)) == 3
    assert spent(look(file, now, watch)) == 5


def test_yesterdays_last_calls_are_learned_when_they_were_written_late(file: LedgerPlace) -> None:
    start = day_on(date(2026, 11, 20), PARIS).start
    keep(file, *((start - timedelta(days=n, hours=6), "24") for n in range(1, 20)))
    watch = Watch(PARIS, DOLLAR)
    look(file, start + timedelta(seconds=1), watch)
    before = watch.past[-1].total
    keep(file, (start - timedelta(seconds=1), "6"))
    look(file, start + timedelta(minutes=6), watch)
    assert watch.past[-1].total == before + 6


def test_what_is_estimated_and_what_has_no_price_is_told_as_shares(file: LedgerPlace) -> None:
    now = datetime(2026, 11, 20, 11, tzinfo=UTC)
    told = Told()
    writer = told.writer(file)
    writer.append(priced(1, usd="3", at=now))
    writer.append(priced(2, usd="1", at=now, source=Source.ESTIMATED))
    writer.append(priced(3, usd=None, at=now))
    writer.close()
    today = look(file, now)
    assert today.estimated_ratio(DOLLAR) == 0.25
    assert today.unpriced_calls == 1
    assert today.unpriced_tokens_ratio == pytest.approx(1 / 3)


def test_before_the_first_call_of_a_day_no_share_is_told(file: LedgerPlace) -> None:
    now = datetime(2026, 11, 20, 11, tzinfo=UTC)
    keep(file, (now - timedelta(days=3), "1"))
    today = look(file, now)
    assert (today.estimated_ratio(DOLLAR), today.unpriced_tokens_ratio) == (None, None)
