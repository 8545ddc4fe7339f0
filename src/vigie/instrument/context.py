"""Which request is being answered: the ids that logs, spans and calls to other services carry.

The ids are read, or made, when somebody first asks for them: most requests never do, and a request
must not pay for what it does not use.
Formats: W3C Trace Context (https://www.w3.org/TR/trace-context/) and the customary X-Request-ID.
"""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Callable
from contextvars import ContextVar

_TRACEPARENT = re.compile(r"^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$")
_MEMBER = (
    r"[a-z0-9][a-z0-9_*/-]{0,240}(?:@[a-z][a-z0-9_*/-]{0,13})?=[!-+\--<>-~][ -+\--<>-~]{0,255}"
)
_TRACESTATE = re.compile(rf"{_MEMBER}(?:[ \t]*,[ \t]*{_MEMBER}){{0,31}}")
_LONGEST_TRACESTATE = 512
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
_random = random.SystemRandom()
_making = threading.Lock()


class RequestContext:
    """The ids of one request.

    `header` looks up a request header by its lower-case name and returns None where it is absent.
    What comes from outside is taken only if it is well formed, so that no caller can forge a line
    in a log.
    """

    # The ids are absent until somebody asks: not even a None is stored for them before.
    __slots__ = ("_ids", "header")
    _ids: tuple[str, str, str, str]

    def __init__(self, header: Callable[[str], str | None]) -> None:
        self.header = header

    @property
    def request_id(self) -> str:
        """The caller's X-Request-ID, or a new one: 32 hexadecimal digits."""
        return self._all_ids()[0]

    @property
    def trace_id(self) -> str:
        """The trace's id: 32 hexadecimal digits, the caller's where it sent one."""
        return self._all_ids()[1]

    @property
    def span_id(self) -> str:
        """The id of this service's part of the trace: 16 hexadecimal digits, always new."""
        return self._all_ids()[2]

    def caller(self) -> tuple[str, str, str] | None:
        """The trace, the span and the flags that the caller told; None where it told none."""
        given = _TRACEPARENT.match((self.header("traceparent") or "").strip())
        if given and int(given[1], 16) and int(given[2], 16):
            return given[1], given[2], given[3]
        return None

    def tracestate(self) -> str:
        """What other tracers on the way have added to the caller's trace; empty for nothing."""
        given = (self.header("tracestate") or "").strip()
        fits = len(given) <= _LONGEST_TRACESTATE and _TRACESTATE.fullmatch(given)
        return given if fits and self.caller() is not None else ""

    def adopt(self, trace_id: str, span_id: str, flags: str) -> None:
        """Take these ids: those of the span that a tracer has made for the request."""
        self._ids = (_request_id(self.header), trace_id, span_id, flags)

    def outgoing_headers(self) -> dict[str, str]:
        """The headers by which a call to another service carries the ids on."""
        request_id, trace_id, span_id, flags = self._all_ids()
        headers = {
            "x-request-id": request_id,
            "traceparent": f"00-{trace_id}-{span_id}-{flags}",
        }
        if state := self.tracestate():
            headers["tracestate"] = state
        return headers

    def _all_ids(self) -> tuple[str, str, str, str]:
        try:
            return self._ids
        except AttributeError:
            with _making:  # a request's threads all get the same ids
                if not hasattr(self, "_ids"):
                    self._ids = (_request_id(self.header), *_trace(self.caller()))
                return self._ids


def _request_id(header: Callable[[str], str | None]) -> str:
    given = header("x-request-id")
    if given and _REQUEST_ID.fullmatch(given):
        return given
    return f"{_random.getrandbits(128):032x}"


def _trace(caller: tuple[str, str, str] | None) -> tuple[str, str, str]:
    """Trace id, a new span id, and flags."""
    span_id = f"{_random.randrange(1, 2**64):016x}"
    if caller is not None:
        return caller[0], span_id, caller[2]
    return f"{_random.randrange(1, 2**128):032x}", span_id, "01"


current: ContextVar[RequestContext | None] = ContextVar("vigie_request", default=None)
"""The request that this task or thread is answering; None outside of one."""


def current_or_new() -> RequestContext:
    """The present request's context, or a fresh one where no request is being answered."""
    return current.get() or RequestContext(lambda _name: None)
