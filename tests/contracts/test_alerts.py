"""Each signal's alerts, judged by promtool: they fire when they should, and at no other time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import alert_scenarios
from alert_messages import first_worlds, written
from alert_rules import default_settings, groups, judged
from alert_story import named
from alert_worlds import World
from vigie.catalogue.signals import SIGNALS, WATCHDOG
from vigie.render.rules import SETTINGS_GROUP
from watched_worlds import worlds

pytestmark = pytest.mark.servers

WORLDS = worlds()


@pytest.mark.parametrize("world", WORLDS, ids=named)
def test_alerts_fire_beyond_their_limits_and_say_why(world: World, tmp_path: Path) -> None:
    texts = written().__getitem__ if world in first_worlds() else None
    tests = [story.test() for story in alert_scenarios.stories(world, texts)]
    content, said = judged(tmp_path, [groups()[world.name]], tests, world.step)
    assert content, said


@pytest.mark.parametrize("world", WORLDS, ids=named)
def test_at_fifteen_times_the_pace_everything_comes_fifteen_times_sooner(
    world: World, tmp_path: Path
) -> None:
    fast = replace(world, pace=15)
    tests = [story.test() for story in alert_scenarios.stories(fast)]
    content, said = judged(tmp_path, [groups(15)[world.name]], tests, fast.step, pace=15)
    assert content, said


@pytest.mark.parametrize("pace", [1, 15])
def test_the_watchdog_fires_from_the_first_moment_on(pace: int, tmp_path: Path) -> None:
    test = alert_scenarios.heartbeat(written().__getitem__)
    content, said = judged(tmp_path, [groups(pace)[WATCHDOG.name]], [test], 15, pace)
    assert content, said


def test_what_the_settings_say_is_recorded(tmp_path: Path) -> None:
    kept = default_settings().retention
    seconds = {
        kind: round(getattr(kept, kind).total_seconds()) for kind in ("logs", "metrics", "traces")
    }
    content, said = judged(tmp_path, [], [alert_scenarios.kept_as_set(seconds)], 15)
    assert content, said


def test_every_signal_has_a_world_and_every_group_a_test() -> None:
    assert {world.name for world in WORLDS} == {signal.name for signal in SIGNALS}
    others = groups().keys() - {signal.name for signal in SIGNALS}
    assert others == {WATCHDOG.name, SETTINGS_GROUP}


def test_no_message_is_kept_that_nothing_sends() -> None:
    sent = set()
    for world in first_worlds():
        stories = alert_scenarios.stories(world, lambda _: [])
        sent |= {story.name for story in stories if story.texts}
    assert written().keys() == {*sent, WATCHDOG.name}
