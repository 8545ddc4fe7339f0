"""The fields that a query names, as columns of one table of spans.

`rows` gives that table: `COLUMNS`, and a column for each attribute that the query names, whatever
the segments have columns of. Attributes of resources and scopes come from a table with a row for
each stream, which is small.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

import pyarrow as pa

from vigie.store.logql.plan import Sql
from vigie.store.segments.columns import Field, column
from vigie.store.segments.streams import Labels
from vigie.store.spans.columns import COLUMNS, attribute_path, plain
from vigie.store.spans.span import NO_SERVICE, Source, encode, source_of
from vigie.store.spans.values import Attributes, tagged
from vigie.store.traceql import tree as t

SOURCES = "sources"
"""The table with a row for each stream."""

_IN_EVENTS = {
    "event:name": ("/ev", "'s' || json_extract_string(e, '/n')"),
    "event:timeSinceStart": ("/ev", "'i' || (json_extract(e, '/t')::BIGINT - ts)"),
    "link:traceID": ("/l", "'s' || json_extract_string(e, '/t')"),
    "link:spanID": ("/l", "'s' || json_extract_string(e, '/s')"),
}
"""Intrinsics that a span may have several of: in which list of the metadata, and how."""

_One = TypeVar("_One")


@dataclass(slots=True)
class Names:
    """The attributes that a query names, by scope, and the columns that they get."""

    span: list[str] = field(default_factory=list)
    resource: list[str] = field(default_factory=list)
    instrumentation: list[str] = field(default_factory=list)
    several: list[t.Field] = field(default_factory=list)
    """Of events and links."""

    def of_span(self, name: str) -> str:
        """The column of an attribute of the span."""
        return f"a{_place(self.span, name)}"

    def of_resource(self, name: str) -> str:
        """The column of an attribute of the resource."""
        return f"r{_place(self.resource, name)}"

    def of_instrumentation(self, name: str) -> str:
        """The column of an attribute of the instrumentation scope."""
        return f"i{_place(self.instrumentation, name)}"

    def of_several(self, one: t.Field) -> str:
        """The column of what events or links have: a list."""
        return f"e{_place(self.several, one)}"


def _place(known: list[_One], one: _One) -> int:
    if one not in known:
        known.append(one)
    return known.index(one)


@dataclass(frozen=True, slots=True)
class Part:
    """Where spans are: files that have the same columns, or a table that has none."""

    table: Sql
    fields: tuple[Field, ...] | None


def rows(part: Part, names: Names, where: Sql) -> Sql:
    """The spans of a part for which `where` is so: lines, `COLUMNS`, and what `names` asks for."""
    told: list[Sql] = [
        *(Sql(name) for name in ("stream", "ts", "seq", "line", "meta", *COLUMNS)),
        *(_attribute(part, name, i) for i, name in enumerate(names.span)),
        *(_several(one, i) for i, one in enumerate(names.several)),
    ]
    texts = ", ".join(one.text for one in told)
    parameters = [value for one in told for value in one.parameters]
    table = part.table
    if part.fields is None:
        sql, paths = plain(table.text)
        table = Sql(f"({sql})", (*paths, *table.parameters))
    return Sql(
        f"SELECT {texts} FROM {table.text} WHERE {where.text}",
        (*parameters, *table.parameters, *where.parameters),
    )


def _attribute(part: Part, name: str, place: int) -> Sql:
    """An attribute of the span, as `a0` and so on."""
    fields = [one.name for one in part.fields or ()]
    if name in fields:
        return Sql(f"{column(fields.index(name))} AS a{place}")
    # Most lines have no such attribute: to look for its name costs less than to read the JSON.
    written = encode(name).decode() + ":"
    return Sql(
        f"CASE WHEN contains(line, ?) THEN json_extract_string(line, ?) END AS a{place}",
        (written, attribute_path(name)),
    )


def _several(one: t.Field, place: int) -> Sql:
    """What the events or links of a span have, as `e0` and so on; none where there is none."""
    parameters: tuple[str, ...] = ()
    if isinstance(one, t.Intrinsic):
        where, value = _IN_EVENTS[one.name]
    else:
        where = "/ev" if one.scope == "event" else "/l"
        value, parameters = "json_extract_string(e, ?)", (attribute_path(one.name),)
    return Sql(
        f"CASE WHEN meta IS NOT NULL THEN list_filter(list_transform("
        f"json_extract(meta, '{where}')::JSON[], lambda e: {value}),"
        f" lambda x: x IS NOT NULL) END AS e{place}",
        parameters,
    )


def is_several(one: t.Field) -> bool:
    """Whether a span may have several of it."""
    if isinstance(one, t.Intrinsic):
        return one.name in _IN_EVENTS
    return one.scope in ("event", "link")


def sources(streams: dict[int, Labels], names: Names) -> pa.Table:
    """The table `SOURCES`: a row for each stream."""
    numbers = sorted(streams)
    found = [source_of(streams[n]["resource"], streams[n]["scope"]) for n in numbers]
    columns = {
        "stream": pa.array(numbers, pa.int32()),
        "service": pa.array([one.service for one in found], pa.string()),
        "scope_name": pa.array([one.scope for one in found], pa.string()),
        "scope_version": pa.array([one.version for one in found], pa.string()),
    }
    for i, name in enumerate(names.resource):
        columns[f"r{i}"] = pa.array([_resource_text(one, name) for one in found], pa.string())
    for i, name in enumerate(names.instrumentation):
        texts = [_text(one.scope_attributes, name) for one in found]
        columns[f"i{i}"] = pa.array(texts, pa.string())
    return pa.table(columns)


def _resource_text(one: Source, name: str) -> str | None:
    if name == "service.name" and one.service == NO_SERVICE:
        return "s" + NO_SERVICE
    return _text(one.resource, name)


def _text(attributes: Attributes, name: str) -> str | None:
    return tagged(attributes[name]) if name in attributes else None
