"""Worlds of signals that come about like no other: see `alert_worlds`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from alert_worlds import Judged, Labels, Tape, Values, World


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
