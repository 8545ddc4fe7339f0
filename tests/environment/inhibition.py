"""Who mutes whom: all alerts that there are, in pairs, and what rules of inhibition say of them."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from vigie.catalogue.signals import BY_NAME, SERVICE_DOWN
from vigie.render import embedded, rules
from vigie.settings import load

Labels: TypeAlias = "Mapping[str, str]"
Rules: TypeAlias = "list[dict[str, Any]]"

_BOTH_LIMITS = {"VIGIE_THRESHOLDS__SERVICE_DOWN__WARNING": "<2"}
"""Whose service has two targets may want to know when one of them is down."""


@dataclass(frozen=True, slots=True)
class Kind:
    """An alert by its name and severity; `labels` are all that its rule gives it, `parts` the names
    of those that say which part of the service it is about."""

    name: str
    severity: str
    labels: tuple[tuple[str, str], ...]
    parts: tuple[str, ...] = ()

    def about(self, service: str, other_in: str = "") -> Labels:
        """Its labels in a service (none, if that is empty), about the same part as all others, or
        about one that differs in the label `other_in`."""
        parts = {part: "another" if part == other_in else "the same" for part in self.parts}
        place = {"service": service} if service else {}
        return {"alertname": self.name, **dict(self.labels), **parts, **place}


@dataclass(frozen=True, slots=True)
class Pair:
    """Two alerts and their labels. `same_service` and `same_part` say what these have in common;
    no other pair has their services."""

    kinds: tuple[Kind, Kind]
    labels: tuple[Labels, Labels]
    same_service: bool = True
    same_part: bool = True


@functools.cache
def kinds() -> tuple[Kind, ...]:
    """Every alert that is rendered, of each severity; and somebody else's, of one severity more."""
    settings = load(environ=_BOTH_LIMITS, start=Path("/"))
    found = []
    for group in yaml.safe_load(embedded(settings)[rules.PATH])["groups"]:
        for rule in group["rules"]:
            if "alert" not in rule:
                continue
            signal, labels = BY_NAME.get(group["name"]), rule["labels"]
            measured = signal is not None and rule["alert"] == signal.alert
            parts = signal.labels[1:] if signal and measured else ()
            found.append(Kind(rule["alert"], labels["severity"], tuple(labels.items()), parts))
    for severity in ("info", "warning", "critical"):
        found.append(Kind("Theirs", severity, (("severity", severity),)))
    return tuple(found)


@functools.cache
def pairs() -> tuple[Pair, ...]:
    """Every two kinds about the same part of one service. Those of one name also about two parts
    of it, and these and a service that is down also in two services."""
    found: list[Pair] = []

    def service() -> str:
        return f"service-{len(found)}"

    for two in combinations_with_replacement(kinds(), 2):
        one, other = two
        if one != other:
            found.append(Pair(two, (one.about(service()), other.about(service()))))
        if one.name == other.name or SERVICE_DOWN.alert in (one.name, other.name):
            elsewhere = other.about(f"{service()}-too")
            found.append(Pair(two, (one.about(service()), elsewhere), same_service=False))
        if one.name == other.name:
            for part in one.parts:
                labels = (one.about(service()), other.about(service(), part))
                found.append(Pair(two, labels, same_part=False))
    down, theirs = (
        next(kind for kind in kinds() if (kind.name, kind.severity) == wanted)
        for wanted in ((SERVICE_DOWN.alert, "critical"), ("Theirs", "warning"))
    )
    # Labels that are missing on both sides are equal: without a service, nothing is of it.
    found.append(Pair((down, theirs), (down.about(""), theirs.about("")), same_service=False))
    return tuple(found)


def mutes(rules: Rules, source: Labels, target: Labels) -> bool:
    """Whether one alert mutes another, as Alertmanager's documentation has it.

    A label that is missing is an empty one. An alert that matches both sides of a rule is not muted
    by one of which the same is true.
    """

    def one(rule: dict[str, Any]) -> bool:
        sources, targets = rule["source_matchers"], rule["target_matchers"]
        return (
            _match(sources, source)
            and _match(targets, target)
            and all(source.get(label, "") == target.get(label, "") for label in rule["equal"])
            and not (_match(sources, target) and _match(targets, source))
        )

    return any(one(rule) for rule in rules)


def broken(rules: Rules) -> Iterator[tuple[str, Rules]]:
    """Rules with one thing taken out of them, and what that is."""
    for number, rule in enumerate(rules):
        others = [*rules[:number], *rules[number + 1 :]]
        yield f"rule {number}", others
        for part in ("equal", "source_matchers", "target_matchers"):
            for item in rule[part]:
                lacking = {**rule, part: [one for one in rule[part] if one != item]}
                yield f"rule {number}, {part}: {item}", [*others, lacking]


def _match(matchers: list[str], labels: Labels) -> bool:
    return all(_matches(matcher, labels) for matcher in matchers)


def _matches(matcher: str, labels: Labels) -> bool:
    found = re.fullmatch(r'(\w+)(!?=)"(\w*)"', matcher)
    assert found, f"{matcher} is not of the strict form"
    name, comparator, value = found.groups()
    return (labels.get(name, "") == value) == (comparator == "=")
