"""Rules with one thing wrong in each: whoever tests the rules must notice every one of them.

What would make no difference is left alone, and each such case is named where it is.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from promql_reader import (
    Aggregate,
    Binary,
    Call,
    Node,
    Number,
    Offset,
    Selector,
    Span,
    Text,
    Window,
    parse,
    walk,
)
from vigie.settings.quantities import duration, written_duration

Group: TypeAlias = "dict[str, Any]"
Replacement: TypeAlias = "tuple[Span, str]"

_COMPARATORS = {">": "<", "<": ">", ">=": "<", "==": "!="}
_BOUNDARIES = {">": ">=", "<": "<="}
_OPERATORS = {"and": "unless", "unless": "and", "or": "and", "/": "*", "*": "/", "-": "+"}
_MATCHERS = {"=": "!=", "!=": "=", "=~": "!~", "!~": "=~"}
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
    promql = rule["expr"]
    for (start, end), text in _Expression(rule, exact).replacements():
        around = promql[max(0, start - 25) : end + 10].replace("\n", " ")
        change = f"…{around}… {promql[start:end]} → {text}"
        yield change, {**rule, "expr": promql[:start] + text + promql[end:]}
    name = "alert" if "alert" in rule else "record"
    yield f"{name} renamed", {**rule, name: rule[name] + "_mutant"}
    for part in ("labels", "annotations"):
        for key, value in rule.get(part, {}).items():
            yield f"{part}.{key} changed", {**rule, part: {**rule[part], key: f"{value}_mutant"}}
            without = {other: text for other, text in rule[part].items() if other != key}
            yield f"{part}.{key} removed", {**rule, part: without}
    if "for" in rule:
        yield "for removed", {key: value for key, value in rule.items() if key != "for"}
        for other in _other_durations(rule["for"]):
            yield f"for {rule['for']} → {other}", {**rule, "for": other}
    elif name == "alert":
        yield "for 2m", {**rule, "for": "2m"}


class _Expression:
    """A rule's expression, and what can be put in its place."""

    def __init__(self, rule: Group, exact: bool) -> None:
        self.promql: str = rule["expr"]
        self.alert = "alert" in rule
        self.exact = exact and self.alert
        # What an absent alert asks for is only whether it is there: any sum of it will do.
        self.amounts = "Absent" not in rule.get("alert", "")

    def replacements(self) -> Iterator[Replacement]:
        """Where in the text something can be put that makes a difference, and what."""
        return self._in(parse(self.promql))

    def _in(self, node: Node) -> Iterator[Replacement]:
        match node:
            case Number():
                for number in _other_numbers(self._text(node.span)):
                    yield node.span, number
            case Text():
                yield node.span, f'"{node.text}mutant"'
            case Selector():
                yield from self._in_selector(node)
            case Window():
                for span in node.durations:
                    yield from ((span, other) for other in _other_durations(self._text(span)))
                yield from self._in(node.of)
            case Offset():
                for other in _other_durations(self._text(node.duration)):
                    yield node.duration, other
                yield from self._in(node.of)
            case Call():
                yield from self._in_call(node)
            case Aggregate():
                if self.amounts:
                    yield node.span, _AGGREGATIONS[node.operation]
                yield from ((label.span, f"{label.text}_mutant") for label in node.labels)
                yield from self._in(node.of)
            case Binary():
                yield from self._in_binary(node)

    def _in_selector(self, node: Selector) -> Iterator[Replacement]:
        yield node.span, f"{node.name}_mutant"
        for matcher in node.matchers:
            yield matcher.label_span, f"{matcher.label}_mutant"
            yield matcher.operator_span, _MATCHERS[matcher.operator]
            yield matcher.value_span, f'"{self._text(matcher.value_span)[1:-1]}mutant"'

    def _in_call(self, node: Call) -> Iterator[Replacement]:
        if node.function == "vector" and self.alert:
            return  # whatever the vector holds, the alert fires
        if node.function in _FUNCTIONS:
            yield node.span, _FUNCTIONS[node.function]
        arguments = list(node.arguments)
        if node.function == "label_replace" and self._text_of(arguments[4]) == "":
            del arguments[3]  # an empty pattern is like every label that there is not
        for argument in arguments:
            for span, text in self._in(argument):
                # The quantile of rates is that of increases.
                if not (node.function == "histogram_quantile" and text == "increase"):
                    yield span, text

    def _in_binary(self, node: Binary) -> Iterator[Replacement]:
        yield from ((label.span, f"{label.text}_mutant") for label in node.labels)
        if node.operator == "*" and self._is_zero(node.left):
            # How much it is that is multiplied by 0 is all the same; which series it is, is not.
            yield from self._in(node.left)
            for selector in walk(node.right):
                if isinstance(selector, Selector):
                    yield selector.span, f"{selector.name}_mutant"
            return
        if node.operator in _COMPARATORS:
            yield node.span, _COMPARATORS[node.operator]
            if self.exact and node.operator in _BOUNDARIES:
                yield node.span, _BOUNDARIES[node.operator]
        else:
            yield node.span, _OPERATORS[node.operator]
        yield from self._in(node.left)
        if not self.alert and node.operator == ">" and self._is_zero(node.right):
            # It keeps a division from being by 0; what it divides by is a whole number.
            yield node.right.span, "-1"  # type: ignore[union-attr] # a number, as was seen
        else:
            yield from self._in(node.right)

    def _text(self, span: Span) -> str:
        return self.promql[slice(*span)]

    def _text_of(self, node: Node) -> str | None:
        return node.text if isinstance(node, Text) else None

    def _is_zero(self, node: Node) -> bool:
        return isinstance(node, Number) and self._text(node.span) == "0"


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
