"""What a day usually costs, hour by hour, as the days before it tell.

A Monday costs what Mondays did, and is spread over the hours as they were; recent days count more,
and the whole is raised or lowered by the trend of the last weeks. Each of these is believed as far
as it is no chance: what Mondays have of their own is drawn towards all days, the hours of all days
towards an even day, the trend towards none (James and Stein, 1961; as variances tell, Efron and
Morris, 1973). Pure; amounts are floats of one currency.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from operator import mul
from typing import TypeAlias
from zoneinfo import ZoneInfo

WINDOW_DAYS = 63
"""How far back is looked."""

_SHAPE_HALF_LIFE_DAYS = 21.0
_LEVEL_HALF_LIFE_DAYS = 10.0
_TREND_HALF_LIFE_DAYS = 14.0
# Never all: what comes in an hour that was always empty is no surprise without bound.
_LARGEST_TRUST = 0.99
# What a day cost that cost nothing.
_NOTHING = 1e-9


@dataclass(frozen=True, slots=True)
class PastDay:
    """What a whole day cost, by hour of its clock."""

    date: date
    hours: tuple[float, ...]

    @property
    def total(self) -> float:
        """What it cost."""
        return math.fsum(self.hours)

    @property
    def weekday(self) -> int:
        """0 is Monday."""
        return self.date.weekday()


def past_days(
    spend: Mapping[datetime, float], zone: ZoneInfo, today: date, window: int = WINDOW_DAYS
) -> list[PastDay]:
    """The whole days before `today`, the oldest first, from spend by quarter of an hour.

    The first day of all is left out: it began when the ledger did.
    """
    by_day: dict[date, list[float]] = {}
    for start, amount in spend.items():
        local = start.astimezone(zone)
        hours = by_day.setdefault(local.date(), [0.0] * 24)
        hours[local.hour] += amount
    before = [on for on in by_day if on < today]
    if not before:
        return []
    first = max(min(before) + timedelta(days=1), today - timedelta(days=window))
    nothing = [0.0] * 24
    return [
        PastDay(on, tuple(by_day.get(on, nothing)))
        for on in (first + timedelta(days=n) for n in range((today - first).days))
    ]


def usual_hours(past: Sequence[PastDay], on: date) -> list[float]:
    """What is expected in each hour of the clock on that date; all 0 without days before."""
    if not any(each.total > _NOTHING for each in past):
        return [0.0] * 24
    ages = [(on - each.date).days for each in past]
    weights = [0.5 ** (age / _SHAPE_HALF_LIFE_DAYS) for age in ages]
    usual = _weekday_means(past, weights)
    growth = _growth(past, ages, usual)
    # Each day as it would be today.
    grown = [math.exp(growth * age) for age in ages]
    recent = [0.5 ** (age / _LEVEL_HALF_LIFE_DAYS) for age in ages]
    level = math.fsum(w * g * d.total for w, g, d in zip(recent, grown, past, strict=True))
    level /= math.fsum(w * usual[d.weekday] for w, d in zip(recent, past, strict=True))
    whole = usual[on.weekday()] * level
    return [share * whole for share in _shares(past, weights, on.weekday())]


_Seen: TypeAlias = tuple[int, float, Sequence[float]]
"""What was seen of one kind (a weekday), and how much it counts."""


def _weekday_means(past: Sequence[PastDay], weights: Sequence[float]) -> list[float]:
    """What a Monday … Sunday costs."""
    days = [(d.weekday, w, [d.total]) for w, d in zip(weights, past, strict=True)]
    overall = _mean(days)
    means = _drawn(overall, days)
    return [means.get(weekday, overall)[0] for weekday in range(7)]


def _shares(past: Sequence[PastDay], weights: Sequence[float], weekday: int) -> list[float]:
    """The share of each hour in the spend of that weekday; a day counts by what it cost."""
    days = [
        (d.weekday, w * d.total, [hour / d.total for hour in d.hours])
        for w, d in zip(weights, past, strict=True)
        if d.total > _NOTHING
    ]
    of_all = _drawn([1 / 24] * 24, [(0, w, shares) for _, w, shares in days])[0]
    return _drawn(of_all, days).get(weekday, of_all)


def _drawn(centre: Sequence[float], seen: Sequence[_Seen]) -> dict[int, list[float]]:
    """The mean of each kind, drawn to the centre as far as its distance may be chance.

    How far the kinds lie apart, beyond chance, is told by all of them together.
    """
    kinds = {one: [each for each in seen if each[0] == one] for one, _, _ in seen}
    means = {one: _mean(those) for one, those in kinds.items()}
    weights = {one: math.fsum(w for _, w, _ in those) for one, those in kinds.items()}
    whole = math.fsum(weights.values())
    # The variance of a mean, as a part of a single one's.
    parts = {
        one: math.fsum((w / weights[one]) ** 2 for _, w, _ in those) for one, those in kinds.items()
    }
    within = math.fsum(w * math.dist(values, means[one]) ** 2 for one, w, values in seen)
    degrees = math.fsum(weights[one] * (1 - parts[one]) for one in kinds)
    if degrees > _NOTHING * whole:
        chances = {one: within / degrees * parts[one] for one in kinds}
        apart = math.fsum(
            weights[one] * (math.dist(means[one], centre) ** 2 - chances[one]) for one in kinds
        )
        apart = max(0.0, apart / whole)
        trusts = {
            one: apart / (apart + chance) if apart > 0 else 0.0 for one, chance in chances.items()
        }
    else:  # one of each: nothing says what is chance
        trusts = dict.fromkeys(kinds, 0.5)
    return {
        one: [
            c + min(trusts[one], _LARGEST_TRUST) * (mean - c)
            for mean, c in zip(means[one], centre, strict=True)
        ]
        for one in kinds
    }


def _mean(seen: Sequence[_Seen]) -> list[float]:
    weights = [weight for _, weight, _ in seen]
    whole = math.fsum(weights)
    columns = zip(*(values for _, _, values in seen), strict=True)
    return [math.fsum(map(mul, weights, column)) / whole for column in columns]


def _growth(past: Sequence[PastDay], ages: Sequence[int], usual: Sequence[float]) -> float:
    """The trend a day, as a logarithm, drawn towards 0 as far as it may be chance."""
    points = []
    for each, age in zip(past, ages, strict=True):
        expected = usual[each.weekday]
        ratio = min(max(each.total / expected, 1 / 8), 8.0)
        # A day that is usually next to empty says little.
        points.append((0.5 ** (age / _TREND_HALF_LIFE_DAYS) * expected, -age, math.log(ratio)))
    weight = math.fsum(w for w, _, _ in points)
    mean_x = math.fsum(w * x for w, x, _ in points) / weight
    mean_y = math.fsum(w * y for w, _, y in points) / weight
    spread = math.fsum(w * (x - mean_x) ** 2 for w, x, _ in points)
    if spread <= 0 or len(points) < 7:
        return 0.0
    slope = math.fsum(w * (x - mean_x) * (y - mean_y) for w, x, y in points) / spread
    rest = math.fsum(w * (y - mean_y - slope * (x - mean_x)) ** 2 for w, x, y in points)
    effective = weight**2 / math.fsum(w * w for w, _, _ in points)
    if effective <= 3 or slope == 0:
        return 0.0
    variance = rest / spread / (effective - 2)
    return slope * max(0.0, 1 - variance / slope**2)
