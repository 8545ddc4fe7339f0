"""Spans of requests and calls: there where `vigie.instrument.traces` has been set up, else none.

The instruments ask `tracing`, which is None until then: that question is all that they pay.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from vigie.instrument.context import RequestContext


class Span(Protocol):
    """What a service does for a while, from when it was made until `end`."""

    @property
    def trace_id(self) -> str:
        """Of the trace that it is kept in; empty where it is not kept."""

    def enter(self) -> Any:
        """Make it the current one of this task or thread; returns what `leave` takes."""

    def leave(self, before: Any) -> None:
        """Make the one before it the current one again, in this task or thread."""

    def end(
        self, *, name: str = "", status: int | None = None, error: BaseException | str | None = None
    ) -> None:
        """End it, once: as what it is known now, HTTP's status, and what went wrong."""


class CallSpan(Span, Protocol):
    """A call to another service."""

    def headers(self) -> Mapping[str, str]:
        """By which the other service's spans become part of the trace."""


class Tracing(Protocol):
    """Makes spans. Nothing of what a client sends is in them but its method and its trace."""

    def request(self, context: RequestContext, method: str) -> Span:
        """A request to this service, whose ids become those of `context`; `end` names its route."""

    def call(self, method: str, target: str, host: str, port: int | None) -> CallSpan:
        """A call to another service; `target` is what it is called, empty where that is unknown."""

    def statement(
        self,
        system: str,
        database: str,
        operation: str,
        text: object,
        *,
        seconds: float,
        error: BaseException | None,
    ) -> None:
        """A statement to a database, which has just ended; nothing outside of a trace."""

    def work(self, name: str) -> Span:
        """A piece of work of this service's own, of one of a few names."""


tracing: Tracing | None = None
"""What makes the spans of this process."""
