"""What a day usually costs, hour by hour, as the days before it tell.

A Monday costs what Mondays did, drawn towards the mean of all days where there are few Mondays;
recent days count more, and the whole is raised or lowered by the trend of the last weeks as far as
that is no chance. How it is spread over the hours is told in three ways, of which
`vigie.costs.projection` finds the best. Pure; amounts are floats of one currency.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

WINDOW_DAYS = 63
"""How far back is looked."""

WAYS = ("as on this weekday", "as on all days", "evenly")
"""How a day's spend may be spread over its hours."""

_SHAPE_HALF_LIFE_DAYS = 21.0
_LEVEL_HALF_LIFE_DAYS = 5.0
_TREND_HALF_LIFE_DAYS = 14.0
_IMAGINED_WEEKS = 1.0
_LARGEST_TRUST = 0.99


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


def usual_hours(past: Sequence[PastDay], on: date) -> dict[str, list[float]]:
    """What is expected in each hour of the clock on that date; all 0 without days before."""
    if not past or not any(each.total for each in past):
        return {way: [0.0] * 24 for way in WAYS}
    ages = [(on - each.date).days for each in past]
    weights = [0.5 ** (age / _SHAPE_HALF_LIFE_DAYS) for age in ages]
    usual = _weekday_means(past, weights)
    growth = _growth(past, ages, usual)
    # Each day as it would be today.
    grown = [math.exp(growth * age) for age in ages]
    of_all = _mean_hours(past, weights)
    same = [n for n, each in enumerate(past) if each.weekday == on.weekday()]
    of_weekday = [
        math.fsum(weights[n] * grown[n] * past[n].hours[hour] for n in same)
        + _IMAGINED_WEEKS * usual[on.weekday()] * of_all[hour]
        for hour in range(24)
    ]
    recent = [0.5 ** (age / _LEVEL_HALF_LIFE_DAYS) for age in ages]
    level = math.fsum(w * g * d.total for w, g, d in zip(recent, grown, past, strict=True))
    level /= math.fsum(w * usual[d.weekday] for w, d in zip(recent, past, strict=True))
    whole = usual[on.weekday()] * level
    return {
        way: [each / math.fsum(hours) * whole for each in hours]
        for way, hours in zip(WAYS, (of_weekday, of_all, [1.0] * 24), strict=True)
    }


def _weekday_means(past: Sequence[PastDay], weights: Sequence[float]) -> list[float]:
    """What a Monday … Sunday costs, drawn towards the mean of all days by an imagined week."""
    overall = math.fsum(w * d.total for w, d in zip(weights, past, strict=True))
    overall /= math.fsum(weights)
    means = []
    for weekday in range(7):
        pairs = [(w, d.total) for w, d in zip(weights, past, strict=True) if d.weekday == weekday]
        total = math.fsum(w * t for w, t in pairs) + _IMAGINED_WEEKS * overall
        means.append(total / (math.fsum(w for w, _ in pairs) + _IMAGINED_WEEKS))
    return means


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


def _mean_hours(past: Sequence[PastDay], weights: Sequence[float]) -> list[float]:
    """The share of each hour in a day's spend, drawn to even as far as the hours' differences may
    be chance, as the days' differences tell (James and Stein, 1961)."""
    spent = [
        (w, [hour / d.total for hour in d.hours], d.total)
        for w, d in zip(weights, past, strict=True)
        if d.total > 0
    ]
    weighted = [(w * total, shares) for w, shares, total in spent]
    weight = math.fsum(w for w, _ in weighted)
    means = [math.fsum(w * shares[hour] for w, shares in weighted) / weight for hour in range(24)]
    apart = math.fsum((mean - 1 / 24) ** 2 for mean in means)
    chance = math.fsum(
        (w / weight) ** 2 * (share - mean) ** 2
        for w, shares in weighted
        for share, mean in zip(shares, means, strict=True)
    )
    trust = max(0.0, 1 - chance / apart) if apart > 0 and len(weighted) > 1 else 0.5
    # Never quite nothing: what comes in an hour that was always empty is no surprise without bound.
    trust = min(trust, _LARGEST_TRUST)
    return [1 / 24 + trust * (mean - 1 / 24) for mean in means]
