"""What must happen in a world: when a signal's alerts fire, when they do not, and when they end.

Times are in scrapes. Nothing is expected within one scrape of a window's edge: there Prometheus 2
counts a sample that Prometheus 3 does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

from alert_story import Story, Test
from alert_worlds import BurstWorld, GaugeWorld, Judged, QuantileWorld, ShareWorld, World, selector
from single_worlds import BlindWorld, UptimeWorld
from vigie.catalogue.signal import Severity
from vigie.catalogue.signals import WATCHDOG
from vigie.render.rules import ABSENT_FOR
from watched_worlds import TARGETS

FAR_MORE = 50_000.0
"""What a counter may have counted in the weeks before it was first scraped."""

Texts: TypeAlias = "Callable[[str], list[Test]]"
"""What the alerts of a story say, by the story's name."""


def stories(world: World, texts: Texts | None = None) -> Iterator[Story]:
    """Everything that must happen in a world. With `texts`, the alerts' words are looked at."""
    for severity in limits(world):
        yield fires(world, severity, texts)
        yield stays_silent(world, severity)
        if world.exact:
            yield stays_silent_at_the_limit(world, severity)
    yield clears(world)
    yield vanishes(world)
    if world.window and not isinstance(world, UptimeWorld):
        yield outlives_a_restart(world)
        yield is_not_started_by_a_restart(world)
    if isinstance(world, Judged):
        yield from asks_for_enough_events(world)
        if not isinstance(world, QuantileWorld):
            yield says_nothing_without_traffic(world)
    if isinstance(world, BlindWorld):
        yield says_zero_where_everything_is_known(world)
    if isinstance(world, GaugeWorld) and world.divisor:
        yield says_nothing_of_shares_of_nothing(world)
    if world.appears:
        yield counts_the_first_events(world)
        yield from does_not_count_what_was_before(world)
    if world.signal.presence and world.missed:
        yield from misses_its_data(world, texts)


def limits(world: World) -> dict[str, float]:
    """The signal's limits by severity, the milder first."""
    signal = world.signal
    both = {Severity.WARNING.value: signal.warning, Severity.CRITICAL.value: signal.critical}
    return {severity: limit for severity, limit in both.items() if limit is not None}


@dataclass(frozen=True)
class _Times:
    """When a value begins to be bad, and when its alert fires; and how long the window is."""

    onset: int
    fires: int
    window: int

    @classmethod
    def of(cls, world: World) -> _Times:
        window = world.scrapes(world.window)
        onset = window + 2 if isinstance(world, BurstWorld) else 0
        ready = onset + world.ready()
        return cls(onset, ready + world.scrapes(world.signal.hold.total_seconds()), window)


def fires(world: World, severity: str, texts: Texts | None = None) -> Story:
    """Just beyond a limit its alert fires, after it has been so for long enough, and not before."""
    times = _Times.of(world)
    level = world.beyond(limits(world)[severity])
    levels = [world.calm] * times.onset + [level] * (times.fires - times.onset + 4)
    story = Story.of(f"just beyond {severity}", world, levels)
    story.not_firing(times.fires - 1, severity)
    milder = list(limits(world))
    story.firing(times.fires + 1, milder[: milder.index(severity) + 1])
    if texts is not None:
        story.told(times.fires + 1, texts(story.name))
    return story


def stays_silent(world: World, severity: str) -> Story:
    """Just short of a limit its alert never fires."""
    level = world.short_of(limits(world)[severity])
    return _silent(world, severity, level, f"just short of {severity}")


def stays_silent_at_the_limit(world: World, severity: str) -> Story:
    """Nor at the limit itself: a signal is bad beyond it."""
    level = limits(world)[severity]
    return _silent(world, severity, level, f"as {severity} allows")


def _silent(world: World, severity: str, level: float, how: str) -> Story:
    times = _Times.of(world)
    end = times.onset + max(times.window, times.fires - times.onset) + 4
    levels = [world.calm] * times.onset + [level] * (end + 1 - times.onset)
    story = Story.of(how, world, levels)
    for step in sorted({times.fires + 1, (times.fires + 1 + end) // 2, end}):
        story.not_firing(step, severity)
    return story


def clears(world: World) -> Story:
    """When it has been well for as long as its window is, the alert ends."""
    times = _Times.of(world)
    burst = isinstance(world, BurstWorld)
    well = times.onset if burst else max(times.fires + 4, round(1.5 * times.window) + 2)
    end = well + times.window + 4
    levels = [world.calm] * times.onset + [world.far] * (well - times.onset)
    levels += [world.far if burst else world.calm] * (end + 1 - well)
    story = Story.of("clears", world, levels)
    judged = times.fires + 1 if burst else well - 1
    if (value := world.value(world.far)) is not None:
        story.value(judged, value)
    if (events := world.events()) is not None:
        story.events(judged, events)
    story.firing(max(judged, well + round(0.6 * times.window) - 1), limits(world))
    story.firing(end - 1, ())
    calm = world.value(world.calm)
    if not burst and not isinstance(world, QuantileWorld) and calm is not None:
        story.value(end, calm)
    return story


def vanishes(world: World) -> Story:
    """When the series are gone, so is the alert: what is not measured is not judged."""
    times = _Times.of(world)
    gone = times.fires + 4
    end = gone + times.window + 3
    levels = [world.calm] * times.onset + [world.far] * (end + 1 - times.onset)
    story = Story.of("vanishes", world, levels)
    for values in story.tape.series.values():
        values[gone:] = [None] * (end + 1 - gone)
    story.firing(gone - 1, limits(world))
    story.firing(end - 1, ())
    return story


def outlives_a_restart(world: World) -> Story:
    """A service that starts anew counts from nothing; its alert goes on as it was."""
    times = _Times.of(world)
    reset = times.fires + 3
    levels = [world.calm] * times.onset + [world.far] * (reset + 8 - times.onset)
    story = Story.of("restarts", world, levels, resets=[reset])
    for step in (reset - 1, reset, reset + 1, reset + 5):
        story.firing(step, limits(world))
    return story


def is_not_started_by_a_restart(world: World) -> Story:
    """Nor does a counter that falls make an alert."""
    times = _Times.of(world)
    reset = times.window + 2
    levels = [world.calm] * (reset + times.fires + 8)
    story = Story.of("restarts while it is well", world, levels, resets=[reset])
    for step in (reset, reset + 1, reset + times.fires + 4):
        story.firing(step, ())
    return story


def asks_for_enough_events(world: Judged) -> Iterator[Story]:
    """A p95 over three requests wakes nobody."""
    floor = world.signal.floor
    assert floor
    times = _Times.of(world)
    end = times.window + times.fires + 1
    for part, due in ((0.9, ()), (1.15, limits(world))):
        few = replace(world, per_scrape=part * floor.at_least / times.window)
        how = f"{part:.0%} of the events that it takes"
        story = Story.of(how, few, [world.far] * (end + 1))
        story.firing(end, due)
        yield story


def says_nothing_without_traffic(world: Judged) -> Story:
    """A share of nothing is no number."""
    end = _Times.of(world).window + 3
    quiet = replace(world, per_scrape=0.0)
    story = Story.of("without traffic", quiet, [world.calm] * (end + 1))
    story.value(end - 1, None)
    return story


def says_zero_where_everything_is_known(world: BlindWorld) -> Story:
    """Where nothing was ever unpriced or estimated there is no such series, and the share is 0."""
    end = _Times.of(world).window + 3
    story = Story.of("all is known", world, [world.calm] * (end + 1))
    for series in list(story.tape.series):
        if "unpriced" in series or "estimated" in series:
            del story.tape.series[series]
    story.value(end - 1, 0.0)
    return story


def says_nothing_of_shares_of_nothing(world: GaugeWorld) -> Story:
    """Where the whole is 0, a share of it is no number."""
    story = Story.of("of nothing", world, [world.far] * 9)
    for series in story.tape.series:
        if series.startswith(world.divisor):
            story.tape.series[series] = [0.0] * 9
    story.value(7, None)
    return story


@dataclass(frozen=True)
class _Appearance:
    """Series that appear with so many events each, and what is recorded then."""

    counted: dict[str, float]
    value: float
    events: float | None

    @classmethod
    def of(cls, world: World) -> _Appearance:
        here = {"service": world.service}
        if isinstance(world, BurstWorld):
            parts = zip(world.series, world.parts(world.far), strict=True)
            counted = {selector(world.counter, {**here, **own}): part for own, part in parts}
            return cls(counted, world.far, None)
        already = world.events()
        assert isinstance(world, ShareWorld) and already is not None
        each = 3 * already
        bad = each * len(world.bad)
        counted = {selector(name, {**here, **own}): each for name, own in world.bad}
        return cls(counted, bad / (bad + already), bad + already)


def counts_the_first_events(world: World) -> Story:
    """What a series has when it first appears counts, for as long as the window is."""
    times, first = _Times.of(world), _Appearance.of(world)
    born = round(1.4 * times.window)
    halfway = born + times.window // 2
    end = born + times.window + 4
    story = Story.of("first events", world, [world.calm] * (end + 1))
    appearing = dict.fromkeys(_that_do_not_matter(world), FAR_MORE) | first.counted
    for series, amount in appearing.items():
        story.tape.series[series] = [None] * born + [amount] * (end + 1 - born)
    story.tape.constant("up", {"service": world.service}, 1.0)
    if first.events is not None:
        story.value(born - 1, world.calm)
        story.events(halfway, first.events)
    story.value(halfway, first.value)
    story.firing(born + times.fires - times.onset + 1, limits(world))
    story.firing(end - 1, ())
    story.value(end, world.calm)
    return story


def _that_do_not_matter(world: World) -> list[str]:
    decoys = world.decoys if isinstance(world, ShareWorld) else ()
    return [selector(name, {"service": world.service, **own}) for name, own in decoys]


def does_not_count_what_was_before(world: World) -> Iterator[Story]:
    """What was counted before the first scrape, or while no scrape succeeded, is no news."""
    times = _Times.of(world)
    for how, away in (
        ("watched since now", range(times.window + 4)),
        ("back after an outage", range(4, times.window + 10)),
    ):
        end = away.stop + times.window + 6
        story = Story.of(how, world, [world.calm] * (end + 1))
        for series in _Appearance.of(world).counted:
            story.tape.series[series] = [FAR_MORE] * (end + 1)
        for series, values in story.tape.series.items():
            if f'service="{world.service}"' in series:
                for step in away:
                    values[step] = None
        answers = [None if step in away and not away.start else 1.0 for step in range(end + 1)]
        if away.start:
            answers = [0.0 if step in away else 1.0 for step in range(end + 1)]
        story.tape.gauge("up", {"service": world.service}, answers)
        story.tape.constant("up", {"service": "another"}, 1.0)
        for step in range(away.stop + 2, end, max(1, times.window // 8)):
            story.value(step, world.calm)
            if (events := world.events()) is not None:
                story.at_most(step, 1.2 * events)
            story.firing(step, ())
        yield story


def misses_its_data(world: World, texts: Texts | None) -> Iterator[Story]:
    """A target that answers without its data is told of; one that does not answer is not."""
    target, alert = TARGETS[world.name], world.signal.absent_alert
    assert alert
    due = world.scrapes(ABSENT_FOR.total_seconds())
    there = due + 6
    end = there + 4
    here = {"service": world.service, **target.labels}
    story = Story.of("no data", world, [world.calm] * (end + 1))
    _hide(story, here["service"], there)
    if target.evidence:
        for service, since in ((world.service, there), ("another", 0)):
            for labels, missing in target.missing:
                values = [missing] * since + [0.0] * (end + 1 - since)
                story.tape.gauge(target.evidence, {"service": service, **labels}, values)
    story.tape.constant(target.told_by, here, 1.0)
    if "framework" in target.labels:
        story.tape.constant("up", {**here, "service": "another"}, 1.0)
        story.tape.constant("up", {**here, "service": "stopped"}, 0.0)
        story.tape.constant("up", {**here, "service": "other", "framework": "other"}, 1.0)
    else:
        story.tape.constant("up", {"service": "other"}, 1.0)
    bare = replace(world, labels={})
    told = Story(story.name, bare, story.tape)
    told.firing(due - 1, (), alert)
    told.firing(due + 1, ("warning",), alert)
    told.firing(end - 1, (), alert)
    if texts is not None:
        told.told(due + 1, texts(told.name), alert)
    yield told

    stopped = Story.of("no data and no answer", bare, [world.calm] * (due + 4))
    _hide(stopped, here["service"], due + 4)
    stopped.tape.constant(target.told_by, here, 0.0)
    stopped.tape.constant("up", {"service": "other"}, 1.0)
    stopped.firing(due + 3, (), alert)
    yield stopped


def _hide(story: Story, service: str, until: int) -> None:
    """Until then, the service has no series but for what is added to it."""
    for series, values in story.tape.series.items():
        if f'service="{service}"' in series:
            values[:until] = [None] * until


def heartbeat(texts: Texts | None = None) -> Test:
    """The alert that always fires does so from the first moment on, though nothing is scraped."""
    labels = {"severity": "none", "signal": WATCHDOG.name, "service": WATCHDOG.about}
    state = {"alertname": WATCHDOG.alert, "alertstate": "firing"}
    samples = [{"labels": selector("ALERTS", {**state, **labels}), "value": 1}]
    told = {"eval_time": "1h", "alertname": WATCHDOG.alert}
    return {
        "interval": "15s",
        "promql_expr_test": [
            {"expr": selector("ALERTS", state), "eval_time": at, "exp_samples": samples}
            for at in ("0s", "1h")
        ],
        "alert_rule_test": [{**told, "exp_alerts": texts(WATCHDOG.name)}] if texts else [],
    }


def kept_as_set(seconds: dict[str, int]) -> Test:
    """What the settings say is recorded, by kind."""
    name = "vigie_retention_seconds"
    samples = [
        {"labels": selector(name, {"kind": kind}), "value": value}
        for kind, value in seconds.items()
    ]
    query = {"expr": name, "eval_time": "1m", "exp_samples": samples}
    return {"interval": "15s", "promql_expr_test": [query]}
