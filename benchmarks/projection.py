"""How far off the day's projected cost is, beside the naive line.

    .venv/bin/python benchmarks/projection.py [--json] [--quick]

Each history is simulated call by call, with costs that differ by call, and a change of the clocks.
How much days of a kind differ was set before any result was seen, and is the same for all
histories: 15 %, and for comparison a third and twice of that. Each day of the last two and a half
months is projected at 9:00, 12:00 and 18:00 from what was known then. The naive line is "spend so
far ÷ time so far × the day". Times are those of Europe/Paris; errors are the mean distance to what
the day did cost, in € and as a share of it.

On a steady history the naive line is all but the best there is in the evening: if one knew the
history's very parameters, it could be beaten by 3 % at 18:00 where days differ by 15 %.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from vigie.costs.day import day_on
from vigie.costs.projection import QUARTER, Forecaster, judge
from vigie.costs.usual_day import WINDOW_DAYS, past_days

ZONE = ZoneInfo("Europe/Paris")
FIRST = date(2026, 8, 17)  # the clocks change on October 25
LEARNED_DAYS = 14
JUDGED_DAYS = 75
HOURS = (9, 12, 18)
SEED = 20261124
UNLIKE = (0.05, 0.15, 0.3)
"""The standard deviation of the logarithm of a day's level; the middle one is judged."""

# The share of a day's calls in each hour of the clock.
EVEN: Sequence[float] = [1 / 24] * 24
OFFICE: Sequence[float] = [
    *(0, 0, 0, 0, 0, 0, 1, 4, 12, 17, 16, 13),
    *(6, 11, 15, 14, 11, 7, 3, 2, 1, 1, 0, 0),
]
WAKING: Sequence[float] = [
    *(2, 1, 1, 0, 0, 1, 2, 4, 6, 6, 6, 7),
    *(8, 7, 6, 6, 7, 8, 9, 10, 10, 8, 5, 3),
]


Row: TypeAlias = dict[str, Any]
"""The figures of one history at one time of day, by name."""


@dataclass(frozen=True)
class History:
    """Calls a day and how they come: by weekday, by hour, by day since the first.

    `holidays` is the share of days that are as a Sunday, whatever their name.
    """

    calls: float
    hours: Sequence[float]
    weekdays: Sequence[float]
    growth: float = 0.0
    holidays: float = 0.0


HISTORIES = {
    "steady": History(400, EVEN, [1.0] * 7),
    "office hours": History(800, OFFICE, [1.15, 1.05, 1.0, 1.0, 0.8, 0.06, 0.04], holidays=0.03),
    "growing": History(150, WAKING, [1.0, 1.0, 1.0, 1.0, 1.1, 1.2, 1.15], growth=0.02),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--quick", action="store_true", help="one seed instead of eight")
    chosen = parser.parse_args()
    seeds = range(SEED, SEED + (1 if chosen.quick else 8))
    rows = [
        {"unlike": unlike, **row}
        for unlike in UNLIKE
        for name, history in HISTORIES.items()
        for row in compare(
            name, [simulated(history, unlike, random.Random(seed)) for seed in seeds]
        )
    ]
    if chosen.json:
        print(json.dumps(rows, indent=2))
    else:
        show(rows, len(seeds))
    if any(row["error"] >= row["naive_error"] for row in rows if row["unlike"] == UNLIKE[1]):
        sys.exit("the naive line was better somewhere")


def simulated(history: History, unlike: float, dice: random.Random) -> dict[datetime, float]:
    """Spend in € by quarter of an hour; days differ by `unlike`."""
    spend: dict[datetime, float] = {}
    shares = [each / sum(history.hours) for each in history.hours]
    for number in range(LEARNED_DAYS + JUDGED_DAYS):
        on = FIRST + timedelta(days=number)
        level = math.exp(dice.gauss(0, unlike) + history.growth * number)
        weekday = 6 if dice.random() < history.holidays else on.weekday()
        day = day_on(on, ZONE)
        start = day.start
        while start < day.end:
            hour = start.astimezone(ZONE).hour
            expected = history.calls * level * history.weekdays[weekday] * shares[hour] / 4
            # Most calls are short, a few read a whole book.
            spend[start] = sum(
                0.02 * dice.lognormvariate(-0.5, 1.0) for _ in range(poisson(expected, dice))
            )
            start += QUARTER
    return spend


def poisson(mean: float, dice: random.Random) -> int:
    if mean > 500:
        return max(0, round(dice.gauss(mean, math.sqrt(mean))))
    limit, product, count = math.exp(-mean), dice.random(), 0
    while product > limit:
        product *= dice.random()
        count += 1
    return count


def compare(name: str, histories: list[dict[datetime, float]]) -> list[Row]:
    """One row for each time of day."""
    errors: dict[int, list[float]] = {hour: [] for hour in HOURS}
    naive_errors: dict[int, list[float]] = {hour: [] for hour in HOURS}
    within: dict[int, list[bool]] = {hour: [] for hour in HOURS}
    totals: list[float] = []
    for spend in histories:
        end = FIRST + timedelta(days=LEARNED_DAYS + JUDGED_DAYS)
        past = past_days(spend, ZONE, end, window=LEARNED_DAYS + JUDGED_DAYS)
        judged = judge(past)
        for index in range(len(past) - JUDGED_DAYS, len(past)):
            on = past[index].date
            day = day_on(on, ZONE)
            known = past[max(0, index - WINDOW_DAYS) : index]
            forecaster = Forecaster(known, day, ZONE, judged[: index - (len(past) - len(judged))])
            total = spent_between(spend, day.start, day.end)
            totals.append(total)
            for hour in HOURS:
                now = datetime(on.year, on.month, on.day, hour, tzinfo=ZONE)
                spent = spent_between(spend, day.start, now)
                found = forecaster.at(now, spent)
                assert found is not None
                naive = spent / day.seconds_until(now) * day.seconds
                errors[hour].append(abs(found.middle - total))
                naive_errors[hour].append(abs(naive - total))
                within[hour].append(found.low <= total <= found.high)
    mean = statistics.fmean(totals)
    rows: list[Row] = []
    for hour in HOURS:
        pairs = zip(errors[hour], naive_errors[hour], strict=True)
        gains = [(naive - own) / mean for own, naive in pairs]
        rows.append(
            {
                "history": name,
                "hour": hour,
                "days": len(gains),
                "mean_day": mean,
                "error": statistics.fmean(errors[hour]),
                "naive_error": statistics.fmean(naive_errors[hour]),
                "gain": statistics.fmean(gains),
                "gain_standard_error": statistics.stdev(gains) / math.sqrt(len(gains)),
                "coverage": statistics.fmean(within[hour]),
            }
        )
    return rows


def spent_between(spend: dict[datetime, float], start: datetime, end: datetime) -> float:
    total, moment = 0.0, start.astimezone(ZoneInfo("UTC"))
    while moment < end:
        total += spend.get(moment, 0.0)
        moment += QUARTER
    return total


def show(rows: list[Row], seeds: int) -> None:
    print(f"{JUDGED_DAYS} days × {seeds} seeds; mean distance to the day's cost")
    for unlike in UNLIKE:
        print(
            f"\ndays of a kind differ by {unlike:.0%}\n"
            "history        at    projected       naive line      better by       within 10–90 %"
        )
        for row in rows:
            if row["unlike"] == unlike:
                print(line(row))


def line(row: Row) -> str:
    own, naive = (
        f"{row[kind]:6.2f} € {row[kind] / row['mean_day']:6.1%}"
        for kind in ("error", "naive_error")
    )
    gain = f"{100 * row['gain']:5.1f} ± {100 * row['gain_standard_error']:.1f} %"
    return (
        f"{row['history']:<14} {row['hour']:>2}:00 {own} {naive} {gain:>14} {row['coverage']:14.0%}"
    )


if __name__ == "__main__":
    main()
