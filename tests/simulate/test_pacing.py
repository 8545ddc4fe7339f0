import random

from vigie.simulate.pacing import CALL_TOKENS, Patience, TokenBudget
from vigie.simulate.traffic import BURST_MINUTES, DEFAULT_TOKENS_PER_MINUTE, LEAST_BURST


class Seconds:
    def __init__(self) -> None:
        self.passed = 0.0

    def __call__(self) -> float:
        return self.passed


def spent_in_five_minutes(tokens_of_a_call: int) -> list[int]:
    """What eager users spend in each of six times five minutes, with an invoice that is read."""
    seconds, invoiced, before = Seconds(), 0, 0
    per_minute = DEFAULT_TOKENS_PER_MINUTE
    budget = TokenBudget(per_minute, BURST_MINUTES * per_minute, seconds)
    budget.correct(0)
    spent = []
    for second in range(1, 6 * 300 + 1):
        seconds.passed = float(second)
        while budget.allows():
            invoiced += tokens_of_a_call
        if second % 5 == 0:
            budget.correct(invoiced)
        if second % 300 == 0:
            spent.append(invoiced - before)
            before = invoiced
    return spent


def test_eager_users_stay_below_the_warning_of_1000_tokens_a_minute() -> None:
    for tokens in (100, CALL_TOKENS, 900):
        first, *later = spent_in_five_minutes(tokens)
        assert 2500 < first < 4600
        assert all(1700 < each < 3200 for each in later)


def test_at_fifteen_times_the_pace_they_do_as_well_and_make_ten_calls_in_a_window() -> None:
    """With what the demo has for drills, in windows of 20 seconds."""
    seconds, calls = Seconds(), [0]
    budget = TokenBudget(15 * 800, LEAST_BURST, seconds)
    budget.correct(0)
    for half_second in range(1, 601):
        seconds.passed = half_second / 2
        calls.append(calls[-1])
        while budget.allows():
            calls[-1] += 1
        budget.correct(calls[-1] * CALL_TOKENS)
    windows = [end - begin for begin, end in zip(calls, calls[40:], strict=False)]
    assert max(windows) * CALL_TOKENS * 3 < 15 * 1000
    assert min(windows) >= 10


def test_calls_that_are_made_whatever_is_left_are_paid_back_later() -> None:
    seconds = Seconds()
    budget = TokenBudget(600, 1000, seconds)
    for _ in range(6):
        budget.take()
    assert not budget.allows()
    seconds.passed = (6 * CALL_TOKENS - 1000 + CALL_TOKENS) / 10
    assert budget.allows()


def test_without_an_invoice_each_call_counts_as_what_is_reckoned() -> None:
    budget = TokenBudget(0, 3 * CALL_TOKENS, Seconds())
    assert [budget.allows() for _ in range(4)] == [True, True, True, False]


def test_an_invoice_that_was_started_anew_takes_nothing_back() -> None:
    budget = TokenBudget(0, 2 * CALL_TOKENS, Seconds())
    budget.correct(1_000_000)
    budget.correct(0)
    assert [budget.allows() for _ in range(3)] == [True, True, False]


def test_a_service_that_is_down_is_left_alone_longer_and_longer() -> None:
    said: list[str] = []
    patience = Patience("Django", random.Random(1), said.append)
    waits = [patience.failed() for _ in range(12)]
    assert 0.25 <= waits[0] <= 0.5
    assert all(7.5 <= wait <= 15.0 for wait in waits[6:])
    patience.answered()
    patience.answered()
    assert patience.failed() <= 0.5
    assert said == [
        "Django does not answer; trying again until it does",
        "Django answers again",
        "Django does not answer; trying again until it does",
    ]
