"""The columns of spans: what conditions are about, out of the lines.

Each segment that has been looked at has all of `COLUMNS`, and a column for each attribute that many
of its spans have. Where there is no column the line is asked, which takes some forty times as long.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from vigie.store.segments.columns import TEXT, Field, WithColumns, column

MOST_ATTRIBUTES = 40
_COMMON = 0.01
"""An attribute of fewer of the spans gets no column."""

_PATHS = {
    "trace": ("/t", "VARCHAR"),
    "span": ("/s", "VARCHAR"),
    "parent": ("/p", "VARCHAR"),
    "name": ("/n", "VARCHAR"),
    "kind": ("/k", "TINYINT"),
    "finish": ("/e", "BIGINT"),
    "status": ("/c", "TINYINT"),
    "message": ("/m", "VARCHAR"),
}
"""Where in a line, and of which type; `finish` is the end in ns since 1970."""

COLUMNS = tuple(_PATHS)

_decode = msgspec.json.Decoder().decode


def span_columns(sample: list[str], source: str) -> WithColumns:
    """The `Columns` of spans: all of `COLUMNS`, and the common attributes'."""
    seen = Counter(name for line in sample for name in _decode(line)["a"])
    common = [
        name for name, count in seen.most_common(MOST_ATTRIBUTES) if _is_common(count, sample)
    ]
    fields = tuple(Field(name, TEXT) for name in sorted(common))
    told = "".join(
        f", v[{len(_PATHS) + i}] AS {column(i - 1)}" for i, _ in enumerate(fields, start=1)
    )
    sql = (
        f"SELECT stream, ts, seq, line, meta, {_typed()}{told} FROM"
        f" (SELECT *, json_extract_string(line, ?::VARCHAR[]) AS v FROM ({source}))"
    )
    attributes = [attribute_path(field.name) for field in fields]
    return WithColumns(fields, sql, [[*_paths(), *attributes]], "FALSE")


def _is_common(count: int, sample: list[str]) -> bool:
    return count >= _COMMON * len(sample)


def plain(source: str) -> tuple[str, list[Any]]:
    """SQL of the rows of `source`, which has no columns of spans, with them; its parameters."""
    sql = (
        f"SELECT stream, ts, seq, line, meta, {_typed()} FROM"
        f" (SELECT *, json_extract_string(line, ?::VARCHAR[]) AS v FROM {source})"
    )
    return sql, [_paths()]


def attribute_path(name: str) -> str:
    """Where in a line, an event or a link an attribute is: a JSON pointer."""
    return "/a/" + name.replace("~", "~0").replace("/", "~1")


def _typed() -> str:
    return ", ".join(
        f"v[{i}]::{kind} AS {name}" for i, (name, (_, kind)) in enumerate(_PATHS.items(), start=1)
    )


def _paths() -> list[str]:
    return [path for path, _ in _PATHS.values()]
