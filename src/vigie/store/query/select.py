"""Which rows of which files a query reads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import lru_cache

import duckdb
import pyarrow as pa

from vigie.store.logql.plan import EVERYTHING, Source, Sql
from vigie.store.segments import LogStore, Snapshot
from vigie.store.segments.columns import Field
from vigie.store.segments.segment import Segment
from vigie.store.segments.streams import Labels


@dataclass(frozen=True, slots=True)
class Part:
    """A source; the fields that have columns in it, None where nothing has one yet; and whether
    these say all of every row."""

    source: Source
    fields: tuple[Field, ...] | None = None
    exact: bool = False


HEAD = "head"
BATCH = 20_000


class Reader:
    """Reads the rows of one snapshot, for one query."""

    def __init__(self, store: LogStore, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._cursor: duckdb.DuckDBPyConnection = store.cursor()
        self._cursor.register(HEAD, snapshot.head)

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_error: object) -> None:
        self._cursor.close()

    def sources(self, streams: dict[int, Labels], start: int, end: int) -> list[Part]:
        """The sources that may have rows of the streams from `start` to before `end` (ns)."""
        alike: dict[tuple[object, ...], tuple[Part, list[str]]] = {}
        for segment in self.snapshot.segments:
            source = source_of(segment, streams, start, end)
            if source is None:
                continue
            key = (segment.fields, segment.exact, source.streams, source.start, source.end)
            part = Part(source, segment.fields, segment.exact)
            alike.setdefault(key, (part, []))[1].append(str(segment.path))
        found = [
            replace(part, source=replace(part.source, table=Sql("read_parquet(?)", (paths,))))
            for part, paths in alike.values()
        ]
        if (head := self.head(streams, start, end)) is not None:
            found.append(Part(head))
        return found

    def head(self, streams: dict[int, Labels], start: int, end: int) -> Source | None:
        """What the head may have of the streams."""
        asked = self.snapshot.head_streams & streams.keys()
        if not asked:
            return None
        is_all = len(asked) == len(self.snapshot.head_streams)
        return Source(Sql(HEAD), None if is_all else tuple(sorted(asked)), start, end)

    def lines_of(self, streams: dict[int, Labels], start: int, end: int) -> int:
        """About how many lines the streams have between two times."""
        total = self.snapshot.head.num_rows if self.snapshot.head_streams & streams.keys() else 0
        for segment in self.snapshot.segments:
            for number, extent in segment.streams.items():
                if number in streams and extent.first < end and extent.last >= start:
                    total += extent.lines
        return total

    def batches(self, sql: Sql) -> Iterator[pa.RecordBatch]:
        """The rows of a query, piece by piece."""
        result = self._cursor.sql(sql.text, params=list(sql.parameters))
        with closing(result.to_arrow_reader(BATCH)) as reader:
            yield from reader

    def count(self, source: Source) -> dict[int, tuple[int, int]]:
        """Lines and bytes of each stream in a source."""
        rows = source.select("stream, strlen(line) AS size", EVERYTHING)
        sql = f"SELECT stream, count(*), sum(size) FROM ({rows.text}) GROUP BY stream"
        found = self._cursor.execute(sql, list(rows.parameters)).fetchall()
        return {int(stream): (int(lines), int(size)) for stream, lines, size in found}

    def table(self, sql: Sql) -> pa.Table:
        """The rows of a query, which are few."""
        return self._cursor.sql(sql.text, params=list(sql.parameters)).to_arrow_table()


def source_of(segment: Segment, streams: dict[int, Labels], start: int, end: int) -> Source | None:
    """What a segment may have of the streams from `start` to before `end` (ns)."""
    if segment.first >= end or segment.last < start:
        return None
    asked = [
        number
        for number, extent in segment.streams.items()
        if number in streams and extent.first < end and extent.last >= start
    ]
    if not asked:
        return None
    return Source(
        Sql("read_parquet(?)", (str(segment.path),)),
        None if len(asked) == len(segment.streams) else tuple(sorted(asked)),
        None if segment.first >= start else start,
        None if segment.last < end else end,
    )


def rows_of(parts: Sequence[Part], columns: str, where: Sql) -> list[Sql]:
    """`columns` of all parts' rows."""
    return [part.source.select(columns, where) for part in parts]


@lru_cache(maxsize=10_000)
def metadata_of(text: str) -> dict[str, str]:
    """The metadata of a line, which is kept as JSON."""
    found: dict[str, str] = json.loads(text)
    return found
