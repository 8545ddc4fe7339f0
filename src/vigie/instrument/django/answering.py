"""The request that Django is answering, and what is noted about it on the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vigie.instrument.context import RequestContext, current
from vigie.instrument.spans import Span


class Answering(RequestContext):
    """One request on its way through Django's middlewares and view.

    What happens deep inside (a refused password, an exception, a statement) is noted here by the
    receiver that sees it, and counted by the middleware when the answer is there. So everything is
    counted once per request, however often it was seen.
    """

    __slots__ = ("counted_by", "notes", "outside", "request", "span")
    outside: Any  # what was current around the span

    def __init__(self, request: Any) -> None:
        # Every request pays for this: nothing more is made until there is something to note.
        self.request = request
        self.notes: Notes | None = None
        self.counted_by: Any = None  # what PrometheusMiddleware counts the request with
        self.span: Span | None = None

    def header(self, name: str) -> str | None:
        """A header of the request, None where it is absent."""
        value = self.request.META.get("HTTP_" + name.upper().replace("-", "_"))
        return None if value is None else str(value)

    def note(self) -> Notes:
        """Where to write down what happens to the request."""
        if self.notes is None:
            self.notes = Notes()
        return self.notes


@dataclass(slots=True)
class Notes:
    """What happened to one request."""

    exception: BaseException | None = None
    """The first exception that Django turned into a 500."""
    refused: str | None = None
    """The reason for which Django's own login refused the credentials."""
    account: int | None = None
    """A hash of the account's name that the refused credentials gave."""
    logged_in: bool = False
    left_out: bool = False
    """Whether it is a scrape, of which nothing is counted."""
    statements: int = 0
    statements_seconds: float = 0.0
    slowest_seconds: float = 0.0
    slowest_sql: object = ""
    slowest_vendor: str = ""


def enter(request: Any) -> tuple[Answering, RequestContext | None]:
    """Make the context of `request` the current one.

    Returns it, and the one to restore when the answer is there. Where another middleware of ours
    has made it, both are that one.
    """
    before = current.get()
    if type(before) is Answering and before.request is request:
        return before, before
    context = Answering(request)
    current.set(context)
    return context, before


def now_answering() -> Answering | None:
    """The request that this thread or task is answering, if one of our middlewares has seen it."""
    context = current.get()
    return context if type(context) is Answering else None
