"""Which rows of which files a query reads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import lru_cache
from typing import Any

import duckdb
import pyarrow as pa

from vigie.store.logql.plan import EVERYTHING, Source, Sql
from vigie.store.segments import LogStore, Snapshot
from vigie.store.segments.segment import Segment
from vigie.store.segments.streams import Labels

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

    def sources(
        self, streams: dict[int, Labels], start: int, end: int
    ) -> list[tuple[Source, Segment | None]]:
        """The sources that may have rows of the streams from `start` to before `end` (ns)."""
        found: list[tuple[Source, Segment | None]] = []
        for segment in self.snapshot.segments:
            if segment.first >= end or segment.last < start:
                continue
            asked = [
                number
                for number, extent in segment.streams.items()
                if number in streams and extent.first < end and extent.last >= start
            ]
            if not asked:
                continue
            table = Sql("read_parquet(?)", (str(segment.path),))
            all_asked = len(asked) == len(segment.streams)
            source = Source(
                table,
                None if all_asked else tuple(sorted(asked)),
                None if segment.first >= start else start,
                None if segment.last < end else end,
            )
            found.append((source, segment))
        asked_of_head = self.snapshot.head_streams & streams.keys()
        if asked_of_head:
            numbers = tuple(sorted(asked_of_head))
            is_all = len(numbers) == len(self.snapshot.head_streams)
            found.append((Source(Sql(HEAD), None if is_all else numbers, start, end), None))
        return found

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

    def columns(self, sql: Sql) -> dict[str, Any]:
        """The rows of a query as one numpy array for each column."""
        found: dict[str, Any] = self._cursor.execute(sql.text, list(sql.parameters)).fetchnumpy()
        return found


def rows_of(
    sources: Sequence[tuple[Source, Segment | None]], columns: str, where: Sql
) -> list[Sql]:
    """`columns` of all sources' rows."""
    return [source.select(columns, where) for source, _ in sources]


@lru_cache(maxsize=10_000)
def metadata_of(text: str) -> dict[str, str]:
    """The metadata of a line, which is kept as JSON."""
    found: dict[str, str] = json.loads(text)
    return found
