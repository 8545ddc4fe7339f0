"""What every alert says, in both languages: the file messages.yml, which a person has read.

python tests/environment/alert_messages.py     writes it anew; read the difference before you
                                               commit it
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import yaml

import alert_scenarios
import promtool
from alert_rules import Group, groups, judged
from alert_story import Test
from alert_worlds import World
from vigie.catalogue.signals import SIGNALS, WATCHDOG
from watched_worlds import worlds

FILE = Path(__file__).parents[1] / "contracts" / "messages.yml"

_HEADER = """\
# What every alert says when it fires just beyond its limit, as promtool found it.
# Written by tests/environment/alert_messages.py, read by a person, held by the contracts.

"""


def written() -> dict[str, list[Test]]:
    """What the file holds: the name of a story → the alerts that fire in it."""
    told: dict[str, list[Test]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return told


def with_texts(told: alert_scenarios.Texts) -> Iterator[tuple[str, Group, Test, int]]:
    """Each test that looks at texts, with its name, the group that is tested, and its step."""
    for world in first_worlds():
        for story in alert_scenarios.stories(world, told):
            if story.texts:
                yield story.name, groups()[world.name], story.test(), world.step
    yield WATCHDOG.name, groups()[WATCHDOG.name], alert_scenarios.heartbeat(told), 15


def first_worlds() -> list[World]:
    """One world for each signal: texts differ by signal, and not by what makes it bad."""
    first = {world.name: world for world in reversed(worlds())}
    return [first[signal.name] for signal in SIGNALS]


def _found() -> dict[str, list[Test]]:
    unlike = {"exp_labels": {"not": "yet"}, "exp_annotations": {}}
    found = {}
    for name, group, test, step in with_texts(lambda _: [unlike]):
        with tempfile.TemporaryDirectory() as folder:
            _, said = judged(Path(folder), [group], [test], step)
        found[name] = promtool.alerts_told(said)
        print(f"{name}: {len(found[name])}", file=sys.stderr)
    return found


if __name__ == "__main__":
    text = yaml.safe_dump(_found(), sort_keys=False, allow_unicode=True, width=1000)
    FILE.write_text(_HEADER + text, encoding="utf-8")
