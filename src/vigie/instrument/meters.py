"""Instruments made from the catalogue: prometheus_client's own, with cached and bounded children.

`labels()` is what makes the usual middlewares slow (about a microsecond a call), so a child is
looked up once per combination of label values and kept.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import product
from typing import Any, TypeAlias

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from vigie.catalogue.metric import OTHER, AcrossWorkers, Kind, Label, Metric

Child: TypeAlias = Any
"""A prometheus_client Counter, Gauge or Histogram without labels left to give."""

_GAUGE_MODES = {
    AcrossWorkers.SUM: "livesum",
    AcrossWorkers.MAX: "livemax",
    AcrossWorkers.LATEST: "livemostrecent",
}
_ATTRIBUTE = "_vigie_meters"
_lock = threading.Lock()


def meters(registry: CollectorRegistry = REGISTRY) -> Meters:
    """The instruments of a registry: the same ones however often, and from wherever, it is asked.

    They are kept on the registry itself, because a module may be loaded twice (Streamlit reloads
    the sources that it watches) and a registry refuses a second metric of the same name.
    """
    with _lock:
        found = getattr(registry, _ATTRIBUTE, None)
        if found is None:
            found = Meters(registry)
            setattr(registry, _ATTRIBUTE, found)
        return found


class Meters:
    """The instruments of one registry, each made when it is first asked for."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._by_name: dict[str, Meter] = {}
        self._before_scrape: dict[str, Callable[[], None]] = {}
        self._lock = threading.Lock()

    def __getitem__(self, metric: Metric) -> Meter:
        found = self._by_name.get(metric.name)
        if found is None:
            with self._lock:
                found = self._by_name.get(metric.name)
                if found is None:
                    found = self._by_name[metric.name] = Meter(metric, self.registry)
        return found

    def before_scrape(self, name: str, refresh: Callable[[], None]) -> None:
        """Call `refresh` before each scrape, to bring a gauge up to date; one for each `name`."""
        self._before_scrape[name] = refresh

    def refresh(self) -> None:
        """Bring every gauge up to date that is measured at the time of a scrape."""
        from vigie.instrument.guard import guarded

        for name, refresh in list(self._before_scrape.items()):
            with guarded(f"refresh:{name}", self):
                refresh()


class Meter:
    """One metric family and its children.

    A child of a metric whose labels are all closed sets exists from the start: `increase()` would
    miss the first event of a series that appears with it.
    """

    def __init__(self, metric: Metric, registry: CollectorRegistry) -> None:
        self.metric = metric
        self._family = _family(metric, registry)
        self._children: dict[tuple[str, ...], Child] = {}
        self._seen: tuple[set[str], ...] = tuple(set() for _ in metric.labels)
        self._lock = threading.Lock()
        if not metric.labels:
            self._children[()] = self._family
        elif all(label.values for label in metric.labels):
            for values in product(*(label.values for label in metric.labels)):
                self.child(*values)

    def child(self, *values: str) -> Child:
        """The instrument for these label values, in the catalogue's order of labels.

        A value outside its label's closed set, or a new one beyond its label's cap, counts as
        `other`.
        """
        try:
            return self._children[values]
        except KeyError:
            return self._resolve(values)

    def _resolve(self, values: tuple[str, ...]) -> Child:
        if len(values) != len(self.metric.labels):
            raise ValueError(f"{self.metric.name} takes {self.metric.label_names}, not {values}")
        with self._lock:
            kept = tuple(
                _bounded(label, str(value), seen)
                for label, value, seen in zip(self.metric.labels, values, self._seen, strict=True)
            )
            found = self._children.get(kept)
            if found is None:
                found = self._children[kept] = self._family.labels(*kept)
            return found


def _bounded(label: Label, value: str, seen: set[str]) -> str:
    if label.values:
        return value if value in label.values else OTHER
    if value in seen:
        return value
    if len(seen) >= label.cap:
        return OTHER
    seen.add(value)
    return value


def _family(metric: Metric, registry: CollectorRegistry) -> Any:
    labels = metric.label_names
    match metric.kind:
        case Kind.COUNTER:
            return Counter(metric.name, metric.help, labels, registry=registry)
        case Kind.GAUGE:
            mode: Any = _GAUGE_MODES[metric.across_workers]
            return Gauge(
                metric.name, metric.help, labels, registry=registry, multiprocess_mode=mode
            )
        case Kind.HISTOGRAM:
            return Histogram(
                metric.name, metric.help, labels, registry=registry, buckets=metric.buckets
            )
