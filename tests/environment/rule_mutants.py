"""Rules with one thing wrong in each: whoever tests the rules must notice every one of them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from promql_reader import (
    Aggregate,
    Binary,
    Call,
    Number,
    Offset,
    Selector,
    Span,
    Text,
    Window,
    parse,
)
from vigie.settings.quantities import duration, written_duration

Group: TypeAlias = "dict[str, Any]"

_COMPARATORS = {">": "<", "<": ">", ">=": "<", "==": "!="}
_BOUNDARIES = {">": ">=", "<": "<="}
_OPERATORS = {"and": "unless", "unless": "and", "or": "and", "/": "*", "*": "/", "-": "+"}
_AGGREGATIONS = {"sum": "max", "max": "min", "min": "max", "avg": "max", "count": "sum"}
_FUNCTIONS = {
    "rate": "increase",
    "increase": "rate",
    "avg_over_time": "max_over_time",
    "count_over_time": "sum_over_time",
}


@dataclass(frozen=True)
class Mutant:
    """A group of rules in which the rule at `index` was changed, as `change` tells."""

    group: Group
    index: int
    change: str

    def __str__(self) -> str:
        rule = self.group["rules"][self.index]
        severity = rule.get("labels", {}).get("severity", "")
        return f"{self.group['name']}: {rule.get('alert', 'record')} {severity}: {self.change}"


def mutants(group: Group, exact: bool) -> Iterator[Mutant]:
    """One for each thing that can be wrong. `exact`: the value can be its limit exactly, so that it
    matters whether the limit itself is bad."""
    for index, rule in enumerate(group["rules"]):
        for change, mutated in _changed(rule, exact):
            other = copy.deepcopy(group)
            other["rules"][index] = mutated
            yield Mutant(other, index, change)


def _changed(rule: Group, exact: bool) -> Iterator[tuple[str, Group]]:
    for change, promql in expressions(rule["expr"], exact and "alert" in rule):
        yield change, {**rule, "expr": promql}
    name = "alert" if "alert" in rule else "record"
    yield f"{name} renamed", {**rule, name: rule[name] + "_mutant"}
    for part in ("labels", "annotations"):
        for key, value in rule.get(part, {}).items():
            changed = {**rule[part], key: f"{value}_mutant"}
            yield f"{part}.{key} changed", {**rule, part: changed}
            without = {other: text for other, text in rule[part].items() if other != key}
            yield f"{part}.{key} removed", {**rule, part: without}
    if "for" in rule:
        yield "for removed", {key: value for key, value in rule.items() if key != "for"}
        for longer in _other_durations(rule["for"]):
            yield f"for {rule['for']} → {longer}", {**rule, "for": longer}
    elif name == "alert":
        yield "for 2m", {**rule, "for": "2m"}


def expressions(promql: str, exact: bool = False) -> Iterator[tuple[str, str]]:
    """The expression with one thing in it changed, and what that is."""
    for (start, end), text in _replacements(parse(promql), promql, exact):
        changed = promql[:start] + text + promql[end:]
        around = promql[max(0, start - 25) : end + 10].replace("\n", " ")
        yield f"…{around}… {promql[start:end]} → {text}", changed


def _replacements(node: Any, promql: str, exact: bool) -> Iterator[tuple[Span, str]]:
    def text(span: Span) -> str:
        return promql[slice(*span)]

    match node:
        case Number():
            yield from ((node.span, number) for number in _other_numbers(text(node.span)))
        case Text():
            yield node.span, f'"{node.text}mutant"'
        case Selector():
            yield node.span, f"{node.name}_mutant"
            for matcher in node.matchers:
                yield matcher.label_span, f"{matcher.label}_mutant"
                yield matcher.value_span, f'"{text(matcher.value_span)[1:-1]}mutant"'
                yield matcher.operator_span, _NOT[matcher.operator]
        case Window():
            for span in node.durations:
                yield from ((span, other) for other in _other_durations(text(span)))
        case Offset():
            yield from ((node.duration, other) for other in _other_durations(text(node.duration)))
        case Call() if node.function in _FUNCTIONS:
            yield node.span, _FUNCTIONS[node.function]
        case Aggregate():
            yield node.span, _AGGREGATIONS[node.operation]
            for label in node.labels:
                yield label.span, f"{label.text}_mutant"
        case Binary():
            if node.operator in _COMPARATORS:
                yield node.span, _COMPARATORS[node.operator]
                if exact and node.operator in _BOUNDARIES:
                    yield node.span, _BOUNDARIES[node.operator]
            else:
                yield node.span, _OPERATORS[node.operator]
            for label in node.labels:
                yield label.span, f"{label.text}_mutant"
    yield from _within(node, promql, exact)


def _within(node: Any, promql: str, exact: bool) -> Iterator[tuple[Span, str]]:
    """What can be changed in the parts of a node, but for what would make no difference."""
    match node:
        case Binary() if node.operator == "*" and _is_zero(node.left, promql):
            # How much it is that is multiplied by 0 is all the same; which series it is, is not.
            yield from _replacements(node.left, promql, exact)
            yield from _only(Selector, _named, node.right)
        case Call() if node.function == "histogram_quantile":
            # A quantile is that of the rates as of their increases.
            for argument in node.arguments:
                for span, text in _replacements(argument, promql, exact):
                    if text != "increase":
                        yield span, text
        case Call():
            for argument in node.arguments:
                yield from _replacements(argument, promql, exact)
        case Binary():
            yield from _replacements(node.left, promql, exact)
            yield from _replacements(node.right, promql, exact)
        case Window() | Offset() | Aggregate():
            yield from _replacements(node.of, promql, exact)


_NOT = {"=": "!=", "!=": "=", "=~": "!~", "!~": "=~"}


def _is_zero(node: Any, promql: str) -> bool:
    return isinstance(node, Number) and promql[slice(*node.span)] == "0"


def _named(node: Selector) -> Iterator[tuple[Span, str]]:
    yield node.span, f"{node.name}_mutant"


def _only(
    kind: type, change: Callable[[Any], Iterator[tuple[Span, str]]], root: Any
) -> Iterator[tuple[Span, str]]:
    from promql_reader import walk

    for node in walk(root):
        if isinstance(node, kind):
            yield from change(node)


def _other_numbers(text: str) -> list[str]:
    value = float(text)
    if value == 0:
        return ["-1", "1"]
    if value == int(value) and value < 10:
        return [f"{value - 1:g}", f"{value + 1:g}"]
    return [f"{value * 0.75:.15g}", f"{value * 1.25:.15g}"]


def _other_durations(text: str) -> list[str]:
    span = duration(text)
    return [written_duration(span / 2), written_duration(span * 2)]
