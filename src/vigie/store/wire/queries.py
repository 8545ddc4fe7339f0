"""The endpoints that answer LogQL."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import anyio
import duckdb
from starlette.requests import Request
from starlette.responses import Response

from vigie.store.logql import LogQLError, parse, pretty
from vigie.store.logql import tree as t
from vigie.store.logql.errors import LimitError, PipelineError
from vigie.store.query import Extract, Grid, log_query, metric_query
from vigie.store.query.series import MatchingError
from vigie.store.segments import LogStore
from vigie.store.wire import answers
from vigie.store.wire.errors import bad
from vigie.store.wire.ingest import read_body
from vigie.store.wire.parameters import (
    MOST_SERIES,
    check_entries,
    is_backward,
    limit,
    moment,
    range_query,
)

AT_ONCE = 4
"""Queries that run at the same time; others wait."""

NO_INSTANT_LOGS = (
    "log queries are not supported as an instant query type,"
    " please change your query to a range query type"
)


class Queries:
    """query, query_range and format_query."""

    def __init__(self, store: LogStore, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self._store = store
        self._clock_ns = clock_ns
        self._limiter: anyio.CapacityLimiter | None = None

    async def range(self, request: Request) -> Response:
        """/loki/api/v1/query_range"""
        form = await read_form(request)
        flags = request.headers.get("x-loki-response-encoding-flags", "")
        by_kind = "categorize-labels" in [flag.strip() for flag in flags.split(",")]
        return await self.run(lambda: self._range(form, by_kind))

    async def instant(self, request: Request) -> Response:
        """/loki/api/v1/query"""
        form = await read_form(request)
        return await self.run(lambda: self._instant(form))

    async def format(self, request: Request) -> Response:
        """/loki/api/v1/format_query"""
        form = await read_form(request)
        try:
            return json_response(answers.success(pretty(parse(form.get("query", "")))))
        except LogQLError as error:
            raise bad(str(error)) from None

    async def run(self, work: Callable[[], Any]) -> Response:
        """The answer of `work`, which runs in a thread; what it refuses is told to the client."""
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(AT_ONCE)
        try:
            answer = await anyio.to_thread.run_sync(work, limiter=self._limiter)
        except (LogQLError, PipelineError, MatchingError, LimitError) as error:
            raise bad(str(error)) from None
        except duckdb.OutOfMemoryException:
            raise bad(
                "the query needs more memory than the store may use; ask for less time,"
                " for fewer streams, or for fewer lines"
            ) from None
        return json_response(answer)

    def _range(self, form: dict[str, str], by_kind: bool) -> bytes:
        began = time.monotonic()
        asked = range_query(form, self._clock_ns())
        query = parse(asked.query)
        if isinstance(query, t.LogQuery):
            check_entries(asked.limit)
            extract = Extract(
                asked.start, asked.end, asked.limit, asked.backward, asked.interval, by_kind
            )
            found = log_query(self._store, query, extract)
            result = answers.streams(found)
            return answers.encoded(
                answers.query_data("streams", result, time.monotonic() - began, by_kind)
            )
        # Loki answers at multiples of the step, from before the start to after the end.
        start = asked.start // asked.step * asked.step
        grid = Grid(start, -(-asked.end // asked.step) * asked.step, asked.step)
        series = metric_query(self._store, query, grid)
        _check_series(len(series))
        matrix = answers.matrix(series, grid.times)
        return answers.encoded(answers.query_data("matrix", matrix, time.monotonic() - began))

    def _instant(self, form: dict[str, str]) -> bytes:
        began = time.monotonic()
        limit(form)
        at = moment(form.get("time", ""), self._clock_ns())
        is_backward(form)
        query = parse(form.get("query", ""))
        if isinstance(query, t.LogQuery):
            raise bad(NO_INSTANT_LOGS)
        if isinstance(query, t.Literal):
            scalar = answers.scalar(query.value, at)
            return answers.encoded(answers.query_data("scalar", scalar, time.monotonic() - began))
        series = metric_query(self._store, query, Grid(at, at))
        _check_series(len(series))
        vector = answers.vector(series, at)
        return answers.encoded(answers.query_data("vector", vector, time.monotonic() - began))


def _check_series(count: int) -> None:
    if count > MOST_SERIES:
        raise bad(
            f"maximum number of series ({MOST_SERIES}) reached for a single query; consider"
            " reducing query cardinality by adding more specific stream selectors, reducing the"
            " time range, or aggregating results with functions like sum(), count() or topk()"
        )


async def read_form(request: Request) -> dict[str, str]:
    """The parameters of a query, from the URL and from a form; the first of each name."""
    return dict(reversed(await read_pairs(request)))


async def read_pairs(request: Request) -> list[tuple[str, str]]:
    """The parameters of a query; those of a form come first, as Go has them."""
    from urllib.parse import parse_qsl

    pairs = []
    if request.method == "POST":
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        body = await read_body(request)
        if kind == "application/x-www-form-urlencoded":
            try:
                pairs = parse_qsl(body.decode(), keep_blank_values=True)
            except ValueError as error:
                raise bad(str(error)) from None
    return [*pairs, *request.query_params.multi_items()]


def json_response(answer: Any) -> Response:
    """200 with JSON."""
    content = answer if isinstance(answer, bytes) else answers.encoded(answer)
    return Response(content, media_type="application/json")
