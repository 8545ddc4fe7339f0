"""The endpoints that tell which streams there are, and how much of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from vigie.store.logql import parse, parse_matchers
from vigie.store.logql.errors import LogQLError
from vigie.store.logql.parser import OnlyMatchersError
from vigie.store.logql.tree import LogQuery, Matcher
from vigie.store.query.select import Reader, source_of
from vigie.store.segments import LogStore, Snapshot
from vigie.store.segments.streams import Labels
from vigie.store.wire import answers
from vigie.store.wire.errors import bad
from vigie.store.wire.parameters import bounds, check_length, limit, seconds_or_duration
from vigie.store.wire.queries import Queries, read_form, read_pairs

MOST_VOLUMES = 1000


@dataclass(frozen=True, slots=True)
class Amount:
    """Lines and bytes of one stream."""

    lines: int = 0
    size: int = 0


class Index:
    """labels, label values, series, index/stats and index/volume."""

    def __init__(
        self, store: LogStore, queries: Queries, clock_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._store = store
        self._queries = queries
        self._clock_ns = clock_ns

    async def labels(self, request: Request) -> Response:
        """/loki/api/v1/labels"""
        form = await read_form(request)

        def work() -> dict[str, Any]:
            found = self._streams(form, _asked(form))
            return answers.success(sorted({name for labels in found for name in labels}))

        return await self._queries.run(work)

    async def label_values(self, request: Request) -> Response:
        """/loki/api/v1/label/{name}/values"""
        form = await read_form(request)
        name = request.path_params["name"]

        def work() -> dict[str, Any]:
            found = self._streams(form, _asked(form))
            return answers.success(sorted({labels[name] for labels in found if name in labels}))

        return await self._queries.run(work)

    async def series(self, request: Request) -> Response:
        """/loki/api/v1/series"""
        pairs = await read_pairs(request)
        form = dict(reversed(pairs))
        groups = sorted({value for name, value in pairs if name in ("match", "match[]")})
        if [group.replace(" ", "") for group in groups] == ["{}"]:
            groups = []

        def work() -> dict[str, Any]:
            selectors = [_checked(parse_matchers(group), group) for group in groups] or [()]
            found: dict[tuple[tuple[str, str], ...], Labels] = {}
            for matchers in selectors:
                for labels in self._streams(form, matchers):
                    found[tuple(sorted(labels.items()))] = labels
            return answers.success([found[key] for key in sorted(found)])

        return await self._queries.run(work)

    async def stats(self, request: Request) -> Response:
        """/loki/api/v1/index/stats"""
        form = await read_form(request)

        def work() -> dict[str, Any]:
            start, end = self._bounds(form)
            matchers = _required(form)
            with self._store.snapshot() as snapshot:
                amounts = self._amounts(snapshot, matchers, start, end)
                chunks = sum(
                    len(segment.streams.keys() & amounts.keys()) for segment in snapshot.segments
                )
            return {
                "streams": len(amounts),
                "chunks": chunks,
                "entries": sum(one.lines for one in amounts.values()),
                "bytes": sum(one.size for one in amounts.values()),
            }

        return await self._queries.run(work)

    async def volume(self, request: Request) -> Response:
        """/loki/api/v1/index/volume"""
        form = await read_form(request)

        def work() -> dict[str, Any]:
            start, end = self._bounds(form)
            most = _volume_limit(form)
            matchers = _required(form)
            volumes = self._volumes(form, matchers, start, end, most)
            at = answers.seconds(end)
            result = [{"metric": m, "value": (at, str(size))} for m, size in volumes]
            return answers.success({"resultType": "vector", "result": result, "stats": {}})

        return await self._queries.run(work)

    async def volume_range(self, request: Request) -> Response:
        """/loki/api/v1/index/volume_range"""
        form = await read_form(request)

        def work() -> dict[str, Any]:
            start, end = self._bounds(form)
            most = _volume_limit(form)
            matchers = _required(form)
            text = form.get("step", "")
            step = seconds_or_duration(text) if text else max((end - start) // 250, 10**9)
            if step <= 0 or (end - start) // step > 11_000:
                raise bad("zero or negative query resolution step widths are not accepted")
            values: dict[str, tuple[Labels, list[tuple[float, str]]]] = {}
            for low in np.arange(start, end, step, dtype=np.int64).tolist():
                high = min(low + step, end)
                for metric, size in self._volumes(form, matchers, low, high, most):
                    one = values.setdefault(str(sorted(metric.items())), (metric, []))
                    one[1].append((answers.seconds(high), str(size)))
            result = [{"metric": metric, "values": points} for metric, points in values.values()]
            return answers.success({"resultType": "matrix", "result": result, "stats": {}})

        return await self._queries.run(work)

    # --- what the endpoints share ---

    def _bounds(self, form: dict[str, str]) -> tuple[int, int]:
        start, end = bounds(form, self._clock_ns())
        if end < start:
            raise bad("end timestamp must not be before or equal to start time")
        check_length(start, end)
        return start, end

    def _streams(self, form: dict[str, str], matchers: tuple[Matcher, ...]) -> list[Labels]:
        """The labels of the streams that have lines in the asked time."""
        start, end = self._bounds(form)
        with self._store.snapshot() as snapshot:
            streams = snapshot.streams.matching(matchers)
            present = _present(snapshot, streams.keys(), start, end)
            return [labels for number, labels in streams.items() if number in present]

    def _amounts(
        self, snapshot: Snapshot, matchers: tuple[Matcher, ...], start: int, end: int
    ) -> dict[int, Amount]:
        """Lines and bytes of each stream: of whole segments as noted, of others as counted."""
        streams = snapshot.streams.matching(matchers)
        amounts: dict[int, Amount] = {}

        def add(counted: dict[int, tuple[int, int]]) -> None:
            for number, (lines, size) in counted.items():
                if number in streams:
                    before = amounts.get(number, Amount())
                    amounts[number] = Amount(before.lines + lines, before.size + size)

        with Reader(self._store, snapshot) as reader:
            for segment in snapshot.segments:
                source = source_of(segment, streams, start, end)
                if source is None:
                    continue
                if source.start is None and source.end is None:
                    add({n: (one.lines, one.size) for n, one in segment.streams.items()})
                else:
                    add(reader.count(source))
            if (head := reader.head(streams, start, end)) is not None:
                add(reader.count(head))
        return amounts

    def _volumes(
        self,
        form: dict[str, str],
        matchers: tuple[Matcher, ...],
        start: int,
        end: int,
        most: int,
    ) -> list[tuple[Labels, int]]:
        targets = [name for name in form.get("targetLabels", "").split(",") if name]
        by_labels = form.get("aggregateBy", "series") == "labels"
        if form.get("aggregateBy", "series") not in ("series", "labels"):
            raise bad("invalid aggregateBy: must be 'series' or 'labels'")
        names = targets or ([] if by_labels else [one.name for one in matchers])
        sizes: dict[tuple[tuple[str, str], ...], int] = {}
        with self._store.snapshot() as snapshot:
            labels_of = snapshot.streams.matching(matchers)
            for number, amount in self._amounts(snapshot, matchers, start, end).items():
                for key in _volume_keys(labels_of[number], names, by_labels):
                    sizes[key] = sizes.get(key, 0) + amount.size
        ordered = sorted(sizes.items(), key=lambda pair: (-pair[1], pair[0]))
        return [(dict(key), size) for key, size in ordered[:most]]


def _volume_keys(
    labels: Labels, names: list[str], by_labels: bool
) -> Iterable[tuple[tuple[str, str], ...]]:
    if by_labels:
        return [((name, ""),) for name in labels if not names or name in names]
    return [tuple(sorted((name, labels[name]) for name in set(names or labels) if name in labels))]


def _present(snapshot: Snapshot, numbers: Iterable[int], start: int, end: int) -> set[int]:
    asked = set(numbers)
    found = set()
    for segment in snapshot.segments:
        for number, extent in segment.streams.items():
            if number in asked and extent.first <= end and extent.last >= start:
                found.add(number)
    rest = (asked & snapshot.head_streams) - found
    if rest:
        times = snapshot.head.column("ts").to_numpy()
        inside = snapshot.head.column("stream").to_numpy()[(times >= start) & (times <= end)]
        found |= rest & set(np.unique(inside).tolist())
    return found


def _asked(form: dict[str, str]) -> tuple[Matcher, ...]:
    text = form.get("query", "")
    return _checked(parse_matchers(text), text) if text.strip() else ()


def _checked(matchers: tuple[Matcher, ...], text: str) -> tuple[Matcher, ...]:
    """The matchers; where there are some, one of them must select."""
    if matchers:
        parse(text)
    return matchers


def _required(form: dict[str, str]) -> tuple[Matcher, ...]:
    text = form.get("query", "")
    if not text.strip():
        raise LogQLError("syntax error: unexpected $end")
    if text.replace(" ", "") == "{}":
        return ()
    query = parse(text)
    if not isinstance(query, LogQuery) or query.stages:
        raise OnlyMatchersError
    return query.matchers


def _volume_limit(form: dict[str, str]) -> int:
    most = limit(form)
    if most > MOST_VOLUMES:
        raise bad(f"limit value {most} is above the maximum of {MOST_VOLUMES}")
    return most
