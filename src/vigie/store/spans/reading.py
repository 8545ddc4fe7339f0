"""One look at the store: its spans at one moment, as SQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import duckdb

from vigie.store.logql.plan import EVERYTHING, Sql
from vigie.store.segments import LogStore, Snapshot
from vigie.store.segments.columns import Field
from vigie.store.segments.streams import Labels
from vigie.store.spans.conditions import Needs
from vigie.store.spans.fields import SOURCES, Names, Part, rows, sources

_HEAD = "head"


@dataclass(frozen=True, slots=True)
class Period:
    """Spans that overlap it are asked for; ns since 1970, both ends belong to it. None is open."""

    start: int | None = None
    end: int | None = None

    @property
    def where(self) -> Sql:
        """SQL of it, over `ts` and `finish`."""
        said = EVERYTHING
        if self.end is not None:
            said &= Sql("ts <= ?", (self.end,))
        if self.start is not None:
            # A span that ends before it begins is where it begins.
            said &= Sql("greatest(finish, ts) >= ?", (self.start,))
        return said


ALWAYS = Period()


class Reader:
    """Reads the spans of one snapshot."""

    def __init__(
        self,
        snapshot: Snapshot,
        streams: dict[int, Labels],
        cursor: duckdb.DuckDBPyConnection,
    ) -> None:
        self.snapshot = snapshot
        self.cursor = cursor
        self.streams = streams
        cursor.register(_HEAD, snapshot.head)

    def rows(self, names: Names, period: Period = ALWAYS, where: Sql = EVERYTHING) -> Sql:
        """The spans of a period for which `where` is so, with the columns that `names` asks for."""
        asked = period.where & where
        parts = [rows(part, names, asked) for part in self.parts(period)]
        return Sql(
            " UNION ALL ".join(part.text for part in parts),
            tuple(value for part in parts for value in part.parameters),
        )

    def parts(self, period: Period = ALWAYS) -> list[Part]:
        """Where the spans of a period may be; there is one at least."""
        alike: dict[tuple[Field, ...] | None, list[str]] = {}
        for segment in self.snapshot.segments:
            if period.end is None or segment.first <= period.end:
                alike.setdefault(segment.fields, []).append(str(segment.path))
        found = [Part(Sql("read_parquet(?)", (paths,)), fields) for fields, paths in alike.items()]
        return [*found, Part(Sql(_HEAD), None)]

    def spans(self, needs: Needs, period: Period = ALWAYS) -> Sql:
        """The spans of a period with all columns that conditions need; makes the table `SOURCES`
        with what they need of it."""
        self.cursor.register(SOURCES, sources(self.streams, needs.names))
        joins = [Sql(f"JOIN {SOURCES} USING (stream)")]
        if needs.traces:
            joins.append(_joined(_wholes(self), "trace"))
        if needs.children:
            joins.append(_joined(_children(self), "trace, span"))
        rows = self.rows(needs.names, period)
        return Sql(
            f"SELECT * FROM ({rows.text}) " + " ".join(join.text for join in joins),
            (*rows.parameters, *(value for join in joins for value in join.parameters)),
        )

    def ask(self, sql: Sql) -> list[tuple[Any, ...]]:
        """What a query answers."""
        return self.cursor.execute(sql.text, list(sql.parameters)).fetchall()


def _wholes(reader: Reader) -> Sql:
    """What each trace is as a whole; its root is the earliest span without a parent."""
    rows = reader.rows(Names())
    root = "FILTER (WHERE parent = '')"
    return Sql(
        "SELECT trace, max(greatest(finish, ts)) - min(ts) AS trace_duration,"
        f" coalesce(arg_min(name, (ts, seq)) {root}, '') AS root_name,"
        f" coalesce(arg_min(service, (ts, seq)) {root}, '') AS root_service"
        f" FROM ({rows.text}) JOIN {SOURCES} USING (stream) GROUP BY trace",
        rows.parameters,
    )


def _children(reader: Reader) -> Sql:
    """How many spans name each as their parent."""
    rows = reader.rows(Names())
    return Sql(
        f"SELECT p.trace, p.span, count(c.span) AS children"
        f" FROM (SELECT DISTINCT trace, span FROM ({rows.text})) p"
        f" LEFT JOIN (SELECT trace, parent, span FROM ({rows.text}) WHERE parent <> '') c"
        " ON c.trace = p.trace AND c.parent = p.span GROUP BY p.trace, p.span",
        (*rows.parameters, *rows.parameters),
    )


def _joined(one: Sql, columns: str) -> Sql:
    return Sql(f"JOIN ({one.text}) USING ({columns})", one.parameters)


@contextmanager
def reading(store: LogStore) -> Iterator[Reader]:
    """A reader of the store as it is now."""
    before = store.streams.labels
    with store.snapshot() as snapshot:
        # Streams may be forgotten just before the snapshot is taken, and added just after.
        streams = {**before, **store.streams.labels}
        cursor = store.cursor()
        try:
            yield Reader(snapshot, streams, cursor)
        finally:
            cursor.close()
