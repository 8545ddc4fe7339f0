"""One trace, whole."""

from __future__ import annotations

from dataclasses import dataclass

from vigie.store.logql.plan import Sql
from vigie.store.segments import LogStore
from vigie.store.spans.reading import reading
from vigie.store.spans.span import Source, Span, read, source_of

MOST_SPANS = 50_000
"""Of one trace that are answered."""


@dataclass(frozen=True, slots=True)
class Trace:
    """The spans of a trace by their sources, each span once; `whole` unless there are too many."""

    spans: list[tuple[Source, Span]]
    whole: bool


def find_trace(store: LogStore, trace: str) -> Trace:
    """The trace of an id of 32 hexadecimal digits; without spans where there is none."""
    with reading(store) as reader:
        streams = reader.streams
        selects = []
        for part in reader.parts():
            if part.fields is None:
                selects.append(
                    Sql(
                        f"SELECT stream, ts, seq, line, meta FROM {part.table.text}"
                        " WHERE contains(line, ?) AND json_extract_string(line, '/t') = ?",
                        (*part.table.parameters, trace, trace),
                    )
                )
            else:
                selects.append(
                    Sql(
                        f"SELECT stream, ts, seq, line, meta FROM {part.table.text}"
                        " WHERE trace = ?",
                        (*part.table.parameters, trace),
                    )
                )
        rows = reader.ask(
            Sql(
                "SELECT stream, ts, line, meta FROM ("
                + " UNION ALL ".join(one.text for one in selects)
                + ") ORDER BY ts, seq LIMIT ?",
                (*(value for one in selects for value in one.parameters), MOST_SPANS + 1),
            )
        )
    found: dict[tuple[str, int], tuple[Source, Span]] = {}
    for stream, start, line, meta in rows[:MOST_SPANS]:
        span = read(start, line, meta)
        source = source_of(streams[stream]["resource"], streams[stream]["scope"])
        # Client and server may share an id, as in Zipkin's traces.
        found.setdefault((span.span, span.kind), (source, span))
    return Trace(list(found.values()), len(rows) <= MOST_SPANS)
