"""Which attributes there are, and which values they have."""

from __future__ import annotations

from collections.abc import Iterable

from vigie.store.logql.plan import Sql
from vigie.store.segments import LogStore
from vigie.store.spans.conditions import Needs, condition
from vigie.store.spans.fields import is_several
from vigie.store.spans.reading import ALWAYS, Period, Reader, reading
from vigie.store.spans.span import source_of
from vigie.store.spans.values import untagged
from vigie.store.traceql import tree as t

_KEYS = {
    "span": "json_keys(line, '/a')",
    "event": "flatten(list_transform(json_extract(meta, '/ev')::JSON[], lambda e:"
    " json_keys(e, '/a')))",
    "link": "flatten(list_transform(json_extract(meta, '/l')::JSON[], lambda e:"
    " json_keys(e, '/a')))",
}


def tag_names(
    store: LogStore, period: Period = ALWAYS, expression: t.Expression | None = None
) -> dict[str, list[str]]:
    """The names of attributes by scope, in order; of the spans that an expression is true of."""
    needs = Needs()
    where = condition(expression, needs)
    with reading(store) as reader:
        rows = _spans(reader, needs, period, where)
        found = {
            scope: sorted({name for (name,) in reader.ask(_distinct(keys, rows))})
            for scope, keys in _KEYS.items()
        }
        streams = {n for (n,) in reader.ask(_of("SELECT DISTINCT stream", rows))}
        sources = [
            source_of(labels["resource"], labels["scope"])
            for number, labels in reader.streams.items()
            if number in streams
        ]
    found["resource"] = sorted({name for one in sources for name in one.resource})
    found["instrumentation"] = sorted({name for one in sources for name in one.scope_attributes})
    if sources:
        found["resource"] = sorted({*found["resource"], "service.name"})
    return found


def tag_values(
    store: LogStore,
    field: t.Field,
    period: Period = ALWAYS,
    expression: t.Expression | None = None,
    most: int = 1000,
) -> list[tuple[str, str]]:
    """Types and values of a field, in order; of the spans that an expression is true of.

    Types are `string`, `int`, `float` and `bool`; `keyword` for a status or a kind.
    """
    needs = Needs()
    where = condition(expression, needs)
    value = needs.column(field)
    if is_several(field):
        value = f"unnest({value})"
    with reading(store) as reader:
        rows = _spans(reader, needs, period, where)
        distinct = _distinct_values(value, rows)
        found = [row[0] for row in reader.ask(distinct)]
    typed = {one for raw in found for one in _typed(field, raw)}
    return sorted(typed)[:most]


def _spans(reader: Reader, needs: Needs, period: Period, where: Sql) -> Sql:
    """The spans of a period that a condition is true of, with lines and metadata."""
    rows = reader.spans(needs, period)
    return Sql(
        f"SELECT * FROM ({rows.text}) WHERE {where.text}", (*rows.parameters, *where.parameters)
    )


def _of(select: str, rows: Sql) -> Sql:
    return Sql(f"{select} FROM ({rows.text})", rows.parameters)


def _distinct(keys: str, rows: Sql) -> Sql:
    source = "line" if "(line" in keys else "meta"
    return Sql(
        f"SELECT DISTINCT unnest({keys}) FROM ({rows.text}) WHERE {source} IS NOT NULL",
        rows.parameters,
    )


def _distinct_values(value: str, rows: Sql) -> Sql:
    return Sql(
        f"SELECT DISTINCT * FROM (SELECT {value} AS value FROM ({rows.text}))"
        " WHERE value IS NOT NULL",
        rows.parameters,
    )


def _typed(field: t.Field, raw: str | int) -> Iterable[tuple[str, str]]:
    kind = t.type_of(field)
    if kind in (t.STATUS, t.KIND):
        yield "keyword", (t.STATUSES if kind == t.STATUS else t.KINDS)[int(raw)]
    elif kind in (t.INTEGER, t.DURATION) and not is_several(field):
        yield ("duration" if kind == t.DURATION else "int"), str(raw)
    elif kind == t.STRING and not is_several(field):
        yield "string", str(raw)
    else:
        yield from _of_text(str(raw))


def _of_text(text: str) -> Iterable[tuple[str, str]]:
    match text[:1]:
        case "s":
            yield "string", text[1:]
        case "i":
            yield "int", text[1:]
        case "d":
            yield "float", text[1:]
        case "b":
            yield "bool", text[1:]
        case "l":
            values = untagged(text)
            assert isinstance(values, list)  # by its letter
            for one in values:
                if isinstance(one, str):
                    yield "string", one
