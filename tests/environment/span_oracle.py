"""What a TraceQL query finds among a list of spans, by plain Python: slow and easy to read."""

from __future__ import annotations

import operator
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vigie.store.spans import Source, Span
from vigie.store.spans.values import Value
from vigie.store.traceql import tree as t

Held = tuple[Source, Span]
ORDER: dict[str, Callable[[object, object], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True)
class Word:
    """A status or a kind."""

    kind: str
    name: str


class Several(tuple[Value, ...]):
    """What the events or links of a span have."""


class World:
    """All spans, by trace."""

    def __init__(self, spans: Sequence[Held]) -> None:
        self.traces: dict[str, list[Held]] = defaultdict(list)
        for one in spans:
            self.traces[one[1].trace].append(one)

    def matches(
        self, query: t.Query, start: int | None = None, end: int | None = None
    ) -> dict[str, list[Span]]:
        """The spans that the query is about in each trace that it finds, oldest first."""
        found = {}
        for trace, spans in self.traces.items():
            left = [
                one
                for one in spans
                if (end is None or one[1].start <= end)
                and (start is None or max(one[1].end, one[1].start) >= start)
            ]
            for stage in query.stages:
                left = self._stage(stage, left)
            if left:
                found[trace] = sorted((one[1] for one in left), key=lambda one: one.start)
        return found

    def _stage(self, stage: t.Stage, spans: list[Held]) -> list[Held]:
        match stage:
            case t.Filter(expression):
                return [one for one in spans if self.holds(expression, one)]
            case t.Both(left, right):
                a, b = self._stage(left, spans), self._stage(right, spans)
                return [one for one in spans if one in a or one in b] if a and b else []
            case t.Either(left, right):
                a, b = self._stage(left, spans), self._stage(right, spans)
                return [one for one in spans if one in a or one in b]
            case t.Related(op, left, right):
                a, b = self._stage(left, spans), self._stage(right, spans)
                return [one for one in b if any(self._related(op, of[1], one[1]) for of in a)]
            case t.Aggregate():
                return spans if self._aggregate(stage, spans) else []
            case t.Select():
                return spans

    def _related(self, op: str, left: Span, right: Span) -> bool:
        """Whether the right is a child (>), descendant (>>)… of the left."""
        match op:
            case ">":
                return right.parent == left.span
            case "<":
                return left.parent == right.span
            case ">>":
                return left.span in self._ancestors(right)
            case "<<":
                return right.span in self._ancestors(left)
        return left.parent == right.parent != "" and left.span != right.span

    def _ancestors(self, span: Span) -> set[str]:
        """Their ids, its own among them only where they are a circle."""
        found: set[str] = set()
        waiting = [span.parent]
        while waiting:
            one = waiting.pop()
            if one not in found:
                found.add(one)
                waiting += [s.parent for _, s in self.traces[span.trace] if s.span == one]
        return found

    def _aggregate(self, stage: t.Aggregate, spans: list[Held]) -> bool:
        if not spans:
            return False
        if stage.field is None:
            return ORDER[stage.op](len(spans), stage.value.value)
        numbers = [
            float(value)
            for one in spans
            if isinstance(value := self.value(stage.field, one), int | float)
            and not isinstance(value, bool)
        ]
        if not numbers:
            return False
        amount = {
            "sum": sum(numbers),
            "min": min(numbers),
            "max": max(numbers),
            "avg": sum(numbers) / len(numbers),
        }[stage.function]
        return ORDER[stage.op](amount, stage.value.value)

    def holds(self, expression: t.Expression | None, one: Held) -> bool:
        match expression:
            case None:
                return True
            case t.And(parts):
                return all(self.holds(part, one) for part in parts)
            case t.Or(parts):
                return any(self.holds(part, one) for part in parts)
            case t.Not(inner):
                return not self.holds(inner, one)
            case t.Truth(operand):
                return self._compare("=", self._operand(operand, one), True)
            case t.Comparison(op, left, right):
                return self._comparison(op, left, right, one)

    def _comparison(self, op: str, left: t.Operand, right: t.Operand, one: Held) -> bool:
        a, b = self._operand(left, one), self._operand(right, one)
        if t.Literal(t.NIL, None) in (left, right):
            other = b if left == t.Literal(t.NIL, None) else a
            missing = other is None or (isinstance(other, Several) and not other)
            return missing == (op == "=") if left != right else False
        if isinstance(a, Several):
            return any(self._compare(op, each, b) for each in a)
        if isinstance(b, Several):
            return any(self._compare(op, a, each) for each in b)
        if isinstance(a, list) and not isinstance(right, t.Literal):
            return False
        if isinstance(b, list) and not isinstance(left, t.Literal):
            return False
        some = all if op in ("!=", "!~") else any
        if isinstance(a, list):
            return some(self._compare(op, each, b) for each in a)
        if isinstance(b, list):
            return some(self._compare(op, a, each) for each in b)
        return self._compare(op, a, b)

    def _compare(self, op: str, a: object, b: object) -> bool:
        kinds = {_class(a), _class(b)}
        if len(kinds) > 1 or None in kinds:
            return False
        if op in ("=~", "!~"):
            if kinds != {"str"}:
                return False
            return (re.fullmatch(str(b), str(a), re.DOTALL) is not None) == (op == "=~")
        if op not in ("=", "!=") and kinds & {"bool", "status", "kind"}:
            return False
        if isinstance(a, str) and isinstance(b, str):
            return ORDER[op](a.encode(), b.encode())
        if isinstance(a, float) or isinstance(b, float):
            return ORDER[op](float(a), float(b))  # type: ignore[arg-type]  # numbers
        return ORDER[op](a, b)

    def _operand(self, operand: t.Operand, one: Held) -> object:
        if isinstance(operand, t.Literal):
            if operand.kind in (t.STATUS, t.KIND):
                return Word(operand.kind, str(operand.value))
            return operand.value
        return self.value(operand, one)

    def value(self, field: t.Field, one: Held) -> object:
        source, span = one
        if isinstance(field, t.Attribute):
            name = field.name
            match field.scope:
                case "span":
                    return span.attributes.get(name)
                case "resource":
                    return _resource(source).get(name)
                case "instrumentation":
                    return source.scope_attributes.get(name)
                case "event":
                    return Several(e.attributes[name] for e in span.events if name in e.attributes)
                case "link":
                    return Several(e.attributes[name] for e in span.links if name in e.attributes)
            for attributes in (span.attributes, _resource(source), source.scope_attributes):
                if name in attributes:
                    return attributes[name]
            return None
        return self._intrinsic(field.name, source, span)

    def _intrinsic(self, name: str, source: Source, span: Span) -> object:
        trace = self.traces[span.trace]
        roots = sorted((o for o in trace if not o[1].parent), key=lambda o: o[1].start)
        match name:
            case "rootName":
                return roots[0][1].name if roots else ""
            case "rootServiceName":
                return roots[0][0].service if roots else ""
            case "traceDuration":
                ends = [max(o.end, o.start) for _, o in trace]
                return max(ends) - min(o.start for _, o in trace)
            case "span:childCount":
                return sum(o.parent == span.span for _, o in trace)
            case "nestedSetParent":
                return 1 if span.parent else -1
            case "status":
                return Word(t.STATUS, t.STATUSES[span.status])
            case "kind":
                return Word(t.KIND, t.KINDS[span.kind])
        return {
            "duration": span.duration,
            "name": span.name,
            "statusMessage": span.message,
            "trace:id": span.trace,
            "span:id": span.span,
            "span:parentID": span.parent,
            "instrumentation:name": source.scope,
            "instrumentation:version": source.version,
            "event:name": Several(e.name for e in span.events),
            "event:timeSinceStart": Several(e.time - span.start for e in span.events),
            "link:traceID": Several(e.trace for e in span.links),
            "link:spanID": Several(e.span for e in span.links),
        }[name]


def _resource(source: Source) -> dict[str, Value]:
    return {**source.resource, "service.name": source.service}


def _class(value: object) -> str | None:
    match value:
        case bool():
            return "bool"
        case str():
            return "str"
        case int() | float():
            return "number"
        case Word(kind, _):
            return kind
        case _:
            return None
