"""Range aggregations: one value of the samples in each window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from vigie.store.logql.quantities import MILLISECOND, SECOND
from vigie.store.query.series import Steps, Values

Times = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class Window:
    """The samples of a window; times in ns."""

    times: Times
    values: Values


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows of a query's steps: their ends, and their length (ns)."""

    ends: Times
    interval: int

    def of(
        self, operation: str, times: Times, values: Values, parameter: float | None
    ) -> tuple[Steps, Values]:
        """The steps whose window has samples, and their values; `times` (ns) rises."""
        low = np.searchsorted(times, self.ends - self.interval, side="right")
        high = np.searchsorted(times, self.ends, side="right")
        steps = np.flatnonzero(high > low)
        if not len(steps):
            return steps, np.array([], dtype=np.float64)
        low, high = low[steps], high[steps]
        seconds = self.interval / SECOND
        match operation:
            case "count_over_time":
                return steps, (high - low).astype(np.float64)
            case "rate" | "bytes_rate":
                return steps, _reduced(np.add, values, low, high) / seconds
            case "sum_over_time" | "bytes_over_time":
                return steps, _reduced(np.add, values, low, high)
            case "avg_over_time":
                return steps, _reduced(np.add, values, low, high) / (high - low)
            case "max_over_time":
                return steps, _reduced(np.fmax, values, low, high)
            case "min_over_time":
                return steps, _reduced(np.fmin, values, low, high)
            case "first_over_time":
                return steps, values[low]
            case "last_over_time":
                return steps, values[high - 1]
            case "absent_over_time":
                return steps, np.ones(len(steps))
        one = _single(operation, parameter, self.interval)
        found = [one(Window(times[a:b], values[a:b])) for a, b in zip(low, high, strict=True)]
        return steps, np.array(found, dtype=np.float64)


def _reduced(choose: np.ufunc, values: Values, low: Steps, high: Steps) -> Values:
    """`choose` over values[low:high], for each pair."""
    padded = np.append(values, 0.0)
    bounds = np.empty(2 * len(low), dtype=np.int64)
    bounds[0::2], bounds[1::2] = low, high
    with np.errstate(all="ignore"):
        return choose.reduceat(padded, bounds)[0::2]


def _single(operation: str, parameter: float | None, interval: int) -> Callable[[Window], float]:
    if operation == "stddev_over_time":
        return lambda window: float(np.std(window.values))
    if operation == "stdvar_over_time":
        return lambda window: float(np.var(window.values))
    if operation == "rate_counter":
        return lambda window: _counter_rate(window, interval)
    q = parameter if parameter is not None else 0.0
    return lambda window: quantile(q, window.values)


def quantile(q: float, values: Values) -> float:
    """The q-quantile, between the two nearest values; infinite outside of 0 to 1."""
    if q < 0:
        return -np.inf
    if q > 1:
        return np.inf
    rank = q * (len(values) - 1)
    low = int(np.floor(rank))
    high = min(len(values) - 1, low + 1)
    ordered = np.partition(values, (low, high))
    weight = rank - low
    return float(ordered[low] * (1 - weight) + ordered[high] * weight)


def _counter_rate(window: Window, interval: int) -> float:
    """What a counter grew by in a second, extrapolated as Loki does.

    Loki takes the times, which are ns, for ms: what it adds for the part of the window before the
    first sample is a millionth of what Prometheus would add.
    """
    times, values = window.times, window.values
    if len(values) < 2:
        return 0.0
    drops = np.flatnonzero(values[1:] < values[:-1])
    grown = float(values[-1] - values[0] + values[drops].sum())
    to_start = interval // MILLISECOND / 1000
    sampled = float(times[-1] - times[0]) / 1000
    between = sampled / (len(values) - 1)
    if grown > 0 and values[0] >= 0:
        to_start = min(to_start, sampled * float(values[0]) / grown)
    if to_start >= between * 1.1:
        to_start = between / 2
    with np.errstate(all="ignore"):
        return float(np.float64(grown) * (sampled + to_start) / sampled * SECOND / interval)
