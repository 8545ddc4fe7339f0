"""One segment: a Parquet file of one day's lines, sorted by stream and time, and what is in it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from vigie.store.segments.columns import SAMPLE, Columns, Field
from vigie.store.segments.folder import replace, sync

DAY_NS = 86_400 * 10**9
ROW_GROUP = 30_720


@dataclass(frozen=True, slots=True)
class Extent:
    """What a segment has of one stream: times of the first and last line (ns), lines, bytes."""

    first: int
    last: int
    lines: int
    size: int


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment on disk. `raw_size` are the bytes of its lines, `file_size` those of its file."""

    path: Path
    day: int
    """Days since 1970, in UTC."""
    fields: tuple[Field, ...] | None
    """What has columns; None where nobody has looked yet what is worth one."""
    exact: bool
    """Whether the columns say all of every row."""
    streams: dict[int, Extent] = field(hash=False, compare=False)
    lines: int
    raw_size: int
    file_size: int
    first: int
    last: int

    @property
    def name(self) -> str:
        """The name in the manifest."""
        return self.path.stem

    def delete(self) -> None:
        """Remove the files."""
        self.path.unlink(missing_ok=True)
        _description(self.path).unlink(missing_ok=True)


def write_segment(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    rows: pa.Table,
    day: int,
    columns: Columns | None,
) -> Segment:
    """Make a segment of lines of one day, and bring it to the disk; raises OSError.

    `rows` has the columns stream, ts, seq, line and meta; `columns` gives it more columns.
    """
    fields: tuple[Field, ...] | None = None
    sql = "SELECT stream, ts, seq, line, meta FROM head"
    parameters: list[Any] = []
    doubtful = "TRUE"
    if columns is not None:
        fields, sql, parameters, doubtful = columns(_sample(rows.column("line")), sql)
    rows = _in_order(rows)
    connection.register("head", rows)
    try:
        connection.execute(
            f"COPY ({sql}) TO {_quoted(path)} (FORMAT parquet,"
            f" COMPRESSION lz4_raw, ROW_GROUP_SIZE {ROW_GROUP},"
            " PARQUET_VERSION V2)",
            parameters,
        )
        counted = connection.execute(
            "SELECT stream, min(ts), max(ts), count(*), sum(strlen(line)) FROM head GROUP BY 1"
        ).fetchall()
        doubts = connection.execute(
            f"SELECT 1 FROM read_parquet(?) WHERE {doubtful} LIMIT 1", [str(path)]
        ).fetchall()
    except duckdb.Error as error:
        path.unlink(missing_ok=True)
        raise OSError(28, f"cannot write {path.name}: {error}") from None
    finally:
        connection.unregister("head")
    sync(path)
    streams = {int(s): Extent(int(a), int(b), int(n), int(z)) for s, a, b, n, z in counted}
    segment = Segment(
        path=path,
        day=day,
        fields=fields,
        exact=not doubts,
        streams=streams,
        lines=rows.num_rows,
        raw_size=sum(one.size for one in streams.values()),
        file_size=path.stat().st_size,
        first=min(one.first for one in streams.values()),
        last=max(one.last for one in streams.values()),
    )
    replace(_description(path), json.dumps(_described(segment)).encode())
    return segment


def read_segment(path: Path) -> Segment:
    """The segment in a file, by the description beside it."""
    told: dict[str, Any] = json.loads(_description(path).read_bytes())
    fields = told["fields"]
    return Segment(
        path=path,
        day=told["day"],
        fields=None if fields is None else tuple(Field(*one) for one in fields),
        exact=told.get("exact", False),  # older ones do not tell
        streams={int(stream): Extent(*one) for stream, one in told["streams"].items()},
        lines=told["lines"],
        raw_size=told["raw_size"],
        file_size=told["file_size"],
        first=told["first"],
        last=told["last"],
    )


def _described(one: Segment) -> dict[str, Any]:
    return {
        "day": one.day,
        "fields": one.fields and [[each.name, each.kind] for each in one.fields],
        "exact": one.exact,
        "streams": {s: [e.first, e.last, e.lines, e.size] for s, e in one.streams.items()},
        "lines": one.lines,
        "raw_size": one.raw_size,
        "file_size": one.file_size,
        "first": one.first,
        "last": one.last,
    }


def _description(path: Path) -> Path:
    return path.with_suffix(".json")


def _in_order(rows: pa.Table) -> pa.Table:
    """The rows by stream, time and number; the same table where they are, and no copy of it."""
    stream, ts, seq = (rows.column(name).to_numpy() for name in ("stream", "ts", "seq"))
    order = np.lexsort((seq, ts, stream))
    if (order[1:] > order[:-1]).all():
        return rows
    return rows.combine_chunks().take(pa.array(order))


def _quoted(path: Path) -> str:
    """COPY takes no parameter for its target; the name is ours but for the folder's."""
    return "'" + str(path).replace("'", "''") + "'"


def _sample(lines: Any) -> list[str]:
    """Lines from all over a column."""
    step = max(1, len(lines) // SAMPLE)
    found: list[str] = lines.take(pa.array(range(0, len(lines), step))).to_pylist()
    return found
