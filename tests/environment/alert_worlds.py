"""What Prometheus would scrape while a signal is well or bad: series for promtool, made by value.

A world knows how one signal comes about. Told what its value shall be at each scrape, it makes the
series that give exactly this value. Each world has series that must not matter, too: another
service that is well, statuses and kinds that do not count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeAlias

from vigie.catalogue.signal import Comparator, Signal
from vigie.catalogue.signals import BY_NAME

Values: TypeAlias = "list[float | None]"
"""A series' samples, one a scrape; None where there is none."""
Labels: TypeAlias = "dict[str, str]"
Named: TypeAlias = "tuple[str, Labels]"
"""A series by its name and labels, without those that say which service it is of."""

BASE = 1000.0
"""Where counters stand when they are first scraped."""


@dataclass
class Tape:
    """Series as they are scraped, every `step` seconds."""

    steps: int
    step: int
    series: dict[str, Values] = field(default_factory=dict)

    def gauge(self, name: str, labels: Mapping[str, str], values: Sequence[float | None]) -> None:
        """A series with these samples."""
        self.series[selector(name, labels)] = list(values)

    def constant(self, name: str, labels: Mapping[str, str], value: float) -> None:
        """A series that is always the same."""
        self.gauge(name, labels, [value] * self.steps)

    def counter(
        self,
        name: str,
        labels: Mapping[str, str],
        rises: Sequence[float],
        resets: frozenset[int] = frozenset(),
    ) -> None:
        """A counter that has risen by `rises[k]` at step k; at a reset it starts from nothing."""
        values: Values = []
        now = BASE
        for step, rise in enumerate(rises):
            now = (0.0 if step in resets else now) + (rise if step else 0.0)
            values.append(now)
        self.gauge(name, labels, values)


def selector(name: str, labels: Mapping[str, str]) -> str:
    """A series as promtool writes it."""
    written = ", ".join(f'{key}="{value}"' for key, value in labels.items())
    return f"{name}{{{written}}}"


@dataclass
class World:
    """How one signal comes about.

    `window` is how many seconds its value looks back. It is scraped every `scrape` seconds: less
    often than usual where the window is long, so that there is less to compute. `exact`: a value
    can be its limit exactly. `appears`: series that count come with their first event. `missed`:
    where its signal has an alert for data that are missing, this one's may be. `labels` are those
    of the alert, besides the service. At another `pace` everything goes so many times faster.
    """

    name: str
    service: str
    pace: int = 1
    scrape: int = 15
    window: int = 0
    exact: bool = False
    appears: bool = False
    missed: bool = True
    labels: Labels = field(default_factory=dict)

    @property
    def signal(self) -> Signal:
        return BY_NAME[self.name]

    @property
    def step(self) -> int:
        """Seconds from scrape to scrape."""
        return self.scrape // self.pace

    def scrapes(self, seconds: float) -> int:
        """How many scrapes there are in a span that is given at the usual pace."""
        return round(seconds / self.scrape)

    def record(self, tape: Tape, levels: Sequence[float], resets: frozenset[int]) -> None:
        """Write the series that give these values."""
        raise NotImplementedError

    @property
    def calm(self) -> float:
        """A value that is well."""
        return 0.0 if self._above else 0.9

    @property
    def far(self) -> float:
        """A value that is bad by far."""
        return self._worst * (3.0 if self._above else 0.3)

    def beyond(self, limit: float) -> float:
        """The nearest value that is bad."""
        return limit * (1.02 if self._above else 0.98)

    def short_of(self, limit: float) -> float:
        """The nearest value that is not."""
        return limit * (0.98 if self._above else 1.02)

    def value(self, level: float) -> float | None:
        """What is recorded of a level that lasts; None where that is not so simple."""
        return level

    def ready(self) -> int:
        """After how many scrapes of a value beyond its limit this is seen."""
        return 0

    def events(self) -> float | None:
        """How many events a whole window holds; None where there is no floor, or no saying."""
        return None

    @property
    def _above(self) -> bool:
        return self.signal.bad_when is Comparator.ABOVE

    @property
    def _worst(self) -> float:
        signal = self.signal
        worst = signal.warning if signal.critical is None else signal.critical
        assert worst is not None
        return worst


@dataclass
class Judged(World):
    """A world of events: `per_scrape` of them at each scrape, as at another service."""

    per_scrape: float = 0.0

    def ready(self) -> int:
        return 1  # a rate is known from the second scrape on

    def served(self, service: str) -> float:
        """How many events a service has at each scrape: the other one has plenty."""
        return self.per_scrape if service == self.service else 100.0

    def events(self) -> float | None:
        return self.per_scrape * self.window / self.scrape


@dataclass
class QuantileWorld(Judged):
    """A histogram, whose 95th percentile is the value."""

    histogram: str = ""
    bounds: tuple[float, ...] = ()
    fast: Labels = field(default_factory=dict)
    slow: Labels = field(default_factory=dict)

    @property
    def calm(self) -> float:
        return (self.bounds[0] + self.bounds[1]) / 2

    @property
    def far(self) -> float:
        low, high = next(pair for pair in pairwise(self.bounds) if pair[0] == self._worst)
        return low + 0.94 * (high - low)  # most events are as slow

    def record(self, tape: Tape, levels: Sequence[float], resets: frozenset[int]) -> None:
        for service in (self.service, "another"):
            wanted = levels if service == self.service else [self.calm] * tape.steps
            shares = {level: self._shares(level) for level in set(wanted)}
            for le in (*map(str, self.bounds), "+Inf"):  # as prometheus_client writes them: 1.0
                for labels, part in ((self.fast, 0), (self.slow, 1)):
                    whole = {"service": service, **labels, "le": le}
                    rises = [self.served(service) * shares[level][le][part] for level in wanted]
                    tape.counter(f"{self.histogram}_bucket", whole, rises, resets)
                    if le == "+Inf":
                        del whole["le"]
                        tape.counter(f"{self.histogram}_count", whole, rises, resets)

    def _shares(self, level: float) -> dict[str, tuple[float, float]]:
        """For each bucket, the share of fast and of slow events that it has counted."""
        low, high = next((a, b) for a, b in pairwise((0.0, *self.bounds)) if level < b)
        within = (level - low) / (high - low)
        above = 0.04 if within > 0.95 else 0.0
        # low + (high - low) × (0.95 - below) / (1 - above - below) = level
        below = (0.95 - within * (1 - above)) / (1 - within)
        shares = {
            str(bound): (below, 1 - above - below) if bound > low else (0.0, 0.0)
            for bound in self.bounds
        }
        return shares | {str(low): (below, 0.0), "+Inf": (below, 1 - below)}


@dataclass
class ShareWorld(Judged):
    """Counters, of which some count the bad events and others the good ones.

    `decoys` rise too and do not matter.
    """

    bad: tuple[Named, ...] = ()
    good: tuple[Named, ...] = ()
    decoys: tuple[Named, ...] = ()
    appears: bool = True

    @property
    def far(self) -> float:
        return 1.0

    def record(self, tape: Tape, levels: Sequence[float], resets: frozenset[int]) -> None:
        for service in (self.service, "another"):
            wanted = levels if service == self.service else [0.0] * tape.steps
            served = self.served(service)
            bad = [served * level / len(self.bad) for level in wanted]
            good = [served * (1 - level) / len(self.good) for level in wanted]
            more = [served * 2] * tape.steps
            for series, rises in ((self.bad, bad), (self.good, good), (self.decoys, more)):
                for name, labels in series:
                    tape.counter(name, {"service": service, **labels}, rises, resets)


@dataclass
class RateWorld(World):
    """Counters, whose rise per minute is the value; each has its share of it.

    At another pace as much happens from scrape to scrape, so many times more in a minute.
    """

    counter: str = ""
    shares: tuple[tuple[Labels, float], ...] = ()
    decoys: tuple[Labels, ...] = ()

    def ready(self) -> int:
        return self.scrapes(self.window) - 1  # a whole window, of which the edges are guessed

    def value(self, level: float) -> float | None:
        return level * self.pace

    def record(self, tape: Tape, levels: Sequence[float], resets: frozenset[int]) -> None:
        for service in (self.service, "another"):
            wanted = levels if service == self.service else [0.0] * tape.steps
            for labels, share in self.shares:
                rises = [level * share * self.scrape / 60 for level in wanted]
                tape.counter(self.counter, {"service": service, **labels}, rises, resets)
            for labels in self.decoys:
                rises = [self.far] * tape.steps
                tape.counter(self.counter, {"service": service, **labels}, rises, resets)


@dataclass
class BurstWorld(World):
    """Two counters, whose rise within the window is the value: it comes all at once."""

    counter: str = ""
    series: tuple[Labels, Labels] = ({}, {})
    decoys: tuple[Labels, ...] = ()
    exact: bool = True
    appears: bool = True

    @property
    def far(self) -> float:
        return 2 * self._worst + 10

    def beyond(self, limit: float) -> float:
        return limit + 1 if limit < 100 else limit * 1.05

    def short_of(self, limit: float) -> float:
        return limit if limit < 100 else limit * 0.95

    def parts(self, level: float) -> tuple[float, float]:
        """What each of the two counters has of a rise."""
        return (level - 1, 1.0) if level >= 2 else (level, 0.0)

    def record(self, tape: Tape, levels: Sequence[float], resets: frozenset[int]) -> None:
        for service in (self.service, "another"):
            wanted = levels if service == self.service else [0.0] * tape.steps
            rises = [
                level if step and level != wanted[step - 1] else 0.0
                for step, level in enumerate(wanted)
            ]
            for place, labels in enumerate(self.series):
                own = [self.parts(rise)[place] for rise in rises]
                tape.counter(self.counter, {"service": service, **labels}, own, resets)
            for labels in self.decoys:
                always = [self.far] * tape.steps
                tape.counter(self.counter, {"service": service, **labels}, always, resets)


@dataclass
class GaugeWorld(World):
    """Gauges: some are so many times the value, others are always the same."""

    scaled: tuple[tuple[str, Labels, float], ...] = ()
    fixed: tuple[tuple[str, Labels, float], ...] = ()
    exact: bool = True
    elsewhere: bool = True
    divisor: str = ""
    """The fixed series that everything is a share of, and that may be 0."""

    def record(self, tape: Tape, levels: Sequence[float], resets: frozenset[int]) -> None:
        for service in (self.service, "another") if self.elsewhere else (self.service,):
            wanted = levels if service == self.service else [self.calm] * tape.steps
            for name, labels, factor in self.scaled:
                tape.gauge(name, {"service": service, **labels}, [v * factor for v in wanted])
            for name, labels, value in self.fixed:
                tape.constant(name, {"service": service, **labels}, value)
