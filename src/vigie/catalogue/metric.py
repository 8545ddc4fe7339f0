"""What a metric is, as a value.

A metric's name, labels and buckets are typed here once; the instruments that emit it, the rules
and panels that query it, and its page in the reference are computed from the value.
"""

from dataclasses import dataclass
from enum import StrEnum

OTHER = "other"
"""The label value that stands for everything outside a closed set or beyond a cap."""


class Kind(StrEnum):
    """The three metric types that Vigie emits, in Prometheus' words."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Emitter(StrEnum):
    """Who exposes a metric: an instrumented service, an exporter beside it, or a rule."""

    APPLICATION = "application"
    EXPORTER = "exporter"
    RULES = "rules"


class AcrossWorkers(StrEnum):
    """How one gauge is made of the values that several worker processes hold."""

    SUM = "sum"
    MAX = "max"
    LATEST = "latest"


@dataclass(frozen=True, slots=True)
class Label:
    """A label whose number of values is bounded by construction.

    With `values`, the set is closed; without, at most `cap` distinct values are kept. Whatever is
    outside the set or beyond the cap is counted under `OTHER`.
    """

    name: str
    values: tuple[str, ...] = ()
    cap: int = 50


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric family.

    `name` is the family's name in Prometheus (a counter's ends in `_total`), in base units.
    `buckets` are a histogram's upper bounds in the metric's unit, without +Inf; they contain each
    threshold of the signals that are measured on it, so that a threshold is never interpolated.
    A `rare` counter counts what a healthy service has none of: its series with every label `OTHER`
    is there from the start, so that none is told from not measured.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[Label, ...] = ()
    buckets: tuple[float, ...] = ()
    across_workers: AcrossWorkers = AcrossWorkers.SUM
    emitter: Emitter = Emitter.APPLICATION
    rare: bool = False

    def __post_init__(self) -> None:
        if (self.kind is Kind.COUNTER) != self.name.endswith("_total"):
            raise ValueError(f"{self.name}: a counter's name, and no other, ends in _total")
        if (self.kind is Kind.HISTOGRAM) != bool(self.buckets):
            raise ValueError(f"{self.name}: a histogram, and nothing else, has buckets")
        if list(self.buckets) != sorted(set(self.buckets)):
            raise ValueError(f"{self.name}: buckets rise: {self.buckets}")

    @property
    def label_names(self) -> tuple[str, ...]:
        """The label names in the order in which instruments take their values."""
        return tuple(label.name for label in self.labels)


def counter(
    name: str,
    help_: str,
    *labels: Label,
    emitter: Emitter = Emitter.APPLICATION,
    rare: bool = False,
) -> Metric:
    """A count that only rises; it starts again at zero with its process."""
    return Metric(name, Kind.COUNTER, help_, labels, emitter=emitter, rare=rare)


def gauge(
    name: str,
    help_: str,
    *labels: Label,
    across_workers: AcrossWorkers = AcrossWorkers.SUM,
    emitter: Emitter = Emitter.APPLICATION,
) -> Metric:
    """A value that rises and falls."""
    return Metric(name, Kind.GAUGE, help_, labels, across_workers=across_workers, emitter=emitter)


def histogram(
    name: str,
    help_: str,
    *labels: Label,
    buckets: tuple[float, ...],
    emitter: Emitter = Emitter.APPLICATION,
) -> Metric:
    """A distribution, in buckets with the given upper bounds."""
    return Metric(name, Kind.HISTOGRAM, help_, labels, buckets, emitter=emitter)
