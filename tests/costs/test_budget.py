"""Budgets: what they hold, when they run out, and that no crowd of calls can overspend them."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from priced_calls import LATE, LONG_AGO, NOON, Told, priced
from vigie.costs.budget import Budget, exhaustion
from vigie.costs.day import day_of
from vigie.costs.guard import (
    USUAL_OUTPUT_TOKENS,
    BudgetExceededError,
    Guard,
    Reservation,
    cost_at_most,
)
from vigie.costs.ledger import LedgerPlace, LedgerWriter, reading
from vigie.costs.money import Currency
from vigie.costs.prices import PriceList
from vigie.costs.projection import Projection
from vigie.costs.usage import Usage

PARIS = ZoneInfo("Europe/Paris")
EURO = Currency("EUR", Decimal("0.92"))


@dataclass
class Terms:
    ledger: LedgerPlace | None
    currency: Currency = EURO
    zone: ZoneInfo = PARIS


@dataclass
class Clock:
    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Guarded:
    """Makes guards over one ledger, each as another process would have it."""

    place: LedgerPlace
    told: Told
    writer: LedgerWriter
    clock: Clock = field(default_factory=Clock)
    made: list[Guard] = field(default_factory=list)

    def by(self, budget: Budget) -> Guard:
        guard = Guard(
            budget, lambda: Terms(self.place), self.writer, self.told.failures.append, self.clock
        )
        self.made.append(guard)
        return guard


@pytest.fixture
def guarded(place: LedgerPlace, told: Told, writer: LedgerWriter) -> Iterator[Guarded]:
    found = Guarded(place, told, writer)
    yield found
    for guard in found.made:
        guard.close()


def spent_usd(place: LedgerPlace) -> Decimal:
    with reading(place) as ledger:
        return sum((s.spend.usd for s in ledger.shares("model", LONG_AGO, LATE)), Decimal(0))


def test_a_call_that_fits_is_made_and_one_that_does_not_is_refused(guarded: Guarded) -> None:
    guard = guarded.by(Budget(daily=1))
    assert guard.reserve(Decimal("1.0")).id  # 0.92 €
    with pytest.raises(BudgetExceededError) as refused:
        guard.reserve(Decimal("0.1"))  # 0.092 €
    assert str(refused.value) == (
        "the budget of 1 EUR a day has no room for this call: 0.0000 are spent and 0.9200 set"
        " aside for calls under way; it begins anew at 2026-11-21 00:00 CET"
    )
    assert guard.reserve(Decimal("0.08")).id
    assert not guarded.told.failures


def test_what_was_set_aside_is_given_back_with_the_call_and_only_its_cost_counts(
    guarded: Guarded,
) -> None:
    guard = guarded.by(Budget(daily="0.92"))
    reservation = guard.reserve(Decimal("0.9"))
    guard.settle(reservation, priced(1, usd="0.3"))
    assert guarded.writer.flush()
    again = guard.reserve(Decimal("0.7"))
    with pytest.raises(BudgetExceededError):
        guard.reserve(Decimal("0.000001"))
    guard.release(again)
    assert guarded.writer.flush()
    assert guard.reserve(Decimal("0.7"))


def test_calls_that_nobody_guarded_count_too(guarded: Guarded) -> None:
    guard = guarded.by(Budget(daily="0.92"))
    assert guard.reserve(Decimal("0.1"))
    guarded.writer.append(priced(1, usd="0.95"))
    assert guarded.writer.flush()
    with pytest.raises(BudgetExceededError):
        guard.reserve(Decimal("0.1"))


def test_all_guards_of_a_ledger_share_its_budget(guarded: Guarded) -> None:
    one, other = (guarded.by(Budget(daily="0.92")) for _ in range(2))
    reservation = one.reserve(Decimal("0.9"))
    with pytest.raises(BudgetExceededError):
        other.reserve(Decimal("0.2"))
    one.release(reservation)
    assert guarded.writer.flush()
    assert other.reserve(Decimal("0.2"))


def test_a_lost_reservation_expires(guarded: Guarded) -> None:
    guard = guarded.by(Budget(daily="0.92", lifetime=timedelta(minutes=5)))
    guard.reserve(Decimal("0.9"))
    guarded.clock.now += timedelta(minutes=4, seconds=59)
    with pytest.raises(BudgetExceededError):
        guard.reserve(Decimal("0.9"))
    guarded.clock.now += timedelta(seconds=1)
    assert guard.reserve(Decimal("0.9"))


@pytest.mark.parametrize(
    ("last_of_day", "hours"),
    [
        ("2026-03-29T21:59:59", 23),
        ("2026-10-25T22:59:59", 25),
        ("2026-11-20T22:59:59", 24),
        ("2026-11-30T22:59:59", 24),
        ("2028-02-29T22:59:59", 24),
        ("2026-12-31T22:59:59", 24),
    ],
)
def test_the_budget_begins_anew_at_midnight_of_the_zone(
    guarded: Guarded, last_of_day: str, hours: int
) -> None:
    end = datetime.fromisoformat(last_of_day).replace(tzinfo=UTC) + timedelta(seconds=1)
    first = end - timedelta(hours=hours)
    guarded.writer.append(priced(1, usd="0.5", at=first))
    guarded.writer.append(priced(2, usd="5", at=first - timedelta(microseconds=1)))
    guarded.writer.append(priced(3, usd="0.4", at=end - timedelta(microseconds=1)))
    assert guarded.writer.flush()
    guard = guarded.by(Budget(daily="0.92"))
    guarded.clock.now = end - timedelta(microseconds=1)
    assert guard.reserve(Decimal("0.09")).id
    with pytest.raises(BudgetExceededError):
        guard.reserve(Decimal("0.02"))
    guarded.clock.now = end + timedelta(minutes=20)
    assert guard.reserve(Decimal("0.99")).id


def test_a_restart_in_the_middle_of_the_day_forgets_nothing(guarded: Guarded) -> None:
    before = guarded.by(Budget(daily="0.92"))
    guarded.writer.append(priced(1, usd="0.5"))
    assert guarded.writer.flush()
    assert before.reserve(Decimal("0.3")).id  # under way when the process was killed
    before.close()
    after = guarded.by(Budget(daily="0.92"))
    with pytest.raises(BudgetExceededError) as raised:
        after.reserve(Decimal("0.3"))
    assert (raised.value.spent, raised.value.reserved) == (Decimal("0.46"), Decimal("0.276"))
    assert after.reserve(Decimal("0.2")).id


def test_a_clock_that_steps_back_over_midnight_is_in_yesterdays_budget_again(
    guarded: Guarded,
) -> None:
    midnight = day_of(NOON, PARIS).end
    guarded.writer.append(priced(1, usd="0.9", at=midnight - timedelta(hours=1)))
    guarded.writer.append(priced(2, usd="0.5", at=midnight))
    assert guarded.writer.flush()
    guard = guarded.by(Budget(daily="0.92"))
    for now, left in ((1, "0.5"), (-1, "0.1"), (1, "0.5")):
        guarded.clock.now = midnight + timedelta(seconds=now)
        with pytest.raises(BudgetExceededError):
            guard.reserve(Decimal(left) + Decimal("0.01"))
        guard.release(guard.reserve(Decimal(left)))
        assert guarded.writer.flush()


def test_a_guard_that_only_warns_lets_calls_pass_and_says_so_once_a_day(
    guarded: Guarded, caplog: pytest.LogCaptureFixture
) -> None:
    guard = guarded.by(Budget(daily="0.92", on_exceeded="warn"))
    with caplog.at_level(logging.WARNING, logger="vigie"):
        passed = [guard.reserve(Decimal("0.6")) for _ in range(3)]
    assert [each.exceeded for each in passed] == [False, True, True]
    assert [record.message for record in caplog.records] == [
        "the budget of 0.92 EUR a day has no room for this call: 0.0000 are spent and 0.5520 set"
        " aside for calls under way; it begins anew at 2026-11-21 00:00 CET; it is made, since"
        " the budget only warns"
    ]


def test_fifty_threads_cannot_overspend(guarded: Guarded) -> None:
    guard = guarded.by(Budget(daily="0.92"))  # one dollar

    def call(number: int) -> bool:
        try:
            reservation = guard.reserve(Decimal("0.03"))
        except BudgetExceededError:
            return False
        guard.settle(reservation, priced(number, usd="0.03"))
        return True

    with ThreadPoolExecutor(50) as threads:
        made = list(threads.map(call, range(200)))
    assert guarded.writer.flush()
    assert not guarded.told.failures
    assert sum(made) == 33
    assert spent_usd(guarded.place) == Decimal("0.99")


def test_asynchronous_calls_are_held_to_it_too(guarded: Guarded) -> None:
    guard = guarded.by(Budget(daily="0.92"))

    async def call(number: int) -> bool:
        try:
            reservation = await asyncio.to_thread(guard.reserve, Decimal("0.1"))
        except BudgetExceededError:
            return False
        guard.settle(reservation, priced(number, usd="0.1"))
        return True

    async def all_of_them() -> list[bool]:
        return await asyncio.gather(*map(call, range(50)))

    assert sum(asyncio.run(all_of_them())) == 10
    assert not guarded.told.failures


PROCESS = """
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo
from priced_calls import NOON, Told, priced
from vigie.costs.budget import Budget
from vigie.costs.guard import BudgetExceededError, Guard
from vigie.costs.ledger import LedgerPlace
from vigie.costs.money import Currency

@dataclass
class Terms:
    ledger: object
    currency: object = Currency("EUR", Decimal("0.92"))
    zone: object = ZoneInfo("Europe/Paris")

told = Told()
place = LedgerPlace(sys.argv[1])
writer = told.writer(place)
guard = Guard(
    Budget(daily="0.92"), lambda: Terms(place), writer, told.failures.append, lambda: NOON
)

def call(number):
    try:
        reservation = guard.reserve(Decimal("0.02"))
    except BudgetExceededError:
        return 0
    # Each costs twice what was set aside for it.
    guard.settle(reservation, priced(int(sys.argv[2]) + number, usd="0.04"))
    return 1

with ThreadPoolExecutor(50) as threads:
    made = sum(threads.map(call, range(100)))
writer.close()
guard.close()
print(made, told.failures)
"""


@pytest.mark.servers
def test_two_processes_overspend_at_most_by_what_single_calls_cost_more_than_was_set_aside(
    place: LedgerPlace,
) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, place.url, str(first)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for first in (0, 1000)
    ]
    made = 0
    for each in processes:
        told = each.communicate(timeout=120)[0].split(maxsplit=1)
        assert told[1] == "[]\n"
        made += int(told[0])
    # At most 50 calls of 0.02 $ fit at once, and they cost 0.04 $ each.
    assert 25 <= made <= 50
    assert spent_usd(place) == made * Decimal("0.04")


def test_a_guard_that_cannot_work_lets_calls_pass_and_tells(told: Told) -> None:
    def none_at_all() -> Terms:
        return Terms(None)

    def wrong() -> Terms:
        raise ValueError("vigie.yml:3: wrong")

    messages: dict[Callable[[], Terms], str] = {
        none_at_all: "a budget needs a ledger, and ledger.url is off: calls pass it",
        wrong: "vigie.yml:3: wrong",
    }
    writer = told.writer(None)
    for terms, message in messages.items():
        guard = Guard(Budget(daily=1), terms, writer, told.failures.append)
        guard.load()
        assert guard.reserve(Decimal(5)) == Reservation("")
        guard.settle(Reservation(""), priced(1))
        guard.release(Reservation(""))
        assert str(told.failures[-1]) == message
    writer.close()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            {"daily": 0},
            'daily is 0: write an amount above 0, e.g. daily=20 or daily="12.50"',
        ),
        (
            {"daily": "much"},
            "daily is 'much': write an amount above 0, e.g. daily=20 or daily=\"12.50\"",
        ),
        (
            {"daily": 0.1},
            'daily is 0.1: write an amount above 0, e.g. daily=20 or daily="12.50"',
        ),
        (
            {"daily": 1, "on_exceeded": "cry"},
            'on_exceeded is "cry": write "raise" to refuse calls or "warn"',
        ),
        (
            {"daily": 1, "lifetime": timedelta(0)},
            "lifetime is 0:00:00: write a time span above 0",
        ),
    ],
)
def test_a_budget_without_sense_is_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError) as refused:
        Budget(**wrong)  # type: ignore[arg-type]
    assert str(refused.value) == message


def test_what_is_set_aside_is_the_prompt_and_the_longest_answer() -> None:
    prices = PriceList()
    price = prices.price("gpt-4o-mini")
    assert price is not None
    assert cost_at_most(price, 1000, 50) == price.usd(Usage(input=1000, output=50))
    usual = price.usd(Usage(input=1000, output=USUAL_OUTPUT_TOKENS))
    assert cost_at_most(price, 1000) == usual
    embedding = prices.price("text-embedding-3-small")
    assert cost_at_most(embedding, 1_000_000) == Decimal("0.02")
    assert cost_at_most(None, 1000) == 0


def test_a_budget_that_was_spent_ran_out_in_the_quarter_that_spent_it() -> None:
    day = day_of(NOON, PARIS)
    spent = {day.start + timedelta(hours=h): 10.0 for h in (-1, 8, 9, 10)}
    at = exhaustion(15, spent, day, NOON, None)
    assert at == day.start + timedelta(hours=9, minutes=7.5)
    just_now = day.start + timedelta(hours=10, minutes=5)
    assert exhaustion(25, spent, day, just_now, None) == (
        day.start + timedelta(hours=10, minutes=2.5)
    )


def test_a_budget_that_lasts_has_no_end_and_one_that_will_not_has_the_projections() -> None:
    day = day_of(NOON, PARIS)
    spent = {day.start + timedelta(hours=8): 10.0}
    projection = Projection(20, 25, 30, ((NOON, 10.0), (NOON + timedelta(hours=3), 25.0)))
    assert exhaustion(25, spent, day, NOON, projection) is None
    assert exhaustion(20, spent, day, NOON, projection) == NOON + timedelta(hours=2)
    assert exhaustion(20, spent, day, NOON, None) is None
