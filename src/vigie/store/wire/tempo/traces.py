"""The endpoints that answer about traces."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import anyio
import duckdb
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from vigie.store.spans import SpanStore
from vigie.store.spans.search import Asked, search
from vigie.store.spans.tags import tag_names, tag_values
from vigie.store.spans.trace import MOST_SPANS, find_trace
from vigie.store.traceql import tree as t
from vigie.store.wire.errors import RequestError
from vigie.store.wire.queries import json_response
from vigie.store.wire.tempo import answers, parameters, trace_json, trace_protobuf

log = logging.getLogger("vigie.store")

AT_ONCE = 4
"""Queries that run at the same time; others wait."""

PROTOBUF = "application/protobuf"
TOO_LARGE = f"the trace has more than {MOST_SPANS} spans"
SCOPES = ("resource", "span", "event", "link", "instrumentation", "intrinsic")


class Traces:
    """Traces by id, searches, and the names and values of tags."""

    def __init__(self, store: SpanStore) -> None:
        self._store = store
        self._limiter: anyio.CapacityLimiter | None = None

    async def trace(self, request: Request) -> Response:
        """/api/traces/<id>"""
        return await self._run(lambda: self._trace(request))

    async def trace_v2(self, request: Request) -> Response:
        """/api/v2/traces/<id>"""
        return await self._run(lambda: self._trace_v2(request))

    async def search(self, request: Request) -> Response:
        """/api/search"""
        return await self._run(lambda: self._search(request))

    async def tags(self, request: Request) -> Response:
        """/api/search/tags"""
        return await self._run(lambda: self._tags(request))

    async def tags_v2(self, request: Request) -> Response:
        """/api/v2/search/tags"""
        return await self._run(lambda: self._tags_v2(request))

    async def values(self, request: Request) -> Response:
        """/api/search/tag/<name>/values"""
        return await self._run(lambda: self._values(request))

    async def values_v2(self, request: Request) -> Response:
        """/api/v2/search/tag/<name>/values"""
        return await self._run(lambda: self._values_v2(request))

    async def _run(self, work: Callable[[], Response]) -> Response:
        """Work in a thread, a few at the same time."""
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(AT_ONCE)
        try:
            return await anyio.to_thread.run_sync(work, limiter=self._limiter)
        except duckdb.OutOfMemoryException:
            raise RequestError(422, "the query needs more memory than it may have") from None

    def _trace(self, request: Request) -> Response:
        trace = parameters.trace_id(request.path_params["trace"])
        parameters.period(request.query_params)
        found = find_trace(self._store, trace)
        if not found.spans:
            return PlainTextResponse("trace not found", status_code=404)
        if not found.whole:
            raise RequestError(422, TOO_LARGE)
        if _wants_protobuf(request):
            return Response(trace_protobuf.trace(found.spans), media_type=PROTOBUF)
        return json_response({"batches": trace_json.resource_spans(found.spans)})

    def _trace_v2(self, request: Request) -> Response:
        trace = parameters.trace_id(request.path_params["trace"])
        parameters.period(request.query_params)
        found = find_trace(self._store, trace)
        partial = "" if found.whole else TOO_LARGE
        if _wants_protobuf(request):
            return Response(trace_protobuf.answer(found.spans, partial), media_type=PROTOBUF)
        spans = trace_json.resource_spans(found.spans)
        told: dict[str, Any] = {
            "trace": {"resourceSpans": spans} if spans else {},
            "metrics": {},
        }
        if partial:
            told |= {"status": "PARTIAL", "message": partial}
        return json_response(told)

    def _search(self, request: Request) -> Response:
        asked = request.query_params
        period = parameters.period(asked)
        traces = parameters.limit(asked, "limit", parameters.DEFAULT_TRACES, parameters.MOST_TRACES)
        spans = parameters.limit(asked, "spss", parameters.DEFAULT_SPANS, parameters.MOST_SPANS)
        text = asked.get("q", "")
        if text and asked.get("tags"):
            raise RequestError(400, "invalid request: can't specify tags and q in the same query")
        query = parameters.traceql(text) if text else parameters.by_tags(asked)
        found = search(self._store, query, Asked(period, traces, spans))
        segments = self._store.segments()
        size = sum(one.file_size for one in segments)
        return json_response(answers.searched(found, bool(text), len(segments), size))

    def _tags(self, request: Request) -> Response:
        found = self._names(request)
        names = sorted({name for scope in found.values() for name in scope})
        return json_response(answers.tags(names))

    def _tags_v2(self, request: Request) -> Response:
        return json_response(answers.scopes(self._names(request)))

    def _names(self, request: Request) -> dict[str, list[str]]:
        asked = request.query_params
        scope = asked.get("scope", "")
        if scope not in ("", "none", *SCOPES):
            raise RequestError(400, f"invalid scope: {scope}")
        period = parameters.period(asked)
        most = parameters.limit(asked, "limit", parameters.DEFAULT_VALUES, 1_000_000)
        found = {"intrinsic": list(answers.INTRINSIC_TAGS)}
        if scope != "intrinsic":
            found |= tag_names(self._store, period, parameters.only_filter(asked))
        if not scope and request.url.path.startswith("/api/search"):
            del found["intrinsic"]
        chosen = SCOPES if scope in ("", "none") else (scope,)
        return {one: found[one][:most] for one in chosen if one in found}

    def _values(self, request: Request) -> Response:
        name = request.path_params["name"]
        special = parameters.SPECIAL_TAGS.get(name)
        field: t.Field = t.Intrinsic(special) if special else t.Attribute("", name)
        return json_response(answers.values(self._found_values(request, field)))

    def _values_v2(self, request: Request) -> Response:
        field = parameters.tag(request.path_params["name"])
        return json_response(answers.typed_values(self._found_values(request, field)))

    def _found_values(self, request: Request, field: t.Field) -> list[tuple[str, str]]:
        asked = request.query_params
        period = parameters.period(asked)
        most = parameters.limit(asked, "limit", parameters.DEFAULT_VALUES, 1_000_000)
        kind = t.type_of(field)
        if kind in (t.STATUS, t.KIND):  # Tempo tells all that there may be
            words = t.STATUSES if kind == t.STATUS else t.KINDS
            return [("keyword", word) for word in words]
        if kind == t.DURATION:
            return []
        return tag_values(self._store, field, period, parameters.only_filter(asked), most)


def _wants_protobuf(request: Request) -> bool:
    return PROTOBUF in request.headers.get("accept", "")
