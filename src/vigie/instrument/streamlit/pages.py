"""What the person at the screen meets: pages that load, fail, and are written to."""

from __future__ import annotations

import time
from contextlib import ContextDecorator
from types import TracebackType
from typing import Any

from prometheus_client import REGISTRY, CollectorRegistry

from vigie.catalogue import streamlit as catalogue
from vigie.catalogue.metric import OTHER
from vigie.instrument import spans
from vigie.instrument.guard import guarded
from vigie.instrument.meters import Meters, meters
from vigie.instrument.streamlit.process import watch_process

NAME = "streamlit"
"""What this instrument is called where its failures are counted."""

_COUNTED = "_vigie_counted"


class track_page(ContextDecorator):  # noqa: N801 - used as a statement, or as a decorator
    """Take the time of a page's script run, and count the exceptions that leave it.

    A run that `st.stop()` ends is a page that has loaded; one that is broken off because the
    script runs again (`st.rerun()`, the user's next click) is none. Neither is an error.
    """

    def __init__(self, name: str, *, registry: CollectorRegistry = REGISTRY) -> None:
        self._name = name
        self._registry = registry
        self._started = 0.0
        self._span: spans.Span | None = None
        self._outside: Any = None

    def _recreate_cm(self) -> track_page:
        # A decorated function may run in several sessions at once: each run has its own time.
        return track_page(self._name, registry=self._registry)

    def __enter__(self) -> None:
        if spans.tracing is not None:
            with guarded("traces"):
                span = spans.tracing.work(f"page {self._name}")
                self._outside = span.enter()
                self._span = span
        self._started = time.perf_counter()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        seconds = time.perf_counter() - self._started
        if self._span is not None:
            with guarded("traces"):
                self._span.leave(self._outside)
                self._span.end(error=error if isinstance(error, Exception) else None)
        with guarded(NAME):
            ours = _ours(self._registry)
            if isinstance(error, Exception):
                count_error(ours, self._name, error)
            elif error is not None and kind is not None and kind.__name__ != "StopException":
                return
            ours[catalogue.PAGE_LOAD].child(self._name).observe(seconds)


def track_chat_message(role: str, *, registry: CollectorRegistry = REGISTRY) -> None:
    """Count a message of the chat; `role` is "user" or "assistant", as in `st.chat_message`."""
    with guarded(NAME):
        _ours(registry)[catalogue.CHAT_MESSAGES].child(role).inc()


def count_error(ours: Meters, page: str, error: Exception) -> None:
    """Count an exception that a page showed, once however many pages it leaves."""
    if type(error).__name__ == "FragmentHandledException" and error.args:
        # How Streamlit ends the page's run after it has shown a fragment's exception.
        error = error.args[0]
    if not getattr(error, _COUNTED, False):
        ours[catalogue.UI_ERRORS].child(page, type(error).__name__).inc()
        setattr(error, _COUNTED, True)


def count_error_outside_pages(error: Exception, registry: CollectorRegistry = REGISTRY) -> None:
    """Count an exception that Streamlit showed and no page let through: a callback's, say."""
    with guarded(NAME):
        count_error(_ours(registry), OTHER, error)


def _ours(registry: CollectorRegistry) -> Meters:
    ours = meters(registry)
    watch_process(ours)
    ours[catalogue.UI_ERRORS]  # there from the start, whether or not anything fails
    return ours
