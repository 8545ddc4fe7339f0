"""One unit test for promtool in the making: a world's series, and what is asked of the rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from alert_worlds import Labels, Tape, Values, World, selector
from single_worlds import UptimeWorld

Test: TypeAlias = "dict[str, Any]"


@dataclass
class Story:
    """What is scraped, and what must be recorded and fire at which scrape."""

    name: str
    world: World
    tape: Tape
    queries: list[Test] = field(default_factory=list)
    texts: list[Test] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        how: str,
        world: World,
        levels: Sequence[float],
        resets: Iterable[int] = (),
    ) -> Story:
        """The story of a world that has these values, one at each scrape."""
        tape = Tape(len(levels), world.step)
        world.record(tape, levels, frozenset(resets))
        return cls(f"{named(world)}: {how}", world, tape)

    def firing(self, step: int, severities: Iterable[str], alert: str = "") -> None:
        """At this scrape, alerts of exactly these severities fire, with these labels alone."""
        state = {"alertname": alert or self.world.signal.alert, "alertstate": "firing"}
        samples = [
            {"labels": selector("ALERTS", {**state, **labels(self.world, severity)}), "value": 1}
            for severity in severities
        ]
        self._ask(step, selector("ALERTS", state), samples)

    def not_firing(self, step: int, severity: str) -> None:
        """At this scrape, the alert of this severity does not."""
        state = {"alertname": self.world.signal.alert, "alertstate": "firing"}
        self._ask(step, selector("ALERTS", {**state, "severity": severity}), [])

    def value(self, step: int, wanted: float | None) -> None:
        """At this scrape, so much is recorded, to four decimals; None: nothing is."""
        self._recorded(step, self.world.signal.record, self._own, wanted)

    def events(self, step: int, wanted: float) -> None:
        """At this scrape, so many events are recorded."""
        self._recorded(step, *self._counted, wanted)

    def at_most(self, step: int, wanted: float) -> None:
        """At this scrape, no more events than so many are recorded."""
        self._ask(step, f"{selector(*self._counted)} > {wanted:.9f}", [])

    def told(self, step: int, alerts: Sequence[Test], alert: str = "") -> None:
        """At this scrape, the alerts say exactly this."""
        name = alert or self.world.signal.alert
        self.texts.append({"eval_time": self._at(step), "alertname": name, "exp_alerts": alerts})

    def test(self) -> Test:
        """As promtool reads it."""
        return {
            "name": self.name,
            "interval": f"{self.tape.step}s",
            "input_series": [
                {"series": series, "values": written(values)}
                for series, values in self.tape.series.items()
            ],
            "promql_expr_test": self.queries,
            "alert_rule_test": self.texts,
        }

    @property
    def _own(self) -> Labels:
        return {"service": self.world.service, **self.world.labels}

    @property
    def _counted(self) -> tuple[str, Labels]:
        signal = self.world.signal
        assert signal.floor and signal.events_record
        return signal.events_record, {
            name: self._own[name] for name in ("service", *signal.floor.by)
        }

    def _recorded(self, step: int, name: str, own: Labels, wanted: float | None) -> None:
        if isinstance(self.world, UptimeWorld) and name == self.world.signal.events_record:
            # Whether the minute at the window's edge counts is where Prometheus 2 and 3 differ.
            self._ask(step, f"floor({selector(name, own)} / 10)", _one(own, wanted))
        else:
            self._ask(step, f"round({selector(name, own)}, 0.0001)", _one(own, wanted))

    def _ask(self, step: int, promql: str, samples: list[Test]) -> None:
        self.queries.append({"expr": promql, "eval_time": self._at(step), "exp_samples": samples})

    def _at(self, step: int) -> str:
        return f"{step * self.tape.step}s"


def named(world: World) -> str:
    """A world's own name."""
    return ", ".join((world.name, world.service, *world.labels.values()))


def labels(world: World, severity: str) -> Labels:
    """The labels of an alert, without its name."""
    about = {"severity": severity, "signal": world.name, "service": world.service}
    return {**about, **world.labels}


def written(values: Values) -> str:
    """Samples in promtool's notation: a gap begins with the marker that a series has ended."""
    parts: list[tuple[str, int]] = []
    before: float | None = None
    for value in values:
        if value is None:
            text = "_" if before is None else "stale"
        else:
            text = f"{value:.9f}".rstrip("0").rstrip(".")
        before = value
        if parts and parts[-1][0] == text and text != "stale":
            parts[-1] = (text, parts[-1][1] + 1)
        else:
            parts.append((text, 1))
    return " ".join(
        text if times == 1 else f"_x{times}" if text == "_" else f"{text}x{times - 1}"
        for text, times in parts
    )


def _one(own: Mapping[str, str], wanted: float | None) -> list[Test]:
    if wanted is None:
        return []
    return [{"labels": selector("", own), "value": round(wanted, 4)}]
