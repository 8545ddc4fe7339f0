"""Which request is being answered: the ids that logs, spans and calls to other services carry.

The ids are read, or made, when somebody first asks for them: most requests never do, and a request
must not pay for what it does not use.
Formats: W3C Trace Context (https://www.w3.org/TR/trace-context/) and the customary X-Request-ID.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from contextvars import ContextVar

_TRACEPARENT = re.compile(r"^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$")
_REQUEST_ID = re.compile(r"^[A-Za-z0-9._:/+=-]{1,128}$")
_random = random.SystemRandom()


class RequestContext:
    """The ids of one request.

    `header` looks up a request header by its lower-case name and returns None where it is absent.
    What comes from outside is taken only if it is well formed, so that no caller can forge a line
    in a log.
    """

    __slots__ = ("_header", "_request_id", "_trace")

    def __init__(self, header: Callable[[str], str | None]) -> None:
        self._header = header
        self._request_id: str | None = None
        self._trace: tuple[str, str, str] | None = None

    @property
    def request_id(self) -> str:
        """The caller's X-Request-ID, or a new one: 32 hexadecimal digits."""
        if self._request_id is None:
            given = self._header("x-request-id")
            well_formed = given is not None and _REQUEST_ID.match(given)
            self._request_id = (
                given if given and well_formed else f"{_random.getrandbits(128):032x}"
            )
        return self._request_id

    @property
    def trace_id(self) -> str:
        """The trace's id: 32 hexadecimal digits, the caller's where it sent one."""
        return self._traced()[0]

    @property
    def span_id(self) -> str:
        """The id of this service's part of the trace: 16 hexadecimal digits, always new."""
        return self._traced()[1]

    def outgoing_headers(self) -> dict[str, str]:
        """The headers by which a call to another service carries the ids on."""
        trace_id, span_id, flags = self._traced()
        return {
            "x-request-id": self.request_id,
            "traceparent": f"00-{trace_id}-{span_id}-{flags}",
        }

    def _traced(self) -> tuple[str, str, str]:
        if self._trace is None:
            match = _TRACEPARENT.match((self._header("traceparent") or "").strip())
            span_id = f"{_random.randrange(1, 2**64):016x}"
            if match and int(match[1], 16) and int(match[2], 16):
                self._trace = (match[1], span_id, match[3])
            else:
                self._trace = (f"{_random.randrange(1, 2**128):032x}", span_id, "01")
        return self._trace


current: ContextVar[RequestContext | None] = ContextVar("vigie_request", default=None)
"""The request that this task or thread is answering; None outside of one."""


def current_or_new() -> RequestContext:
    """The present request's context, or a fresh one where no request is being answered."""
    return current.get() or RequestContext(lambda _name: None)
