"""Fair comparisons on a machine that is never quite at rest.

Contenders take turns in small batches, in a new random order each round, so that whatever else the
machine does falls on all of them alike. What is compared is the difference within a round, and what
is told is the median of the differences with a 95 % confidence interval. A process is fast or slow
for its whole life by where its memory happens to lie, so there are several lives, and the interval
is bootstrapped over lives first and rounds second.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from statistics import median
from typing import Protocol

RESAMPLES = 1000


class Contender(Protocol):
    """Something that takes its turn."""

    name: str

    def run(self, times: int) -> float:
        """Do it so many times. Returns the seconds that one took on average."""


Life = Mapping[str, Sequence[float]]
"""What each contender took in each round, in seconds."""


@dataclass(frozen=True)
class Figure:
    """A median with the ends of its 95 % confidence interval."""

    median: float
    low: float
    high: float


def take_turns(
    enter: Callable[[], AbstractContextManager[Sequence[Contender]]],
    *,
    lives: int,
    rounds: int,
    batch: int,
    dice: random.Random,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> list[Life]:
    """Let the contenders that `enter` starts take turns; it starts them anew for each life."""
    measured: list[Life] = []
    for life in range(lives):
        with enter() as contenders:
            took: dict[str, list[float]] = {contender.name: [] for contender in contenders}
            for contender in contenders:
                contender.run(batch)  # to warm up
            for number in range(rounds):
                for contender in dice.sample(list(contenders), len(contenders)):
                    took[contender.name].append(contender.run(batch))
                progress(life * rounds + number + 1, lives * rounds)
        measured.append(took)
    return measured


def difference(lives: Sequence[Life], name: str, baseline: str, dice: random.Random) -> Figure:
    """What a contender took more than another, in seconds."""
    return _figure(lives, lambda life, n: life[name][n] - life[baseline][n], dice)


def absolute(lives: Sequence[Life], name: str, dice: random.Random) -> Figure:
    """What a contender took, in seconds."""
    return _figure(lives, lambda life, n: life[name][n], dice)


def _figure(
    lives: Sequence[Life], value: Callable[[Life, int], float], dice: random.Random
) -> Figure:
    values = [[value(life, n) for n in range(len(next(iter(life.values()))))] for life in lives]
    medians = sorted(
        median(
            x
            for life in dice.choices(values, k=len(values))
            for x in dice.choices(life, k=len(life))
        )
        for _ in range(RESAMPLES)
    )
    return Figure(
        median(x for life in values for x in life),
        medians[round(0.025 * (RESAMPLES - 1))],
        medians[round(0.975 * (RESAMPLES - 1))],
    )
