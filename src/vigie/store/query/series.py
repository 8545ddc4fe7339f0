"""Series of numbers at the steps of a query, and what LogQL's operators do with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from vigie.store.logql import tree as t
from vigie.store.logql.arithmetic import is_comparison
from vigie.store.logql.regexes import anchored, expanded
from vigie.store.segments.streams import Labels

Steps = np.ndarray[Any, np.dtype[np.int64]]
Values = np.ndarray[Any, np.dtype[np.float64]]
Key = tuple[tuple[str, str], ...]


class MatchingError(ValueError):
    """Series of two sides that do not find each other as they should."""


@dataclass(frozen=True, slots=True)
class Series:
    """Values of one set of labels at some steps; `steps` rises, and is as long as `values`."""

    labels: Labels
    steps: Steps
    values: Values

    @property
    def key(self) -> Key:
        """What tells it from others."""
        return tuple(sorted(self.labels.items()))


def combined(found: Iterable[Series]) -> list[Series]:
    """Series with the same labels as one; they have no step in common, or the later one wins."""
    by_key: dict[Key, list[Series]] = {}
    for one in found:
        if len(one.steps):
            by_key.setdefault(one.key, []).append(one)
    return [same[0] if len(same) == 1 else _joined(same) for same in by_key.values()]


def _joined(same: list[Series]) -> Series:
    steps = np.concatenate([one.steps for one in same])
    values = np.concatenate([one.values for one in same])
    order = np.argsort(steps, kind="stable")
    steps, values = steps[order], values[order]
    last = np.append(steps[1:] != steps[:-1], True)
    return Series(same[0].labels, steps[last], values[last])


# --- aggregations ----------------------------------------------------------------------------


def aggregated(one: t.VectorAggregation, found: list[Series], count: int) -> list[Series]:
    """`sum by (…)` and its like; `count` is the number of steps."""
    grouping = one.grouping or t.Grouping(())
    groups: dict[Key, list[Series]] = {}
    for series in found:
        groups.setdefault(_group(series.labels, grouping), []).append(series)
    if one.operation in ("topk", "bottomk", "approx_topk"):
        least = one.operation == "bottomk"
        return [
            series
            for members in groups.values()
            for series in _best(members, one.parameter or 0, least)
        ]
    if one.operation in ("sort", "sort_desc"):
        return _sorted(found, one.operation == "sort_desc")
    reduce = _REDUCTIONS[one.operation]
    results = []
    for key, members in groups.items():
        steps = np.concatenate([series.steps for series in members])
        values = np.concatenate([series.values for series in members])
        present = np.flatnonzero(np.bincount(steps, minlength=count))
        results.append(Series(dict(key), present, reduce(steps, values, count)[present]))
    return results


def _group(labels: Labels, grouping: t.Grouping) -> Key:
    if grouping.without:
        kept = (pair for pair in labels.items() if pair[0] not in grouping.labels)
    else:
        kept = ((name, labels[name]) for name in set(grouping.labels) if name in labels)
    return tuple(sorted(kept))


def _sum(steps: Steps, values: Values, count: int) -> Values:
    return np.bincount(steps, weights=values, minlength=count).astype(np.float64)


def _count(steps: Steps, _values: Values, count: int) -> Values:
    return np.bincount(steps, minlength=count).astype(np.float64)


def _mean(steps: Steps, values: Values, count: int) -> Values:
    with np.errstate(all="ignore"):
        return _sum(steps, values, count) / _count(steps, values, count)


def _variance(steps: Steps, values: Values, count: int) -> Values:
    mean = _mean(steps, values, count)
    return _mean(steps, (values - mean[steps]) ** 2, count)


def _deviation(steps: Steps, values: Values, count: int) -> Values:
    return np.sqrt(_variance(steps, values, count))


def _extreme(choose: np.ufunc) -> Callable[[Steps, Values, int], Values]:
    def reduce(steps: Steps, values: Values, count: int) -> Values:
        result = np.full(count, np.nan)
        choose.at(result, steps, values)
        return result

    return reduce


_REDUCTIONS: dict[str, Callable[[Steps, Values, int], Values]] = {
    "sum": _sum,
    "count": _count,
    "avg": _mean,
    "stdvar": _variance,
    "stddev": _deviation,
    "max": _extreme(np.fmax),
    "min": _extreme(np.fmin),
}


def _best(members: list[Series], k: int, least: bool) -> list[Series]:
    """At each step the k members with the greatest, or least, values."""
    owner = np.repeat(np.arange(len(members)), [len(one.steps) for one in members])
    steps = np.concatenate([one.steps for one in members])
    values = np.concatenate([one.values for one in members])
    rank = np.where(np.isnan(values), np.inf, values if least else -values)
    order = np.lexsort((owner, rank, steps))
    sorted_steps = steps[order]
    starts = np.flatnonzero(np.append(True, sorted_steps[1:] != sorted_steps[:-1]))
    lengths = np.diff(np.append(starts, len(order)))
    place = np.arange(len(order)) - np.repeat(starts, lengths)
    chosen = order[place < k]
    kept = []
    # A single step is answered best first; of several each series is in its time's order.
    for i in dict.fromkeys(owner[chosen].tolist()):
        mine = np.sort(chosen[owner[chosen] == i])
        kept.append(Series(members[i].labels, steps[mine], values[mine]))
    return kept


def _sorted(found: list[Series], descending: bool) -> list[Series]:
    def place(one: Series) -> tuple[bool, float]:
        value = float(one.values[0]) if len(one.values) else np.nan
        return bool(np.isnan(value)), -value if descending else value

    return sorted(found, key=place)


# --- operators -------------------------------------------------------------------------------


def with_number(one: t.Binary, found: list[Series], number: float, on_left: bool) -> list[Series]:
    """`5 - {…}` or `{…} > 5`; a comparison that returns no bool keeps the series' values."""
    results = []
    for series in found:
        other = np.full(len(series.values), number)
        left, right = (other, series.values) if on_left else (series.values, other)
        values = operated(one.operation, left, right)
        if is_comparison(one.operation) and not one.returns_bool:
            kept = values == 1
            results.append(Series(series.labels, series.steps[kept], series.values[kept]))
        else:
            results.append(replace(series, values=values))
    return [one for one in results if len(one.steps)]


def operated(operation: str, left: Values, right: Values) -> Values:
    """An operator's results, value by value; 1 and 0 for a comparison."""
    with np.errstate(all="ignore"):
        match operation:
            case "+":
                return np.add(left, right)
            case "-":
                return np.subtract(left, right)
            case "*":
                return np.multiply(left, right)
            case "/":
                quotient: Values = np.where(right == 0, np.nan, left / right)
                return quotient
            case "%":
                rest: Values = np.where(right == 0, np.nan, np.fmod(left, right))
                return rest
            case "^":
                power: Values = np.power(left, right)
                return power
            case "==":
                return np.equal(left, right).astype(np.float64)
            case "!=":
                return np.not_equal(left, right).astype(np.float64)
            case ">":
                return (left > right).astype(np.float64)
            case ">=":
                return (left >= right).astype(np.float64)
            case "<":
                return (left < right).astype(np.float64)
            case _:
                return (left <= right).astype(np.float64)


def set_operated(one: t.Binary, left: list[Series], right: list[Series]) -> list[Series]:
    """`and`, `or` and `unless`."""
    matching = one.matching or t.Matching()
    if one.operation == "or":
        return combined([*left, *_apart(right, left, matching)])
    if one.operation == "unless":
        return _apart(left, right, matching)
    taken = _steps_by_signature(right, matching)
    return _filtered(
        left,
        lambda series: np.isin(
            series.steps, taken.get(_signature(series.labels, matching), _NO_STEPS)
        ),
    )


_NO_STEPS: Steps = np.array([], dtype=np.int64)


def _apart(found: list[Series], others: list[Series], matching: t.Matching) -> list[Series]:
    taken = _steps_by_signature(others, matching)
    return _filtered(
        found,
        lambda series: (
            ~np.isin(series.steps, taken.get(_signature(series.labels, matching), _NO_STEPS))
        ),
    )


def _filtered(found: list[Series], keep: Callable[[Series], Any]) -> list[Series]:
    kept = []
    for series in found:
        mask = keep(series)
        if mask.any():
            kept.append(Series(series.labels, series.steps[mask], series.values[mask]))
    return kept


def _steps_by_signature(found: list[Series], matching: t.Matching) -> dict[Key, Steps]:
    by_signature: dict[Key, list[Steps]] = {}
    for series in found:
        by_signature.setdefault(_signature(series.labels, matching), []).append(series.steps)
    return {key: np.concatenate(steps) for key, steps in by_signature.items()}


def _signature(labels: Labels, matching: t.Matching) -> Key:
    if matching.on:
        pairs = ((name, labels[name]) for name in set(matching.labels) if labels.get(name))
    else:
        pairs = (pair for pair in labels.items() if pair[0] not in matching.labels)
    return tuple(sorted(pairs))


def matched(one: t.Binary, left: list[Series], right: list[Series]) -> list[Series]:
    """An arithmetic operator or a comparison of two sides; raises `MatchingError`."""
    matching = one.matching or t.Matching()
    many, single = (right, left) if matching.group == "right" else (left, right)
    side = "left" if matching.group == "right" else "right"
    partners: dict[Key, list[Series]] = {}
    for series in single:
        same = partners.setdefault(_signature(series.labels, matching), [])
        if any(len(np.intersect1d(series.steps, other.steps)) for other in same):
            raise MatchingError(
                f"found duplicate series on the {side} hand-side;many-to-many matching not"
                " allowed: matching labels must be unique on one side"
            )
        same.append(series)
    results: list[Series] = []
    used: dict[Key, list[Steps]] = {}
    for series in many:
        signature = _signature(series.labels, matching)
        for partner in partners.get(signature, ()):
            steps, mine, its = np.intersect1d(
                series.steps, partner.steps, assume_unique=True, return_indices=True
            )
            if not len(steps):
                continue
            labels = _result_labels(series.labels, partner.labels, matching)
            key = (
                signature if not matching.group else (*signature, ("", ""), *sorted(labels.items()))
            )
            if any(len(np.intersect1d(steps, before)) for before in used.get(key, ())):
                raise MatchingError(
                    "multiple matches for labels: grouping labels must ensure unique matches"
                    if matching.group
                    else "multiple matches for labels: many-to-one matching must be explicit"
                    " (group_left/group_right)"
                )
            used.setdefault(key, []).append(steps)
            a, b = series.values[mine], partner.values[its]
            results.append(
                _pair(one, labels, steps, *((b, a) if matching.group == "right" else (a, b)))
            )
    return combined(results)


def _pair(one: t.Binary, labels: Labels, steps: Steps, left: Values, right: Values) -> Series:
    values = operated(one.operation, left, right)
    if is_comparison(one.operation) and not one.returns_bool:
        kept = values == 1
        return Series(labels, steps[kept], left[kept])
    return Series(labels, steps, values)


def _result_labels(many: Labels, single: Labels, matching: t.Matching) -> Labels:
    if matching.group:
        labels = dict(many)
    elif matching.on:
        labels = {name: value for name, value in many.items() if name in matching.labels}
    else:
        labels = {name: value for name, value in many.items() if name not in matching.labels}
    for name in matching.include:
        labels.pop(name, None)
        if value := single.get(name):
            labels[name] = value
    return labels


def relabelled(one: t.LabelReplace, found: list[Series]) -> list[Series]:
    """`label_replace(…)`."""
    regex = anchored(one.expression)
    results = []
    for series in found:
        match = regex.search(series.labels.get(one.source, ""))
        if match is None:
            results.append(series)
            continue
        value = expanded(one.replacement, match, regex.groupindex)
        labels = {name: text for name, text in series.labels.items() if name != one.target}
        if value:
            labels[one.target] = value
        results.append(replace(series, labels=labels))
    return combined(results)
