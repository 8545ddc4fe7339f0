"""Instruments made from the catalogue, with cached and bounded children.

They are our own and not prometheus_client's, whose registry and exposition they feed: a child is
found once and kept (`labels()` is what makes the usual middlewares slow), a number is added without
a lock (`cells.indivisible`), and with several workers it is added to a file that they share.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product
from typing import Any, TypeAlias

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client import Metric as Family
from prometheus_client.mmap_dict import mmap_key
from prometheus_client.samples import Exemplar

from vigie.catalogue import telemetry
from vigie.catalogue.metric import OTHER, AcrossWorkers, Kind, Label, Metric
from vigie.instrument import workers
from vigie.instrument.cells import MAKING, Cells, indivisible, survive_forks
from vigie.instrument.merge import le

Child: TypeAlias = Any
"""A Counter, Gauge or Histogram: what one combination of label values is counted with."""

_GAUGE_MODES = {
    AcrossWorkers.SUM: "livesum",
    AcrossWorkers.MAX: "livemax",
    AcrossWorkers.LATEST: "livemostrecent",
}
_ATTRIBUTE = "_vigie_meters"

TRACE_ID = "trace_id"
"""The label of an exemplar, by which Grafana finds its trace."""


def meters(registry: CollectorRegistry = REGISTRY) -> Meters:
    """The instruments of a registry: the same ones however often, and from wherever, it is asked.

    They are kept on the registry itself, because a module may be loaded twice (Streamlit reloads
    the sources that it watches) and a registry refuses a second metric of the same name.
    """
    with MAKING:
        found: Meters | None = getattr(registry, _ATTRIBUTE, None)
        return found or Meters(registry)


class Meters:
    """The instruments of one registry, each made when it is first asked for; see `meters`."""

    def __init__(self, registry: CollectorRegistry, storage: workers.Storage | None = None) -> None:
        """`storage` is where the numbers are; by default what the environment asks for."""
        setattr(registry, _ATTRIBUTE, self)
        survive_forks()
        self.registry = registry
        self._by_name: dict[str, Meter] = {}
        self._before_scrape: dict[str, Callable[[], None]] = {}
        self.storage = storage or workers.storage()
        if self.storage.failure is not None:
            self._count_lost_storage(self.storage.failure)
        try:
            self.storage.tidy()
        except OSError as error:
            self._count_lost_storage(error)

    def __getitem__(self, metric: Metric) -> Meter:
        found = self._by_name.get(metric.name)
        if found is None:
            with MAKING:
                found = self._by_name.get(metric.name)
                if found is None:
                    found = Meter(metric, self)
                    self.registry.register(found)
                    self._by_name[metric.name] = found
        return found

    def before_scrape(self, name: str, refresh: Callable[[], None]) -> None:
        """Call `refresh` before each scrape, to bring a gauge up to date; one for each `name`."""
        self._before_scrape[name] = refresh

    def refresh(self) -> None:
        """Bring every gauge up to date that is measured at the time of a scrape."""
        from vigie.instrument.guard import guarded

        with guarded("refresh", self):
            for metric in (telemetry.INTERNAL_ERRORS, telemetry.DROPPED_RECORDS):
                self[metric]  # there from the first scrape on, whether or not anything fails
        for name, refresh in list(self._before_scrape.items()):
            with guarded(f"refresh:{name}", self):
                refresh()

    def places(self, kind: str, keys: Sequence[str]) -> tuple[Cells, tuple[int, ...]]:
        """Where the numbers of `keys` are."""
        try:
            cells = self.storage.cells(kind)
            return cells, cells.places(keys)
        except OSError as error:  # the disk is full
            spare = self.storage.go_on_in_memory(kind)
            self._count_lost_storage(error)
            return spare, spare.places(keys)

    def _count_lost_storage(self, error: Exception) -> None:
        from vigie.instrument.guard import count_failure

        count_failure("workers", error, self)


class Meter:
    """One metric family and its children.

    A child of a metric whose labels are all closed sets exists from the start: `increase()` would
    miss the first event of a series that appears with it. So does one child of a rare metric.
    """

    def __init__(self, metric: Metric, meters: Meters) -> None:
        self.metric = metric
        self._meters = meters
        self._children: dict[tuple[str, ...], Child] = {}
        self._seen: tuple[set[str], ...] = tuple(set() for _ in metric.labels)
        if all(label.values for label in metric.labels):
            for values in product(*(label.values for label in metric.labels)):
                self.child(*values)
        elif metric.rare:
            self.child(*[OTHER] * len(metric.labels))

    def child(self, *values: str) -> Child:
        """The instrument for these label values, in the catalogue's order of labels.

        A value outside its label's closed set, or a new one beyond its label's cap, counts as
        `other`. Raises ValueError where the number of values is not that of the labels.
        """
        try:
            return self._children[values]
        except KeyError:
            return self._resolve(values)

    def collect(self) -> Iterable[Family]:
        """This process's series of the family."""
        family = self._empty_family()
        for values, child in self._children.copy().items():
            labels = dict(zip(self.metric.label_names, values, strict=True))
            for suffix, more, value, *seen in child.samples():
                exemplar = Exemplar(*seen) if seen else None
                family.add_sample(
                    family.name + suffix, {**labels, **more}, value, exemplar=exemplar
                )
        return [family]

    def describe(self) -> Iterable[Family]:
        """The family without its series: by it a registry refuses a second one of the name."""
        return [self._empty_family()]

    def _resolve(self, values: tuple[str, ...]) -> Child:
        if len(values) != len(self.metric.labels):
            raise ValueError(f"{self.metric.name} takes {self.metric.label_names}, not {values}")
        with MAKING:
            kept = tuple(
                _bounded(label, str(value), seen)
                for label, value, seen in zip(self.metric.labels, values, self._seen, strict=True)
            )
            found = self._children.get(kept)
            if found is None:
                found = self._children[kept] = self._make(kept)
            return found

    def _make(self, values: tuple[str, ...]) -> Child:
        match self.metric.kind:
            case Kind.COUNTER:
                return Counter(*self._places("counter", self._key("_total", values)))
            case Kind.GAUGE:
                across = self.metric.across_workers
                kind = f"gauge_{_GAUGE_MODES[across]}"
                kept_time = across is AcrossWorkers.LATEST
                return Gauge(*self._places(kind, self._key("", values)), keeps_time=kept_time)
            case Kind.HISTOGRAM:
                bounds = (*self.metric.buckets, float("inf"))
                buckets = [self._key("_bucket", values, le=le(bound)) for bound in bounds]
                places = self._places("histogram", self._key("_sum", values), *buckets)
                return Histogram(*places, bounds=bounds)

    def _places(self, kind: str, *keys: str) -> tuple[Cells, tuple[int, ...]]:
        return self._meters.places(kind, keys)

    def _key(self, suffix: str, values: tuple[str, ...], **more: str) -> str:
        names = [*self.metric.label_names, *more]
        family = self._empty_family().name
        return mmap_key(family, family + suffix, names, [*values, *more.values()], self.metric.help)

    def _empty_family(self) -> Family:
        # A counter's family is called without _total; its samples have it.
        name = self.metric.name.removesuffix("_total")
        return Family(name, self.metric.help, self.metric.kind.value)


class Counter:
    """A count that only rises."""

    __slots__ = ("at", "cells")

    def __init__(self, cells: Cells, places: tuple[int, ...]) -> None:
        self.cells = cells
        self.at = places[0]

    @indivisible
    def inc(self, amount: float = 1.0) -> None:
        """Add `amount`. Raises ValueError where it is negative."""
        if amount < 0:
            raise ValueError(f"a counter only rises: {amount}")
        self.cells.values[self.at] += amount

    def samples(self) -> Iterator[tuple[str, dict[str, str], float]]:
        """What a scrape reads: suffix of the name, further labels, value."""
        yield "_total", {}, self.cells.values[self.at]


class Gauge:
    """A value that rises and falls."""

    __slots__ = ("at", "cells", "keeps_time")

    def __init__(self, cells: Cells, places: tuple[int, ...], keeps_time: bool = False) -> None:
        self.cells = cells
        self.at = places[0]
        self.keeps_time = keeps_time

    @indivisible
    def inc(self, amount: float = 1.0) -> None:
        """Add `amount`, which may be negative."""
        self.cells.values[self.at] += amount

    @indivisible
    def dec(self, amount: float = 1.0) -> None:
        """Take `amount` off."""
        self.cells.values[self.at] -= amount

    def set(self, value: float) -> None:
        """Make it `value`."""
        self.cells.values[self.at] = float(value)
        if self.keeps_time:
            self.cells.values[self.at + 1] = time.time()

    def samples(self) -> Iterator[tuple[str, dict[str, str], float]]:
        """What a scrape reads: suffix of the name, further labels, value."""
        yield "", {}, self.cells.values[self.at]


class Histogram:
    """A distribution in buckets; its count is the sum of them.

    Of each bucket, the latest event that was `seen_in` a trace is its exemplar, for who scrapes by
    OpenMetrics; with several workers there are none, as the files that they share hold numbers.
    """

    __slots__ = ("bounds", "buckets_at", "cells", "exemplars", "sum_at")

    def __init__(self, cells: Cells, places: tuple[int, ...], bounds: tuple[float, ...]) -> None:
        self.cells = cells
        self.sum_at, *buckets_at = places
        self.buckets_at = tuple(buckets_at)
        self.bounds = bounds
        self.exemplars: dict[int, tuple[dict[str, str], float, float]] = {}

    def seen_in(self, trace_id: str, amount: float) -> None:
        """Remember the trace of an event that was observed; nothing where it has none."""
        if trace_id:
            bucket = bisect_left(self.bounds, amount)
            self.exemplars[bucket] = ({TRACE_ID: trace_id}, amount, time.time())

    @indivisible
    def observe(self, amount: float) -> None:
        """Count an event of this size, in the metric's unit."""
        bucket_at = self.buckets_at[bisect_left(self.bounds, amount)]
        sum_at = self.sum_at
        values = self.cells.values
        values[sum_at] += amount
        values[bucket_at] += 1.0

    def samples(self) -> Iterator[tuple[Any, ...]]:
        """What a scrape reads: suffix of the name, further labels, value; then the exemplar's
        labels, value and time, where there is one."""
        values = self.cells.values
        so_far = 0.0
        for bucket, (bound, at) in enumerate(zip(self.bounds, self.buckets_at, strict=True)):
            so_far += values[at]
            yield "_bucket", {"le": le(bound)}, so_far, *self.exemplars.get(bucket, ())
        yield "_count", {}, so_far
        yield "_sum", {}, values[self.sum_at]


def _bounded(label: Label, value: str, seen: set[str]) -> str:
    if label.values:
        return value if value in label.values else OTHER
    if value in seen or value == OTHER:
        return value
    if len(seen) >= label.cap:
        return OTHER
    seen.add(value)
    return value
