"""The rendered rules, taken apart by signal, and put before promtool with their stories."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import yaml

import promtool
from alert_story import Test
from vigie.render import embedded
from vigie.render.rules import PATH, SETTINGS_GROUP
from vigie.settings import Settings, load

Group: TypeAlias = "dict[str, Any]"


@functools.cache
def default_settings() -> Settings:
    """What holds where nothing is set."""
    return load(environ={}, start=Path("/"))


@functools.cache
def groups(pace: int = 1) -> Mapping[str, Group]:
    """The rendered groups by their name, which is the signal's."""
    document = yaml.safe_load(embedded(default_settings(), pace)[PATH])
    return {group["name"]: group for group in document["groups"]}


def judged(
    folder: Path, tested: Iterable[Group], tests: Iterable[Test], step: int, pace: int = 1
) -> tuple[bool, str]:
    """What promtool says of these groups, beside that of the settings, in these tests.

    Rules are evaluated every `step` seconds; the settings' are those of the pace.
    """
    whole = [groups(pace)[SETTINGS_GROUP], *tested]
    rules, file = folder / "rules.json", folder / "tests.json"  # JSON is YAML
    rules.write_text(json.dumps({"groups": whole}), encoding="utf-8")
    file.write_text(json.dumps(test_file([rules], whole, tests, step)), encoding="utf-8")
    return promtool.run("test", "rules", file)


def test_file(
    rules: Iterable[Path], whole: Iterable[Group], tests: Iterable[Test], step: int
) -> dict[str, Any]:
    """A file of unit tests, as promtool reads it; groups are evaluated in their order."""
    return {
        "rule_files": [str(path) for path in rules],
        "evaluation_interval": f"{step}s",
        "group_eval_order": [group["name"] for group in whole],
        "tests": list(tests),
    }
