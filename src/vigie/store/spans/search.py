"""Which traces a TraceQL query finds.

A query is one SQL query: the spans of the period with a flag for each filter, then a step for each
stage, then the traces with the newest of the spans that are left, and the first of these. A second
one asks what the traces found are as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from vigie.store.logql.plan import Sql
from vigie.store.segments import LogStore
from vigie.store.spans.conditions import Needs, condition
from vigie.store.spans.fields import SOURCES, Names, is_several
from vigie.store.spans.reading import ALWAYS, Period, Reader, reading
from vigie.store.spans.values import Value, untagged
from vigie.store.traceql import tree as t
from vigie.store.traceql.validate import filters_of

ROOT_MISSING = "<root span not yet received>"
"""What Tempo says where a trace has no span without a parent."""


# How a span is found among the relatives of `{left}`: its key, and theirs. A trace's id has always
# the same length. UNION, which keeps each once, ends at a circle.
_RELATED = {
    ">": ("trace || parent", "SELECT trace || span FROM {left}"),
    "<": ("trace || span", "SELECT trace || parent FROM {left}"),
    ">>": (
        "trace || span",
        "WITH RECURSIVE below AS ("
        "SELECT kin.trace, kin.span FROM kin JOIN {left} l"
        " ON kin.trace = l.trace AND kin.parent = l.span"
        " UNION SELECT kin.trace, kin.span FROM kin JOIN below"
        " ON kin.trace = below.trace AND kin.parent = below.span"
        ") SELECT trace || span FROM below",
    ),
    "<<": (
        "trace || span",
        "WITH RECURSIVE above AS ("
        "SELECT l.trace, l.parent FROM {left} l"
        " UNION SELECT kin.trace, kin.parent FROM kin JOIN above"
        " ON kin.trace = above.trace AND kin.span = above.parent"
        ") SELECT trace || parent FROM above",
    ),
    "~": (
        "trace || span",
        "SELECT s.trace || s.span FROM {0} s JOIN (SELECT trace, parent, min(span) AS lowest,"
        " max(span) AS highest FROM {left} GROUP BY trace, parent) l USING (trace, parent)"
        " WHERE s.parent <> '' AND (l.lowest <> s.span OR l.highest <> s.span)",
    ),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """How much is asked for: traces, and spans of each."""

    period: Period = ALWAYS
    traces: int = 20
    spans: int = 3


@dataclass(frozen=True, slots=True)
class FoundSpan:
    """A span that the query is about, with the fields that it names."""

    span: str
    name: str
    start: int
    duration: int
    told: dict[str, Value]


@dataclass(slots=True)
class FoundTrace:
    """A trace with spans that the query is about: the first of them, and how many there are.

    Start, duration, root and services are of all its spans; times in ns.
    """

    trace: str
    matched: int
    spans: list[FoundSpan] = field(default_factory=list)
    start: int = 0
    duration: int = 0
    root_name: str = ROOT_MISSING
    root_service: str = ROOT_MISSING
    services: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Spans, and those among them that failed, by service."""


def search(store: LogStore, query: t.Query, asked: Asked) -> list[FoundTrace]:
    """The traces that the query finds, those with the newest matching spans; newest first."""
    plan = _Plan(query)
    with reading(store) as reader:
        found = _matches(reader, plan, asked)
        _complete(reader, found)
    return sorted(found.values(), key=lambda one: (-one.start, one.trace))


class _Plan:
    """A query taken apart: what it is about, its flags, and its steps."""

    def __init__(self, query: t.Query) -> None:
        self.needs = Needs()
        self.flags: list[Sql] = []
        self.amounts: list[str] = []
        self.told = _told(query)
        self.kin = False
        """Whether the steps ask the table `kin`: all spans of the traces, and their parents."""
        self.steps: list[Sql] = []
        """SQL of each over the table `{0}`, which is the one before."""
        self._relations = 0
        for stage in query.stages:
            self.steps.append(self._step(stage))
        self.columns = [self.needs.column(one) for one in self.told]
        first = query.stages[0]
        count = len(filters_of(first)) if isinstance(first, t.Spansets) else 0
        self.first = Sql(" OR ".join(f"c{i}" for i in range(count)) or "TRUE")
        """What a span must have for the first stage to be about it."""

    def _step(self, stage: t.Stage) -> Sql:
        """SQL of a stage; what is left is as what came in. Steps before it may be added."""
        match stage:
            case t.Filter():
                return Sql(f"SELECT * FROM {{0}} WHERE {self._flag(stage)}")
            case t.Both() | t.Either() | t.Related():
                _, of_row = self._spansets(stage)
                return Sql(
                    f"SELECT * FROM {{0}} {'QUALIFY' if ' OVER ' in of_row else 'WHERE'} {of_row}"
                )
            case t.Aggregate():
                return self._aggregate(stage)
            case t.Select():
                return Sql("SELECT * FROM {0}")

    def _flag(self, one: t.Filter) -> str:
        self.flags.append(condition(one.expression, self.needs))
        return f"c{len(self.flags) - 1}"

    def _spansets(self, one: t.Spansets) -> tuple[str, str]:
        """Whether a trace is found, and whether a span of it is."""
        match one:
            case t.Filter():
                flag = self._flag(one)
                return f"bool_or({flag}) OVER (PARTITION BY trace)", flag
            case t.Both(left, right):
                (a, x), (b, y) = self._spansets(left), self._spansets(right)
                return f"({a} AND {b})", f"({a} AND {b} AND ({x} OR {y}))"
            case t.Either(left, right):
                (a, x), (b, y) = self._spansets(left), self._spansets(right)
                return f"({a} OR {b})", f"({x} OR {y})"

            case t.Related():
                flag = self._related(one)
                return f"bool_or({flag}) OVER (PARTITION BY trace)", flag

    def _related(self, one: t.Related) -> str:
        """A column, made in steps of its own: the spans of the right that have such a relative."""
        (_, left), (_, right) = self._spansets(one.left), self._spansets(one.right)
        number = self._relations
        self._relations += 1
        self.kin |= one.op in (">>", "<<")
        self.steps.append(Sql(f"SELECT *, {left} AS l{number}, {right} AS r{number} FROM {{0}}"))
        key, of_left = _RELATED[one.op]
        relatives = of_left.replace("{left}", f"(SELECT * FROM {{0}} WHERE l{number})")
        self.steps.append(
            Sql(f"SELECT *, r{number} AND {key} IN ({relatives}) AS s{number} FROM {{0}}")
        )
        return f"s{number}"

    def _aggregate(self, stage: t.Aggregate) -> Sql:
        value: Any = stage.value.value
        if stage.field is None:
            amount = "count(*)"
        else:
            self.amounts.append(self.needs.number(stage.field))
            amount = f"{stage.function}(n{len(self.amounts) - 1})"
            value = float(value)
        op = "<>" if stage.op == "!=" else stage.op
        return Sql(
            f"SELECT * FROM {{0}} QUALIFY {amount} OVER (PARTITION BY trace) {op} ?", (value,)
        )


def _told(query: t.Query) -> list[t.Field]:
    """The fields that a query names, but for those that every answer has."""
    found: list[t.Field] = []
    for stage in query.stages:
        match stage:
            case t.Select(fields):
                found += fields
            case t.Filter() | t.Both() | t.Either() | t.Related():
                for one in filters_of(stage):
                    found += _fields(one.expression)
    always = {"name", "duration", "traceDuration", "rootName", "rootServiceName"}
    always |= {"trace:id", "span:id"}
    return [
        one
        for one in dict.fromkeys(found)
        if not (isinstance(one, t.Intrinsic) and one.name in always)
    ]


def _fields(expression: t.Expression | None) -> list[t.Field]:
    match expression:
        case None:
            return []
        case t.And(parts) | t.Or(parts):
            return [one for part in parts for one in _fields(part)]
        case t.Not(inner):
            return _fields(inner)
        case t.Truth(operand):
            return [] if isinstance(operand, t.Literal) else [operand]
        case t.Comparison(_, left, right):
            return [one for one in (left, right) if not isinstance(one, t.Literal)]


def _matches(reader: Reader, plan: _Plan, asked: Asked) -> dict[str, FoundTrace]:
    """The traces found, with the first of the spans that are left of each."""
    steps = [("flagged", _flagged(reader, plan, asked.period))]
    kin = [("kin", _kin(reader))] if plan.kin else []
    for i, step in enumerate(plan.steps):
        steps.append((f"step{i}", Sql(step.text.format(steps[-1][0]), step.parameters)))
    last = steps[-1][0]
    steps.append(
        (
            "chosen",
            Sql(
                f"SELECT trace, max(ts) AS newest, count(*) AS matched FROM {last} GROUP BY trace"
                " ORDER BY newest DESC, trace LIMIT ?",
                (asked.traces,),
            ),
        )
    )
    told = "".join(f", t{i}" for i in range(len(plan.told)))
    final = Sql(
        f"SELECT trace, span, name, ts, greatest(finish - ts, 0), matched{told}"
        f" FROM {last} JOIN chosen USING (trace)"
        " QUALIFY row_number() OVER (PARTITION BY trace ORDER BY ts, seq) <= ?"
        " ORDER BY newest DESC, trace, ts, seq",
        (asked.spans,),
    )
    steps[1:1] = kin
    text = ", ".join(f"{name} AS MATERIALIZED ({one.text})" for name, one in steps)
    parameters = [value for _, one in steps for value in one.parameters]
    found: dict[str, FoundTrace] = {}
    rows = reader.ask(Sql(f"WITH {text} {final.text}", (*parameters, *final.parameters)))
    for trace, span, name, start, duration, matched, *values in rows:
        one = found.setdefault(trace, FoundTrace(trace, matched))
        one.spans.append(FoundSpan(span, name, start, duration, _values(plan.told, values)))
    return found


def _flagged(reader: Reader, plan: _Plan, period: Period) -> Sql:
    """The spans of the period that the first stage is about, with all flags."""
    columns = [
        *(Sql(f"{flag.text} AS c{i}", flag.parameters) for i, flag in enumerate(plan.flags)),
        *(Sql(f"{amount} AS n{i}") for i, amount in enumerate(plan.amounts)),
        *(Sql(f"{column} AS t{i}") for i, column in enumerate(plan.columns)),
    ]
    rows = reader.spans(plan.needs, period)
    named = "".join(f", {one.text}" for one in columns)
    values = [value for one in columns for value in one.parameters]
    return Sql(
        f"SELECT * FROM (SELECT trace, span, parent, name, ts, finish, seq{named}"
        f" FROM ({rows.text})) WHERE {plan.first.text}",
        (*values, *rows.parameters),
    )


def _kin(reader: Reader) -> Sql:
    """All spans of the traces in question, whenever they were."""
    rows = reader.rows(Names())
    return Sql(
        f"SELECT trace, span, parent FROM ({rows.text}) WHERE trace IN (SELECT trace FROM flagged)",
        rows.parameters,
    )


def _values(fields: list[t.Field], values: list[Any]) -> dict[str, Value]:
    """What is told of a span, by the fields' names."""
    told: dict[str, Value] = {}
    for one, value in zip(fields, values, strict=True):
        if value is None:
            continue
        if is_several(one):
            if value:
                told[one.name] = untagged(value[0])
        elif isinstance(one, t.Attribute):
            told[one.name] = untagged(value)
        else:
            words = {"status": t.STATUSES, "kind": t.KINDS}.get(one.name)
            told[one.name] = words[value] if words else value
    return told


def _complete(reader: Reader, found: dict[str, FoundTrace]) -> None:
    """Tell what the traces are as a whole."""
    if not found:
        return
    rows = reader.rows(Names(), where=Sql("list_contains(?, trace)", (list(found),)))
    root = "FILTER (WHERE parent = '')"
    answer = reader.ask(
        Sql(
            "SELECT trace, service, count(*), count(*) FILTER (WHERE status = 2), min(ts),"
            f" max(greatest(finish, ts)), min((ts, seq)) {root},"
            f" arg_min(name, (ts, seq)) {root}"
            f" FROM ({rows.text}) JOIN {SOURCES} USING (stream) GROUP BY trace, service",
            rows.parameters,
        )
    )
    roots: dict[str, tuple[int, int]] = {}
    ends: dict[str, int] = {}
    for trace, service, spans, failed, start, end, place, name in answer:
        one = found[trace]
        one.services[service] = (spans, failed)
        one.start = min(one.start or start, start)
        ends[trace] = max(ends.get(trace, end), end)
        if place is not None and (trace not in roots or place < roots[trace]):
            roots[trace] = place
            one.root_name, one.root_service = name, service
    for trace, end in ends.items():
        found[trace].duration = end - found[trace].start
