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
    can be its limit exactly. `appears`: series that count come with their first event. `labels`
    are those of the alert, besides the service. At another `pace` everything goes so many times
    faster.
    """

    name: str
    service: str
    pace: int = 1
    scrape: int = 15
    window: int = 0
    exact: bool = False
    appears: bool = False
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
    """Counters, whose rise per minute is the value; each has its share of it."""

    counter: str = ""
    shares: tuple[tuple[Labels, float], ...] = ()
    decoys: tuple[Labels, ...] = ()

    def ready(self) -> int:
        return self.scrapes(self.window) - 1  # a whole window, of which the edges are guessed

    def record(self, tape: Tape, levels: Sequence[float], resets: frozenset[int]) -> None:
        for service in (self.service, "another"):
            wanted = levels if service == self.service else [0.0] * tape.steps
            for labels, share in self.shares:
                rises = [level * share * tape.step / 60 for level in wanted]
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


@dataclass
class UptimeWorld(World):
    """Two instances of a service: the first fails at so many scrapes, the second came later.

    A level is a number of scrapes that fail one after the other, and no value: these are beyond the
    limits when half an hour has been seen.
    """

    @property
    def calm(self) -> float:
        return 0.0

    @property
    def far(self) -> float:
        return float("inf")

    def ready(self) -> int:
        return self.scrapes(29 * 60)  # half an hour, seen by the minute

    def beyond(self, limit: float) -> float:
        return {0.99: 2.0, 0.95: 7.0}[limit]

    def short_of(self, limit: float) -> float:
        return {0.99: 1.0, 0.95: 5.0}[limit]

    def value(self, level: float) -> float | None:
        return {self.calm: 1.0, self.far: 0.5}.get(level)

    def events(self) -> float | None:
        return 6.0  # tens of minutes

    def record(self, tape: Tape, levels: Sequence[float], resets: frozenset[int]) -> None:
        begun = 0
        first: Values = []
        for step, level in enumerate(levels):
            begun = step if step and level != levels[step - 1] else begun
            first.append(0.0 if step - begun < level else 1.0)
        later: Values = [None] * 10 + [1.0] * (tape.steps - 10)
        application = {"service": self.service, "role": "application"}
        tape.gauge("up", {**application, "instance": "first"}, first)
        tape.gauge("up", {**application, "instance": "later"}, later)
        tape.constant("up", {**application, "service": "another"}, 1.0)
        # Those that watch do not count here.
        watching: Values = [None] * 20 + [0.0] * (tape.steps - 20)
        tape.gauge("up", {"service": self.service, "role": "engine"}, watching)


@dataclass
class ServicesWorld(World):
    """A service of which so many targets answer, out of two."""

    exact: bool = True

    @property
    def calm(self) -> float:
        return 2.0

    @property
    def far(self) -> float:
        return 0.0

    def beyond(self, limit: float) -> float:
        return limit - 1

    def short_of(self, limit: float) -> float:
        return limit

    def record(self, tape: Tape, levels: Sequence[float], resets: frozenset[int]) -> None:
        for number in (1, 2):
            answers = [1.0 if level >= number else 0.0 for level in levels]
            tape.gauge("up", {"service": self.service, "instance": str(number)}, answers)
        tape.constant("up", {"service": "another"}, 1.0)


@dataclass
class ContainersWorld(ServicesWorld):
    """cAdvisor, which knows so many containers by name, out of two."""

    def record(self, tape: Tape, levels: Sequence[float], resets: frozenset[int]) -> None:
        used, place = "container_memory_working_set_bytes", {"service": self.service}
        for number, name in enumerate(("django", "fastapi"), start=1):
            known = [5e6 if level >= number else None for level in levels]
            tape.gauge(used, {**place, "name": name}, known)
        tape.constant(used, {**place, "id": "/"}, 7e6)
        tape.constant("cadvisor_version_info", {**place, "cadvisorVersion": "v0.60.5"}, 1.0)


@dataclass
class RetentionWorld(World):
    """The oldest record of one kind, whose age is so many times what is set."""

    metric: str = ""
    metric_labels: Labels = field(default_factory=dict)
    retention: float = 0.0
    exact: bool = True

    @property
    def calm(self) -> float:
        return 0.5

    @property
    def far(self) -> float:
        return 120.0

    def record(self, tape: Tape, levels: Sequence[float], resets: frozenset[int]) -> None:
        for instance, wanted in (("old", levels), ("new", [0.1] * tape.steps)):
            oldest = [
                step * tape.step - level * self.retention for step, level in enumerate(wanted)
            ]
            labels = {"service": self.service, **self.metric_labels, "instance": instance}
            tape.gauge(self.metric, labels, oldest)


@dataclass
class BlindWorld(Judged):
    """Calls, of whose tokens or cost such a share is not known."""

    because: str = ""

    @property
    def far(self) -> float:
        return 1.0

    def record(self, tape: Tape, levels: Sequence[float], resets: frozenset[int]) -> None:
        for service in (self.service, "another"):
            wanted = levels if service == self.service else [0.0] * tape.steps
            served = self.served(service) / 2
            whole, more = [served] * tape.steps, [served * 9] * tape.steps
            blind = [served * level for level in wanted]
            sure = [served * (1 - level) for level in wanted]
            for model in ("gpt-4", "gpt-3.5-turbo"):
                here = {"service": service, "model": model}
                tape.counter("openai_requests_total", {**here, "status": "ok"}, whole, resets)
                tape.counter("openai_requests_total", {**here, "status": "cancelled"}, more, resets)
                for kind, rises in (("input", whole), ("output", whole), ("cached_input", more)):
                    tape.counter("openai_tokens_total", {**here, "type": kind}, rises, resets)
                if self.because == "unpriced":
                    for kind, rises in (
                        ("input", blind),
                        ("output", blind),
                        ("cached_input", more),
                    ):
                        labels = {**here, "type": kind}
                        tape.counter("openai_unpriced_tokens_total", labels, rises, resets)
                    tape.counter("openai_cost_total", {**here, "source": "computed"}, whole, resets)
                else:
                    for source, rises in (("estimated", blind), ("computed", sure)):
                        tape.counter("openai_cost_total", {**here, "source": source}, rises, resets)
