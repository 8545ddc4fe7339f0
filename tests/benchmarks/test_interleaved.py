import random
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import pytest

from interleaved import Life, absolute, difference, take_turns

SEED = 7


class Steady:
    """Takes what it is told to take, on a machine that slows down for everybody at once."""

    def __init__(self, name: str, seconds: float, turns: list[str]) -> None:
        self.name = name
        self._seconds = seconds
        self._turns = turns

    def run(self, times: int) -> float:
        self._turns.append(self.name)
        return self._seconds + len(self._turns) // 2  # as slow as the round is late


def lives(turns: list[str], starts: list[None], rounds: int = 20) -> list[Life]:
    @contextmanager
    def enter() -> Iterator[list[Steady]]:
        starts.append(None)
        turns.clear()
        yield [Steady("bare", 100.0, turns), Steady("other", 103.0, turns)]

    return take_turns(enter, lives=3, rounds=rounds, batch=10, dice=random.Random(SEED))


def test_each_contender_has_one_turn_a_round_in_changing_order() -> None:
    turns: list[str] = []
    lives(turns, [])
    rounds = [tuple(turns[start : start + 2]) for start in range(2, len(turns), 2)]
    assert len(rounds) == 20
    assert all(set(pair) == {"bare", "other"} for pair in rounds)
    assert any(one != next_ for one, next_ in pairwise(rounds))


def test_contenders_are_started_anew_for_each_life() -> None:
    starts: list[None] = []
    assert len(lives([], starts)) == len(starts) == 3


def test_what_slows_everybody_down_is_no_difference() -> None:
    measured = lives([], [])
    figure = difference(measured, "other", "bare", random.Random(SEED))
    assert figure.median == pytest.approx(3.0, abs=1.0)
    assert figure.low <= figure.median <= figure.high
    assert absolute(measured, "bare", random.Random(SEED)).median > 100.0


def test_the_interval_is_as_wide_as_lives_differ() -> None:
    alike = [{"bare": [1.0] * 9, "other": [2.0] * 9}] * 5
    apart = [{"bare": [1.0] * 9, "other": [float(life)] * 9} for life in range(5)]
    assert vars(difference(alike, "other", "bare", random.Random(SEED))) == {
        "median": 1.0,
        "low": 1.0,
        "high": 1.0,
    }
    figure = difference(apart, "other", "bare", random.Random(SEED))
    assert (figure.low, figure.median, figure.high) == (-1.0, 1.0, 3.0)


def test_progress_is_told_after_each_round() -> None:
    told: list[tuple[int, int]] = []

    @contextmanager
    def enter() -> Iterator[list[Steady]]:
        yield [Steady("bare", 1.0, [])]

    take_turns(
        enter,
        lives=2,
        rounds=3,
        batch=1,
        dice=random.Random(SEED),
        progress=lambda done, of: told.append((done, of)),
    )
    assert told == [(number, 6) for number in range(1, 7)]
