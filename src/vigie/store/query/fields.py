"""Queries over JSON fields, answered from the fields' columns instead of from every line.

`{…} | json | status >= 500` and what is grouped by fields or unwraps one is SQL over columns, for
the rows of which the columns say all that the stage `| json` would say (see `segments.columns`).
The other rows go through the stage itself; `decided` tells them apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from vigie.store.logql import tree as t
from vigie.store.logql.plan import EVERYTHING, Source, Sql
from vigie.store.logql.quantities import go_float
from vigie.store.logql.regexes import predicate
from vigie.store.logql.stages.entry import ERROR, ERROR_DETAILS, EXTRACTED
from vigie.store.query.select import Part
from vigie.store.segments.columns import (
    INTEGER,
    NUMBER,
    NUMERIC,
    TEXT,
    Field,
    column,
    with_fields,
)
from vigie.store.segments.streams import Labels

_ROUNDED = 2.0**53
_COMPARISONS = {"==": "=", "!=": "<>", ">": ">", ">=": ">=", "<": "<", "<=": "<="}


class UndecidedError(Exception):
    """SQL cannot say it for these rows."""


@dataclass(frozen=True, slots=True)
class FieldQuery:
    """What a query asks of the fields: filters, labels to group by, and a label to unwrap."""

    filters: tuple[t.LabelFilter, ...]
    groups: tuple[str, ...] = ()
    value: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The labels that the query looks at."""
        found = [name for one in self.filters for name in _names(one)]
        return tuple(dict.fromkeys((*found, *self.groups, *([self.value] if self.value else []))))


def filters_after_json(stages: Sequence[t.Stage]) -> tuple[t.LabelFilter, ...] | None:
    """The filters of a pipeline that is `| json` and then nothing but filters that SQL can say."""
    if not stages or stages[0] != t.Json():
        return None
    return _sayable(stages[1:])


def leading_filters(stages: Sequence[t.Stage]) -> tuple[t.LabelFilter, ...]:
    """The filters behind a leading `| json` that SQL can say, up to the first other stage."""
    if not stages or stages[0] != t.Json():
        return ()
    found: list[t.LabelFilter] = []
    for stage in stages[1:]:
        said = _sayable((stage,))
        if said is None:
            break
        found.extend(said)
    return tuple(found)


def _sayable(stages: Iterable[t.Stage]) -> tuple[t.LabelFilter, ...] | None:
    found: list[t.LabelFilter] = []
    for stage in stages:
        if not isinstance(stage, t.Matcher | t.NumberFilter | t.And | t.Or):
            return None
        if isinstance(stage, t.And | t.Or) and _sayable((stage.left, stage.right)) is None:
            return None
        found.append(stage)
    return tuple(found)


def _names(one: t.LabelFilter) -> tuple[str, ...]:
    if isinstance(one, t.And | t.Or):
        return (*_names(one.left), *_names(one.right))
    return (one.name,)


# --- where a label comes from ----------------------------------------------------------------

Origin = tuple[str, str]
"""("stream", value) or ("field", name)."""


def by_origin(
    streams: dict[int, Labels], names: tuple[str, ...]
) -> dict[tuple[Origin, ...], dict[int, Labels]]:
    """The streams, together where the labels come from the same places."""
    found: dict[tuple[Origin, ...], dict[int, Labels]] = {}
    for number, labels in streams.items():
        origins = tuple(_origin(name, labels) for name in names)
        found.setdefault(origins, {})[number] = labels
    return found


def _origin(name: str, labels: Labels) -> Origin:
    if name in (ERROR, ERROR_DETAILS):
        return ("stream", "")
    if labels.get(name):
        return ("stream", labels[name])
    plain = name.removesuffix(EXTRACTED)
    if plain != name and plain in labels:
        return ("field", plain)
    return ("field", name)


@dataclass(slots=True)
class _Columns:
    """SQL for the labels of the rows of one part, and what it takes for it to be exact."""

    exact: bool
    """Whether the columns say all of every row."""
    origins: dict[str, Origin]
    known: dict[str, tuple[str, str]]
    """A field's column and kind."""
    conditions: dict[str, Sql] = field(default_factory=dict)
    _nested: bool = True

    def constant(self, name: str) -> str | None:
        """The label's value, where all rows have the same."""
        kind, value = self.origins[name]
        return value if kind == "stream" else None

    def text(self, name: str) -> Sql:
        """The label's text; NULL where the row has no such label."""
        value, kind = self._column(name)
        if kind == NUMBER:
            raise UndecidedError  # 1.50 and 1.5 are the same number, and not the same text
        return Sql(f"{value.text}::VARCHAR") if kind == INTEGER else value

    def number(self, name: str) -> Sql:
        """The label's number; NULL where the row has no such label."""
        value, kind = self._column(name)
        if kind != TEXT:
            return value
        self.conditions[name] = Sql(
            f"({value.text} IS NULL OR regexp_full_match({value.text}, ?))",
            (*value.parameters, *value.parameters, NUMERIC),
        )
        return Sql(f"TRY_CAST({value.text} AS DOUBLE)", value.parameters)

    def _column(self, name: str) -> tuple[Sql, str]:
        _, of = self.origins[name]
        if "_" in of:
            self._nested = False
        if of in self.known:
            text, kind = self.known[of]
            return Sql(text), kind
        path = f'$."{of}"'
        if '"' in of or "\\" in of:
            raise UndecidedError
        # What is in few of the lines has no column: it is looked for in the line.
        return Sql(
            "CASE WHEN shape = 0 THEN NULL"
            " WHEN json_type(line, ?) IN ('ARRAY', 'OBJECT') THEN NULL"
            " ELSE json_extract_string(line, ?) END",
            (path, path),
        ), TEXT

    def decided(self) -> Sql:
        """Whether the columns say all of a row; never NULL."""
        shapes = "shape > 0" if self._nested else "shape = 1"
        found = EVERYTHING if self.exact else Sql(f"meta IS NULL AND {shapes}")
        for condition in self.conditions.values():
            found &= condition
        return found


def _filter(one: t.LabelFilter, columns: _Columns) -> Sql:
    match one:
        case t.And(left, right):
            first, second = _filter(left, columns), _filter(right, columns)
            return Sql(f"({first.text} AND {second.text})", (*first.parameters, *second.parameters))
        case t.Or(left, right):
            first, second = _filter(left, columns), _filter(right, columns)
            return Sql(f"({first.text} OR {second.text})", (*first.parameters, *second.parameters))
        case t.Matcher(name, op, value):
            return _text_filter(name, op, value, columns)
        case t.NumberFilter(name, op, number):
            return _number_filter(name, op, number, columns)
    raise UndecidedError


def _text_filter(name: str, op: str, value: str, columns: _Columns) -> Sql:
    constant = columns.constant(name)
    if constant is not None:
        return Sql("TRUE" if predicate(op, value)(constant) else "FALSE")
    text = columns.text(name)
    if op == "=" and value:  # so plainly that whole row groups can be passed over
        return Sql(f"{text.text} = ?", (*text.parameters, value))
    if op in ("=", "!="):
        sign = "=" if op == "=" else "<>"
        return Sql(f"coalesce({text.text}, '') {sign} ?", (*text.parameters, value))
    negated = "NOT " if op == "!~" else ""
    return Sql(
        f"{negated}regexp_full_match(coalesce({text.text}, ''), ?)", (*text.parameters, value)
    )


def _number_filter(name: str, op: str, number: float, columns: _Columns) -> Sql:
    constant = columns.constant(name)
    if constant is not None:
        try:
            compared = t.NumberFilter(name, op, go_float(constant))
        except ValueError:
            raise UndecidedError from None  # the line is kept, and marked
        left = compared.value
        holds = {
            "==": left == number,
            "!=": left != number,
            ">": left > number,
            ">=": left >= number,
            "<": left < number,
            "<=": left <= number,
        }[op]
        return Sql("TRUE" if holds else "FALSE")
    value = columns.number(name)
    whole = int(number) if number.is_integer() and abs(number) < _ROUNDED else number
    return Sql(f"{value.text} {_COMPARISONS[op]} ?", (*value.parameters, whole))


# --- rows ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FieldRows:
    """The rows of one part, as SQL that knows the labels.

    `passes` says whether a decided row passes the filters, NULL for no; `groups` and `value` are
    the labels to group by (a text, where all rows have the same) and the number to unwrap.
    """

    source: Source
    decided: Sql
    passes: Sql
    groups: tuple[Sql | str, ...]
    value: Sql | None

    @property
    def undecided(self) -> Sql | None:
        """Whether a row is not decided; None where all are."""
        if self.decided is EVERYTHING:
            return None
        return Sql(f"NOT ({self.decided.text})", self.decided.parameters)

    @property
    def may_pass(self) -> Sql:
        """Whether a row passes the filters, or is not decided."""
        undecided = self.undecided
        if undecided is None:
            return self.passes
        return Sql(
            f"({undecided.text} OR ({self.passes.text}))",
            (*undecided.parameters, *self.passes.parameters),
        )


def field_rows(query: FieldQuery, origins: Sequence[Origin], part: Part) -> FieldRows:
    """The rows of a part whose labels come from `origins`, in the order of `query.names`.

    Where it has no columns yet, they are made. Raises `UndecidedError` where those of the part do
    not do.
    """
    by_name = dict(zip(query.names, origins, strict=True))
    source, fields = part.source, part.fields
    if fields is None:
        fields = _asked(query, by_name)
        source = _with_fields(source, fields)
    elif not fields:
        raise UndecidedError
    known = {one.name: (column(i), one.kind) for i, one in enumerate(fields)}
    columns = _Columns(part.exact, by_name, known)
    passes = EVERYTHING
    for one in query.filters:
        passes &= _filter(one, columns)
    groups: list[Sql | str] = []
    for name in query.groups:
        constant = columns.constant(name)
        groups.append(columns.text(name) if constant is None else constant)
    value = None
    if query.value is not None:
        if columns.constant(query.value) is not None:
            raise UndecidedError
        value = columns.number(query.value)
    return FieldRows(source, columns.decided(), passes, tuple(groups), value)


def _asked(query: FieldQuery, origins: dict[str, Origin]) -> tuple[Field, ...]:
    """The fields of a source without columns: what is compared or unwrapped is a number."""
    numbers = {query.value} | {name for one in query.filters for name in _numbers(one)}
    found: dict[str, str] = {}
    for name, (kind, of) in origins.items():
        if kind == "field":
            if '"' in of or "\\" in of:
                raise UndecidedError
            found[of] = NUMBER if name in numbers and name not in query.groups else TEXT
    return tuple(Field(name, kind) for name, kind in found.items())


def _numbers(one: t.LabelFilter) -> tuple[str, ...]:
    if isinstance(one, t.And | t.Or):
        return (*_numbers(one.left), *_numbers(one.right))
    return (one.name,) if isinstance(one, t.NumberFilter) else ()


def _with_fields(source: Source, fields: tuple[Field, ...]) -> Source:
    if not fields:
        raise UndecidedError
    inner = source.select("stream, ts, seq, line, meta", EVERYTHING)
    text, parameters = with_fields(inner.text, fields)
    return Source(Sql(f"({text})", (*parameters, *inner.parameters)), None, None, None)
