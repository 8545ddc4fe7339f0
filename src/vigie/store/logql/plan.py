"""A tree to SQL, as far as SQL can say it. What users wrote is in parameters, never in the text.

The SQL is over rows with the columns stream, ts, seq, line and meta, and over the fields' columns
where a query names some. What it cannot say is left to the stages.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from vigie.store.logql import tree as t
from vigie.store.logql.stages.filters import NEGATIVE


@dataclass(frozen=True, slots=True)
class Sql:
    """A piece of SQL with its parameters, in the order of its question marks."""

    text: str
    parameters: tuple[Any, ...] = ()

    def __and__(self, other: Sql) -> Sql:
        if self.text == "TRUE":
            return other
        if other.text == "TRUE":
            return self
        return Sql(f"{self.text} AND {other.text}", (*self.parameters, *other.parameters))


EVERYTHING = Sql("TRUE")


def conditions(filters: Iterable[t.LineFilter]) -> tuple[Sql, tuple[t.LineFilter, ...]]:
    """What SQL can say of the line filters, and those that it cannot."""
    said, left = EVERYTHING, []
    for one in filters:
        condition = _condition(one)
        if condition is None:
            left.append(one)
        else:
            said &= condition
    return said, tuple(left)


def _condition(one: t.LineFilter) -> Sql | None:
    if one.op in ("|>", "!>") or any(each.ip for each in one.alternatives):
        return None
    call = "contains(line, ?)" if one.op in ("|=", "!=") else "regexp_matches(line, ?)"
    values = tuple(each.value for each in one.alternatives)
    joined = " OR ".join([call] * len(values))
    return Sql(f"NOT ({joined})" if one.op in NEGATIVE else f"({joined})", values)


@dataclass(frozen=True, slots=True)
class Source:
    """Where rows come from: a file of a segment, or the table of the head.

    `streams` are numbers; None where all of the source are asked for. Times are in ns, the last
    excluded; None where the source is within them.
    """

    table: Sql
    streams: tuple[int, ...] | None
    start: int | None
    end: int | None

    def select(self, columns: str, where: Sql) -> Sql:
        """`columns` of the rows that are asked for."""
        condition = EVERYTHING
        if self.streams is not None:
            numbers = ",".join(map(str, self.streams))  # numbers of ours
            condition &= Sql(f"stream IN ({numbers})")
        if self.start is not None:
            condition &= Sql("ts >= ?", (self.start,))
        if self.end is not None:
            condition &= Sql("ts < ?", (self.end,))
        condition &= where
        return Sql(
            f"SELECT {columns} FROM {self.table.text} WHERE {condition.text}",
            (*self.table.parameters, *condition.parameters),
        )


def union(parts: Sequence[Sql]) -> Sql:
    """All rows of the parts, of which there is at least one."""
    text = " UNION ALL ".join(part.text for part in parts)
    return Sql(text, tuple(value for part in parts for value in part.parameters))


def newest_or_oldest(rows: Sql, backward: bool, limit: int | None) -> Sql:
    """The rows in the order in which a log query answers them; with equal times as they came."""
    order = "DESC" if backward else "ASC"
    limited = "" if limit is None else " LIMIT ?"
    return Sql(
        f"SELECT * FROM ({rows.text}) ORDER BY ts {order}, seq {order}{limited}",
        (*rows.parameters, *(() if limit is None else (limit,))),
    )


def counts(rows: Sequence[Sql], origin: int, width: int) -> Sql:
    """The sum of `size` by stream, for each `width` ns after `origin`.

    `rows` have the columns stream, ts and size. A bucket is of the times above its start up to its
    end.
    """
    inner = union(rows)
    return Sql(
        "SELECT stream, (ts - ? - 1) // ? AS bucket, sum(size)::DOUBLE AS size"
        f" FROM ({inner.text}) GROUP BY ALL",
        (origin, width, *inner.parameters),
    )


def lists(rows: Sql, groups: Sequence[str]) -> Sql:
    """Lists of `ts` and `value` for each group; rows without a value are left out."""
    return Sql(
        f"SELECT {''.join(f'{name}, ' for name in groups)}list(ts) AS ts, list(value) AS value"
        f" FROM ({rows.text}) WHERE value IS NOT NULL{_by(groups)}",
        rows.parameters,
    )


def sums(rows: Sql, groups: Sequence[str], origin: int, width: int) -> Sql:
    """Lists of buckets and their sums of `value` for each group; see `counts`."""
    keys = "".join(f"{name}, " for name in groups)
    return Sql(
        f"SELECT {keys}list(bucket) AS bucket, list(value) AS value FROM ("
        f"SELECT {keys}(ts - ? - 1) // ? AS bucket, sum(value)::DOUBLE AS value"
        f" FROM ({rows.text}) GROUP BY ALL){_by(groups)}",
        (origin, width, *rows.parameters),
    )


def _by(groups: Sequence[str]) -> str:
    return f" GROUP BY {', '.join(groups)}" if groups else " HAVING count(*) > 0"
