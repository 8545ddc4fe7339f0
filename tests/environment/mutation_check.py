"""Whether the alerts' tests notice when a rule is wrong: one thing wrong in each of many copies.

    python tests/environment/mutation_check.py [SIGNAL…]    who was not noticed, and the figure

A mutant is put before the tests that are nearest to what was changed, and the rest of its signal's
tests only if these did not notice.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import alert_scenarios
import promtool
from alert_messages import first_worlds, written
from alert_rules import Group, default_settings, groups, test_file
from alert_story import Test
from rule_mutants import Mutant, mutants
from vigie.catalogue.signals import WATCHDOG
from vigie.catalogue.telemetry import RETENTION
from vigie.render.rules import SETTINGS_GROUP
from watched_worlds import worlds

AT_ONCE = 40
"""How many mutants one promtool judges."""
CORES = 2


@dataclass(frozen=True)
class Verdict:
    """How many mutants there were, and those that no test noticed."""

    count: int
    survivors: tuple[Mutant, ...]

    def __str__(self) -> str:
        return f"{self.count - len(self.survivors)} of {self.count} mutants killed"


def check(names: Iterable[str] = ()) -> Verdict:
    """Judge the mutants of these groups, or of all."""
    subjects = [_Subject.of(name) for name in names or groups()]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(CORES) as pool:
        verdicts = list(pool.map(lambda subject: subject.judge(Path(folder)), subjects))
    survivors = tuple(mutant for verdict in verdicts for mutant in verdict.survivors)
    return Verdict(sum(verdict.count for verdict in verdicts), survivors)


@dataclass(frozen=True)
class _Subject:
    """A group of rules with its tests, by their names.

    `tests` look at everything, at the usual times. `quick` are the same at half as many scrapes;
    they do not look at words.
    """

    group: Group
    exact: bool
    tests: dict[str, Test]
    step: int
    quick: dict[str, Test]

    @classmethod
    def of(cls, name: str) -> _Subject:
        own = [world for world in worlds() if world.name == name]
        if not own:
            tests = {name: _of_no_signal(name)}
            return cls(groups()[name], False, tests, 15, {name: _without_words(tests[name])})
        (step,) = {world.step for world in own}
        tests, quick = {}, {}
        for world in own:
            texts = written().__getitem__ if world in first_worlds() else None
            # Worlds of one name differ in what does not matter: the first has the words.
            for story in alert_scenarios.stories(world, texts):
                tests.setdefault(story.name, story.test())
            for story in alert_scenarios.stories(replace(world, scrape=2 * step)):
                quick.setdefault(story.name, story.test())
        return cls(groups()[name], own[0].exact, tests, step, quick)

    def judge(self, folder: Path) -> Verdict:
        """Put every mutant of the group before the tests."""
        every = list(mutants(self.group, self.exact))
        place = folder / self.group["name"]
        invalid = self._invalid(every, place)
        assert not invalid, "\n".join(map(str, invalid))
        left = every
        for nearest in (self._nearest, self._near):
            batches: dict[tuple[str, ...], list[Mutant]] = {}
            for mutant in left:
                batches.setdefault(tuple(nearest(mutant)), []).append(mutant)
            left = [
                survivor
                for names, batch in batches.items()
                for survivor in self._survivors(batch, names, place)
            ]
        return Verdict(len(every), tuple(self._survivors(left, tuple(self.tests), place)))

    def _nearest(self, mutant: Mutant) -> Iterator[str]:
        """The tests that are likeliest to notice, and quick."""
        rule = self.group["rules"][mutant.index]
        if "record" in rule:
            first = any(_told(name) == "first events" for name in self.tests)
            wanted = "first events" if first else "clears"
        else:
            wanted = "no data" if _is_absent(rule) else f"just beyond {_severity(rule)}"
        return (name for name in self.tests if _told(name) == wanted)

    def _near(self, mutant: Mutant) -> Iterator[str]:
        """Those that notice most of the others."""
        rule = self.group["rules"][mutant.index]
        wanted: tuple[str, ...] = ("clears", "outage", "since now", "known", "traffic", "takes")
        if "alert" in rule:
            wanted = ("no answer",) if _is_absent(rule) else (_severity(rule), "takes")
        return (name for name in self.tests if _told(name).endswith(wanted))

    def _survivors(
        self, some: Sequence[Mutant], names: tuple[str, ...], place: Path
    ) -> Iterator[Mutant]:
        for start in range(0, len(some), AT_ONCE):
            part = some[start : start + AT_ONCE]
            folders = [place / str(index) for index in range(len(part))]
            for mutant, folder in zip(part, folders, strict=True):
                self._write(mutant, names, folder)
            _, said = promtool.run("test", "rules", *(folder / "tests.json" for folder in folders))
            # "Unit Testing:  /…/17/tests.json", then what failed, or that nothing did.
            for told in said.split("Unit Testing:")[1:]:
                index = int(re.findall(r"/(\d+)/tests\.json", told)[0])
                if "SUCCESS" in told:
                    yield part[index]

    def _write(self, mutant: Mutant, names: tuple[str, ...], folder: Path) -> None:
        group, step = mutant.group, self.step
        tests = [self.tests[name] for name in names]
        if not mutant.change.startswith("annotations") and len(names) < len(self.tests):
            # Words that nobody changed take three quarters of the time.
            tests, step = [self.quick[name] for name in names], 2 * step
            group = {**group, "rules": [{**rule, **_silent(rule)} for rule in group["rules"]]}
        whole = [group]
        if RETENTION.name in json.dumps(group) and group["name"] != SETTINGS_GROUP:
            whole = [groups()[SETTINGS_GROUP], group]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "rules.json").write_text(json.dumps({"groups": whole}), encoding="utf-8")
        file = test_file([Path("rules.json")], whole, tests, step)
        (folder / "tests.json").write_text(json.dumps(file), encoding="utf-8")

    def _invalid(self, every: Sequence[Mutant], place: Path) -> list[Mutant]:
        """Those that Prometheus would not even load: no test need notice these."""
        place.mkdir(parents=True)
        file = place / "all.json"
        copies = [{**mutant.group, "name": f"{index}"} for index, mutant in enumerate(every)]
        file.write_text(json.dumps({"groups": copies}), encoding="utf-8")
        content, said = promtool.run("check", "rules", file)
        if content:
            return []
        wrong = {int(index) for index in re.findall(r'group "(\d+)"', said)}
        return [every[index] for index in wrong] or every[:1]


def _severity(rule: Group) -> str:
    severity: str = rule["labels"]["severity"]
    return severity


def _is_absent(rule: Group) -> bool:
    return rule["alert"].endswith("Absent")


def _told(name: str) -> str:
    """What a test tells, without whose it is."""
    return name.rpartition(": ")[2]


def _silent(rule: Group) -> Group:
    return {"annotations": {}} if "alert" in rule else {}


def _without_words(test: Test) -> Test:
    return {**test, "alert_rule_test": []}


def _of_no_signal(name: str) -> Test:
    if name == WATCHDOG.name:
        return alert_scenarios.heartbeat(written().__getitem__)
    kept = default_settings().retention
    seconds = {
        kind: round(getattr(kept, kind).total_seconds()) for kind in ("logs", "metrics", "traces")
    }
    return alert_scenarios.kept_as_set(seconds)


if __name__ == "__main__":
    verdict = check(sys.argv[1:])
    for one in verdict.survivors:
        print(one)
    print(verdict)
