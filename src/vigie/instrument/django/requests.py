"""Requests: how many, how long, how they end, and what they leave unhandled."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.core.signals import got_request_exception
from prometheus_client import REGISTRY, CollectorRegistry

from vigie.catalogue.django import HTTP
from vigie.catalogue.metric import OTHER
from vigie.instrument import spans
from vigie.instrument.context import RequestContext, current
from vigie.instrument.django.answering import Answering, enter, now_answering
from vigie.instrument.django.database import watch_databases
from vigie.instrument.django.options import options
from vigie.instrument.django.routes import endpoint_of
from vigie.instrument.django.statements import without_values
from vigie.instrument.django.streams import follow
from vigie.instrument.guard import count_failure, guarded
from vigie.instrument.http import CANCELLED, HttpMeters, Tally, is_method
from vigie.instrument.meters import Meters, meters

log = logging.getLogger("vigie")

_CANCELLED = int(CANCELLED)
_TALLIES_CAP = 5_000


class PrometheusMiddleware:
    """Counts and times the requests that pass it, and the statements that they send to databases.

    Placed first in MIDDLEWARE it sees all that Django does for a request; placed last it sees the
    view. It works alike under WSGI and ASGI, without a change of thread. A response is timed until
    its last byte has been produced; one that its client gives up counts with status 499.
    """

    sync_capable = True
    async_capable = True

    def __init__(
        self, get_response: Callable[[Any], Any], registry: CollectorRegistry = REGISTRY
    ) -> None:
        self.get_response = get_response
        self._asynchronous = iscoroutinefunction(get_response)
        if self._asynchronous:
            markcoroutinefunction(self)
        self._requests: _Requests | None = None
        chosen = options()
        with guarded("django"):
            self._requests = _Requests(meters(registry), chosen.slow_request_seconds)
            got_request_exception.connect(_request_failed)
        with guarded("django_databases"):
            watch_databases(meters(registry), chosen.slow_statement_seconds)

    def __call__(self, request: Any) -> Any:
        """Answer the request; under ASGI, the coroutine that does."""
        requests = self._requests
        if requests is None:  # the registry is broken: the site is not
            return self.get_response(request)
        if self._asynchronous:
            return self._answer(request, requests)
        started = perf_counter()
        context, before = requests.begin(request)
        try:
            response = self.get_response(request)
        except BaseException as error:
            requests.break_off(context, before, started, error)
            raise
        requests.end(context, before, started, response, asynchronous=False)
        return response

    async def _answer(self, request: Any, requests: _Requests) -> Any:
        started = perf_counter()
        context, before = requests.begin(request)
        try:
            response = await self.get_response(request)
        except BaseException as error:
            requests.break_off(context, before, started, error)
            raise
        requests.end(context, before, started, response, asynchronous=True)
        return response


def leave_out_this_request() -> CollectorRegistry:
    """Count nothing of the request that is being answered, for it is a scrape.

    Returns the registry to scrape: that of the middleware around the view, else the default one.
    """
    context = now_answering()
    if context is None or context.counted_by is None:
        return REGISTRY
    counted_by: _Requests = context.counted_by
    return counted_by.leave_out(context)


class _Requests:
    """The HTTP metrics of one registry, and their tallies by what a request has in its hands."""

    def __init__(self, meters: Meters, slow_seconds: float) -> None:
        self._meters = meters
        self._slow_seconds = slow_seconds
        self._http = HttpMeters(HTTP, meters)
        self._tallies: dict[tuple[str, str | None, int], tuple[Tally, str]] = {}

    def begin(self, request: Any) -> tuple[Answering, RequestContext | None]:
        """A request arrives; what to hand back when it ends."""
        try:
            self._http.in_progress.inc()
        except Exception as error:
            count_failure("django", error, self._meters)
        context, before = enter(request)
        context.counted_by = self
        if spans.tracing is not None:
            self._begin_span(context, spans.tracing)
        return context, before

    def leave_out(self, context: Answering) -> CollectorRegistry:
        """Count nothing of this request, which is a scrape; returns the registry to scrape."""
        self._http.in_progress.dec()
        context.note().left_out = True
        return self._meters.registry

    def end(
        self,
        context: Answering,
        before: RequestContext | None,
        started: float,
        response: Any,
        asynchronous: bool,
    ) -> None:
        """The response is there; a streamed one is still to be sent."""
        current.set(before)
        if context.span is not None:
            self._leave_span(context, context.span)
        if context.notes is not None and context.notes.left_out:
            return
        try:
            seconds = perf_counter() - started
            status = response.status_code
            if seconds > self._slow_seconds:
                self._log_slow(context, status, seconds)
            if response.streaming:
                finish = partial(self._end_stream, context, started, status)
                if follow(response, context, asynchronous, finish):
                    return
            self._count(context, status, seconds)
        except Exception as error:
            count_failure("django", error, self._meters)

    def break_off(
        self,
        context: Answering,
        before: RequestContext | None,
        started: float,
        error: BaseException,
    ) -> None:
        """There will be no response: the client left, or the process is told to stop."""
        current.set(before)
        if context.span is not None:
            self._leave_span(context, context.span)
        if context.notes is not None and context.notes.left_out:
            return
        try:
            seconds = perf_counter() - started
            cancelled = isinstance(error, asyncio.CancelledError | GeneratorExit)
            status = _CANCELLED if cancelled else 500
            if not cancelled:
                _note_exception(context, error)
            if seconds > self._slow_seconds:
                self._log_slow(context, status, seconds)
            self._count(context, status, seconds)
        except Exception as failure:
            count_failure("django", failure, self._meters)

    def _end_stream(
        self,
        context: Answering,
        started: float,
        status: int,
        cancelled: bool,
        error: BaseException | None,
    ) -> None:
        try:
            if error is not None:
                status = 500
                _note_exception(context, error)
            elif cancelled:
                status = _CANCELLED
            self._count(context, status, perf_counter() - started)
        except Exception as failure:
            count_failure("django", failure, self._meters)

    def _count(self, context: Answering, status: int, seconds: float) -> None:
        tally, endpoint = self._tally(context.request, status)
        tally.add(seconds)
        notes = context.notes
        if context.span is not None:
            with guarded("traces", self._meters):
                tally.seen_in(context.span.trace_id, seconds)
                error = None if notes is None else notes.exception
                context.span.end(name=endpoint, status=status, error=error)
        if notes is not None and notes.exception is not None:
            self._http.count_exception(endpoint, notes.exception)
            notes.exception = None  # it holds on to the frames that it came through

    def _tally(self, request: Any, status: int) -> tuple[Tally, str]:
        """What counts requests like this one, and its endpoint."""
        match = request.resolver_match
        key = (request.method, None if match is None else match.route, status)
        found = self._tallies.get(key)
        if found is None:
            endpoint = endpoint_of(request)
            found = self._http.tally(request.method, endpoint, status), endpoint
            # The client chooses the method: made-up ones must not fill the memory.
            if is_method(request.method) and len(self._tallies) < _TALLIES_CAP:
                self._tallies[key] = found
        return found

    def _begin_span(self, context: Answering, tracing: spans.Tracing) -> None:
        with guarded("traces", self._meters):
            span = tracing.request(context, context.request.method)
            context.outside = span.enter()
            context.span = span

    def _leave_span(self, context: Answering, span: spans.Span) -> None:
        with guarded("traces", self._meters):
            span.leave(context.outside)

    def _log_slow(self, context: Answering, status: int, seconds: float) -> None:
        """One line for a slow request: the route and not the path, a statement without values."""
        method = context.request.method
        notes = context.notes
        statements = "statements=0"
        if notes is not None and notes.statements:
            statements = (
                f"statements={notes.statements} statements_seconds={notes.statements_seconds:.3f}"
                f" slowest_seconds={notes.slowest_seconds:.3f}"
                f" slowest={without_values(notes.slowest_sql, notes.slowest_vendor)}"
            )
        outside = current.get()
        current.set(context)  # the line belongs to the request, and carries its ids
        try:
            log.warning(
                "Slow request %s %s %s seconds=%.3f request_id=%s %s",
                method if is_method(method) else OTHER,
                self._tally(context.request, status)[1],
                status,
                seconds,
                context.request_id,
                statements,
            )
        finally:
            current.set(outside)


def _request_failed(**_: Any) -> None:
    """Django turns an exception into a 500; those that it answers otherwise never come here."""
    context, error = now_answering(), sys.exc_info()[1]
    if context is not None and error is not None:
        _note_exception(context, error)


def _note_exception(context: Answering, error: BaseException) -> None:
    notes = context.note()
    notes.exception = notes.exception or error
