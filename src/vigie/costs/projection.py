"""What the day will have cost at midnight, learned from the days before.

1. The days before give what a day usually costs in each hour (`vigie.costs.usual_day`).
2. What was spent today says how far today differs. How far to believe it is a matter of
   credibility (Bühlmann and Straub, 1970): where M was expected by now and S was spent, the rest of
   the day is expected to be (k + S) / (k + M) times its usual. k is how much spend within a day
   scatters by chance, divided by how much whole days differ: where days are alike, or calls few and
   dear, today is believed late.
3. The quantiles are those of how far the rest of past days, at the same time of day, differed from
   what would have been said. Three imagined days stand beside the real ones (a third of what was
   expected, all of it, three times that): with few days, the interval is wide.

Without any whole day before, the rest of the day goes on at the rate so far, with a wide interval.
Pure; amounts are floats of one currency: this is a forecast, no account.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from vigie.costs.day import Day, day_on
from vigie.costs.usual_day import PastDay, usual_hours

QUARTER = timedelta(minutes=15)

_OUTER_QUANTILES = (0.1, 0.9)
_IMAGINED_REST = (1 / 3, 1.0, 3.0)
_FEWEST_DAYS = 3
_JUDGED_DAYS = 56
_ALIKE = 3.0
# What came where next to nothing was expected is no measure for other days.
_LARGEST_RATIO = 10.0
_FEWEST_ALIKE = 10
# As parts of a usual day's spend.
_USUAL_CREDIBILITY = 0.3
_SMALLEST_CREDIBILITY, _LARGEST_CREDIBILITY = 0.003, 100.0
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Projection:
    """What today will have cost: quantiles 0.1, 0.5 and 0.9, and the way there.

    `path` is the expected sum at the end of each quarter of an hour from now on.
    """

    low: float
    middle: float
    high: float
    path: tuple[tuple[datetime, float], ...]

    def reaches(self, limit: float) -> datetime | None:
        """When the expected sum is above `limit`; None where that is not today."""
        before: tuple[datetime, float] | None = None
        for moment, total in self.path:
            if total > limit:
                if before is None or before[1] >= total:
                    return moment
                part = max(limit - before[1], 0) / (total - before[1])
                return before[0] + part * (moment - before[0])
            before = (moment, total)
        return None


@dataclass(frozen=True, slots=True)
class Score:
    """How far a projection at one time of day has been off, over the days before.

    `mean_error` is the mean distance in currency, `usual_error` its share of what the days cost,
    `coverage` the share of days that ended within the quantiles 0.1 and 0.9.
    """

    hour: float
    days: int
    mean_error: float
    usual_error: float
    coverage: float


class Forecaster:
    """What the days before say about one day. Making it takes some 0.1 s; asking it takes none.

    `judged` is what `judge` says of the days before, where it is known already.
    """

    def __init__(
        self,
        past: Sequence[PastDay],
        day: Day,
        zone: ZoneInfo,
        judged: Sequence[Judged] | None = None,
    ) -> None:
        self._day = day
        self._judged = (judge(past) if judged is None else judged)[-_JUDGED_DAYS:]
        mean = math.fsum(each.total for each in past) / len(past) if past else 0.0
        self._credibility = _credibility(self._judged, mean)
        self._course = _Course(usual_hours(past, day.date), day, zone)

    def at(self, now: datetime, spent: float) -> Projection | None:
        """The projection at `now`, when `spent` was spent; None where nothing can be said."""
        passed = self._day.seconds_until(now)
        if self._course.whole > 0:
            coming = self._coming(now, spent)
        elif spent > 0 and passed > 0:
            coming = _at_the_rate_so_far(self._day, passed, spent)
        else:
            return None
        rest = coming(self._day.end)
        ratios = self._ratios(passed, rest)
        low, high = (spent + rest * _quantile(ratios, q) for q in _OUTER_QUANTILES)
        median = _without_chance(_quantile(ratios, 0.5), ratios)
        middle = spent + median * rest
        quarters = math.floor(passed / QUARTER.total_seconds())
        ends = math.ceil(self._day.seconds / QUARTER.total_seconds())
        later = (self._day.start + n * QUARTER for n in range(quarters + 1, ends + 1))
        path = [(now, spent), *((end, spent + median * coming(end)) for end in later)]
        return Projection(min(low, middle), middle, max(middle, high), tuple(path))

    def _coming(self, now: datetime, spent: float) -> Callable[[datetime], float]:
        """What is expected between now and a later moment."""
        expected = self._course.until(now)
        factor = (self._credibility + spent) / (self._credibility + expected)
        return lambda until: factor * (self._course.until(until) - expected)

    def _ratios(self, passed: float, rest: float) -> list[float]:
        """How the rest of past days was to what was expected of it, at this time of day, sorted.

        Of days on which about as much was still to come, where there are enough of them: an empty
        Sunday evening says nothing about a Monday noon.
        """
        pairs = [
            (day.rest_expected(passed, self._credibility), day.rest_spent(passed))
            for day in self._judged
        ]
        pairs = [(said, came) for said, came in pairs if said > 0]
        alike = [(said, came) for said, came in pairs if rest / _ALIKE <= said <= rest * _ALIKE]
        used = alike if len(alike) >= _FEWEST_ALIKE else pairs
        ratios = (min(came / said, _LARGEST_RATIO) for said, came in used)
        return sorted([*ratios, *_IMAGINED_REST])


def backtest(
    past: Sequence[PastDay], zone: ZoneInfo, hours: Sequence[float], last_days: int = _JUDGED_DAYS
) -> list[Score]:
    """How the projection would have done on the last days, at these times of day (hours).

    Each day is projected from the days before it alone, in 6 ms. Empty where there are too few.
    """
    judged = judge(past)
    outcomes: dict[float, list[tuple[float, float, bool]]] = {hour: [] for hour in hours}
    for index in range(max(_FEWEST_DAYS, len(past) - last_days), len(past)):
        total = past[index].total
        day = day_on(past[index].date, zone)
        forecaster = Forecaster(past[:index], day, zone, judged[: index - _FEWEST_DAYS])
        for hour in hours:
            spent = _between(_sums(past[index].hours), hour)
            found = forecaster.at(day.start + timedelta(hours=hour), spent)
            if found is not None:
                within = found.low - _ROUNDING <= total <= found.high + _ROUNDING
                outcomes[hour].append((abs(found.middle - total), total, within))
    return [_score(hour, found) for hour, found in outcomes.items() if any(t for _, t, _ in found)]


def _score(hour: float, outcomes: Sequence[tuple[float, float, bool]]) -> Score:
    errors = math.fsum(error for error, _, _ in outcomes)
    return Score(
        hour=hour,
        days=len(outcomes),
        mean_error=errors / len(outcomes),
        usual_error=errors / math.fsum(total for _, total, _ in outcomes),
        coverage=sum(within for _, _, within in outcomes) / len(outcomes),
    )


class _Course:
    """How much of a day's usual spend has come by a moment."""

    def __init__(self, hours: Sequence[float], day: Day, zone: ZoneInfo) -> None:
        self._day = day
        self._sums = [0.0]
        for n in range(round(day.seconds / QUARTER.total_seconds())):
            local = (day.start + n * QUARTER).astimezone(zone)
            self._sums.append(self._sums[-1] + hours[local.hour] / 4)

    @property
    def whole(self) -> float:
        """The whole day's."""
        return self._sums[-1]

    def until(self, moment: datetime) -> float:
        """What has come by `moment`."""
        return _between(self._sums, self._day.seconds_until(moment) / QUARTER.total_seconds())


def _at_the_rate_so_far(day: Day, passed: float, spent: float) -> Callable[[datetime], float]:
    return lambda until: spent * (day.seconds_until(until) - passed) / passed


@dataclass(frozen=True, slots=True)
class Judged:
    """A past day beside what the days before it had led one to expect, summed up by hour."""

    spent: tuple[float, ...]
    expected: tuple[float, ...]

    def rest_spent(self, passed_seconds: float) -> float:
        """What was spent on it from then on."""
        return self.spent[-1] - _between(self.spent, passed_seconds / 3600)

    def squares(self) -> tuple[float, float]:
        """How far the hours are from their part of the day, squared; and what that would be if
        each scattered by what is expected of it: what is free in it, the day's sum being given."""
        level = self.spent[-1] / self.expected[-1]
        expected = [after - before for before, after in pairwise(self.expected)]
        spent = [after - before for before, after in pairwise(self.spent)]
        square = math.fsum((s - level * e) ** 2 for s, e in zip(spent, expected, strict=True))
        taken = math.fsum(e * e for e in expected) / self.expected[-1]
        return square, level * (self.expected[-1] - taken)

    def rest_expected(self, passed_seconds: float, credibility: float) -> float:
        """What one would have expected from then on."""
        expected = _between(self.expected, passed_seconds / 3600)
        spent = _between(self.spent, passed_seconds / 3600)
        if credibility + expected <= 0:
            return 0.0
        factor = (credibility + spent) / (credibility + expected)
        return factor * (self.expected[-1] - expected)


def judge(past: Sequence[PastDay]) -> list[Judged]:
    """Each day but the first few, beside what was to be expected of it."""
    return [
        Judged(_sums(past[index].hours), _sums(usual_hours(past[:index], past[index].date)))
        for index in range(_FEWEST_DAYS, len(past))
    ]


def _credibility(judged: Sequence[Judged], mean: float) -> float:
    """How much must be expected, in currency, for today to weigh as much as the days before.

    By moments: of a day that is L times its usual, each hour is L times its own, give or take
    chance, whose square is `scatter` times what is expected; L is 1, give or take `differ`.
    """
    days = [day for day in judged if day.expected[-1] > 0]
    if len(days) < _FEWEST_ALIKE or mean <= 0:
        return _USUAL_CREDIBILITY * mean or 1.0
    squares = [day.squares() for day in days]
    free = math.fsum(degrees for _, degrees in squares)
    scatter = math.fsum(square for square, _ in squares) / free if free > 0 else 0.0
    apart = math.fsum((day.spent[-1] - day.expected[-1]) ** 2 for day in days)
    by_chance = scatter * math.fsum(day.expected[-1] for day in days)
    differ = (apart - by_chance) / math.fsum(day.expected[-1] ** 2 for day in days)
    largest = _LARGEST_CREDIBILITY * mean
    found = scatter / differ if differ > scatter / largest else largest
    return max(found, _SMALLEST_CREDIBILITY * mean)


def _without_chance(median: float, ratios: Sequence[float]) -> float:
    """A median that should be 1, drawn to 1 as far as its distance may be chance."""
    distance = median - 1
    spread = (_quantile(ratios, 0.75) - _quantile(ratios, 0.25)) / 1.35
    chance = 2 * 1.25 * spread / math.sqrt(len(ratios))  # two standard errors of a median
    return 1 + distance * max(0.0, 1 - (chance / distance) ** 2) if distance else 1.0


def _quantile(ordered: Sequence[float], quantile: float) -> float:
    """By linear interpolation between (i + 1/2) / n, the middle of each value's share."""
    position = quantile * len(ordered) - 0.5
    below = min(max(math.floor(position), 0), len(ordered) - 1)
    above = min(below + 1, len(ordered) - 1)
    part = min(max(position - below, 0.0), 1.0)
    return ordered[below] + part * (ordered[above] - ordered[below])


def _sums(hours: Sequence[float]) -> tuple[float, ...]:
    sums = [0.0]
    for each in hours:
        sums.append(sums[-1] + each)
    return tuple(sums)


def _between(sums: Sequence[float], steps: float) -> float:
    """The sum after so many steps, which need not be whole."""
    whole = min(int(steps), len(sums) - 2)
    part = min(steps - whole, 1.0)
    return sums[whole] + part * (sums[whole + 1] - sums[whole])
