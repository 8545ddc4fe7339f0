"""The columns of a segment: what a line is, and its JSON fields that are worth a column each.

A query over a field reads that field's column instead of every line. What a column says is exactly
what the stage `| json` would say, for the rows whose `shape` says so; the others are left to the
stage itself. A row's `shape` is

- 0: the columns say nothing about it (no JSON, or JSON with escapes in it, or otherwise odd),
- 1: a JSON object without objects in it,
- 2: a JSON object with objects in it, whose labels have an underscore in their name.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

TEXT, NUMBER, INTEGER = "text", "number", "integer"
"""The kinds of columns. An integer can be told as text again, to the letter; a number cannot."""

MOST_FIELDS = 24
SAMPLE = 1000
_COMMON = 0.005
"""A field in fewer of the lines gets no column."""
_UNIQUE = 0.7
"""A text with more values than that, by the lines that have it, gets none."""

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


@dataclass(frozen=True, slots=True)
class Field:
    """A JSON field with a column, and of which kind its values are."""

    name: str
    kind: str


class WithColumns(NamedTuple):
    """The fields worth a column; SQL of the rows with their columns, and its parameters; and SQL of
    whether a row is one of which the columns do not say all."""

    fields: tuple[Field, ...]
    sql: str
    parameters: list[Any]
    doubtful: str


Columns = Callable[[list[str], str], WithColumns]
"""Gives some rows columns: by a sample of their lines, and by SQL of the rows."""


def json_columns(sample: list[str], source: str) -> WithColumns:
    """The `Columns` of log lines."""
    fields = worthwhile(sample)
    return WithColumns(fields, *with_fields(source, fields), "meta IS NOT NULL OR shape <> 1")


def worthwhile(lines: Iterable[str]) -> tuple[Field, ...]:
    """The fields of a sample of lines that are worth a column: those in most lines, by name."""
    seen: Counter[str] = Counter()
    kinds: dict[str, set[str]] = {}
    values: dict[str, set[str]] = {}
    total = 0
    for line in lines:
        total += 1
        if line[:1] != "{":
            continue
        try:
            found: dict[str, Any] = json.loads(line)
        except (ValueError, RecursionError):
            continue
        for name, value in found.items():
            if isinstance(value, dict | list) or _NAME.fullmatch(name) is None:
                continue
            seen[name] += 1
            kinds.setdefault(name, set()).add(_kind(value))
            values.setdefault(name, set()).add(str(value))
    fields = []
    for name, count in seen.most_common():
        kind = kinds[name] - {"null"}
        unique = len(values[name]) / count
        if count < total * _COMMON or (len(kind) != 1 and kind != {"integer", "decimal"}):
            continue
        column_kind = NUMBER if "decimal" in kind else INTEGER if kind == {"integer"} else TEXT
        if column_kind == TEXT and unique > _UNIQUE and count > 20:
            continue
        fields.append(Field(name, column_kind))
    return tuple(sorted(fields[:MOST_FIELDS], key=lambda one: one.name))


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    return "decimal" if isinstance(value, float) else "string"


_STRING = r'"[^"\\\x00-\x1f]*"'
_ESCAPED_STRING = r'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt])*"'
_INTEGER = r"(?:0|-?[1-9][0-9]*)"
NUMERIC = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
"""What JSON, Go and DuckDB read as the same number."""
_EXACT = {NUMBER: NUMERIC, INTEGER: r"(?:0|-?[1-9][0-9]{0,14})"}
"""What a column of the kind can say: of integers, those that no floating-point number rounds."""
_SCALAR = rf"(?:{_STRING}|{NUMERIC}|true|false|null)"
_ARRAY = rf"\[(?:{_SCALAR}(?:, ?{_SCALAR})*)?\]"


def _object(value: str) -> str:
    pair = rf'"[a-zA-Z_][a-zA-Z0-9_]*": ?{value}'
    return rf"\{{(?:{pair}(?:, ?{pair})*)?\}}"


def _flat(numbers: tuple[str, ...], nested: bool) -> str:
    value = rf"(?:{_ESCAPED_STRING}|{_INTEGER}|true|false|null|{_ARRAY})"
    if nested:
        number = rf"(?:{_ESCAPED_STRING}|{NUMERIC}|true|false|null|{_ARRAY})"
        inner = _object(rf"(?:{number}|{_object(number)})")
        value = rf"(?:{_ESCAPED_STRING}|{_INTEGER}|true|false|null|{_ARRAY}|{inner})"
    pair = rf'"[a-zA-Z_][a-zA-Z0-9_]*": ?{value}'
    if numbers:
        pair = rf'(?:{pair}|"(?:{"|".join(numbers)})": ?{NUMERIC})'
    return rf"\{{(?:{pair}(?:, ?{pair})*)?\}}"


def column(position: int) -> str:
    """The name of a field's column: fields are named by others, columns by us."""
    return f"f{position}"


def with_fields(source: str, fields: tuple[Field, ...]) -> tuple[str, list[Any]]:
    """SQL that adds `shape` and the fields' columns to the rows of `source`, with its parameters.

    `source` is SQL of ours with the columns stream, ts, seq, line and meta.
    """
    if not fields:
        return f"SELECT *, 0::TINYINT AS shape FROM ({source})", []
    numbers = tuple(field.name for field in fields if field.kind == NUMBER)
    patterns = [
        (i, _EXACT[field.kind]) for i, field in enumerate(fields, 1) if field.kind in _EXACT
    ]
    exact = "".join(
        f" AND NOT (v[{i}] IS NOT NULL AND NOT regexp_full_match(v[{i}], ?))" for i, _ in patterns
    )
    # An array or an object is no label's value; a text that begins like one is told by the stage.
    exact += "".join(
        f" AND coalesce(left(v[{i}], 1), '') NOT IN ('[', '{{')"
        for i, field in enumerate(fields, 1)
        if field.kind == TEXT
    )
    values = ", ".join(
        f"CASE WHEN shape > 0 THEN {_value(field, i)} END AS {column(i)}"
        for i, field in enumerate(fields)
    )
    # DuckDB refuses to look into what is no JSON; what has a shape is.
    sql = (
        f"SELECT stream, ts, seq, line, meta, shape, {values} FROM ("
        f"SELECT *, CASE WHEN s > 0{exact} THEN s ELSE 0::TINYINT END AS shape FROM ("
        "SELECT *, CASE WHEN s > 0 THEN json_extract_string(line, ?::VARCHAR[]) END AS v FROM ("
        "SELECT *, CASE WHEN regexp_full_match(line, ?) THEN 1::TINYINT"
        " WHEN regexp_full_match(line, ?) THEN 2::TINYINT ELSE 0::TINYINT END AS s"
        f" FROM ({source}))))"
    )
    paths = [f'$."{field.name}"' for field in fields]
    flat, nested = _flat(numbers, False), _flat(numbers, True)
    return sql, [*(pattern for _, pattern in patterns), paths, flat, nested]


_TYPES = {NUMBER: "DOUBLE", INTEGER: "BIGINT"}


def _value(field: Field, position: int) -> str:
    value = f"v[{position + 1}]"
    # TRY: the cases are tried together, before it is known which of them holds.
    return f"TRY_CAST({value} AS {_TYPES[field.kind]})" if field.kind in _TYPES else value
