"""One call of the SDK, and each attempt that it takes, from the first byte to the last.

An attempt is settled exactly once: when its answer is whole, or raises, or is closed or dropped
before its end. What an interrupted answer took is estimated, and told as an estimate.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from vigie.costs.estimate import Received
from vigie.costs.usage import Usage
from vigie.instrument.http_attempts import Once, kind_of_error
from vigie.instrument.http_bodies import watch_body
from vigie.instrument.openai.call import Call
from vigie.instrument.openai.recorder import Attempted
from vigie.instrument.openai.wire import Document, EventStream, Told

NAME = "openai"
"""What this instrument is called where its failures are counted."""


class Attempt:
    """One attempt, from before its request is sent."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._started = time.perf_counter()
        self._first = Once()
        self._body: Document | EventStream | None = None
        self.take: Callable[[bytes], bytes] = _unchanged
        self._headers: Any = None
        self._told = Told()
        self._outcome = ""
        self._at: datetime | None = None
        self._seconds = 0.0
        self._given_up = False
        self._exemplary = False

    def failed(self, error: BaseException) -> None:
        """The request, or the reading of its answer, raised."""
        if self._first():
            kind = kind_of_error(error)
            outcome = kind if kind in ("cancelled", "timeout") else "server_error"
            # Whoever could not connect, or not send all, has bought nothing.
            self._given_up = kind == "cancelled" or _waited_for_an_answer(error)
            self._end(outcome, wait=self._given_up or self._body is not None)

    def answered(self, response: Any, *, streamed: bool) -> None:
        """The answer's head is there; where `streamed`, its body is still to be read."""
        self._headers = response.headers
        if response.status_code >= 300:
            if self._first():
                self._end(_outcome_of_status(response.status_code))
            return
        self._call.answered = True
        if streamed:
            if "json" in response.headers.get("content-type", ""):
                self._body = Document()
            else:
                self._body = EventStream(self.whole, hides_usage=self._call.hides_usage)
            self.take = self._body.take
            watch_body(response, self, NAME)
        else:
            self._body = Document()
            self._body.take(response.content)
            self.whole()

    def rest(self) -> bytes:
        """What was held back, at the end of the body."""
        return self._body.rest() if self._body is not None else b""

    def whole(self) -> None:
        """The answer is complete."""
        if self._body is not None and self._first():
            told = self._told = self._body.told()
            self._exemplary = told.usage is not None and self._call.estimator.wants(
                self._call.asked_model
            )
            self._end(told.failure or "ok", wait=told.usage is None or self._exemplary)

    def abandoned(self) -> None:
        """The answer was closed or dropped, perhaps before its end."""
        if self._first():
            self._end("cancelled", wait=True)

    def settle(self) -> None:
        """Count the attempt; what it took is estimated where the provider did not say."""
        call, body = self._call, self._body
        if body is not None and self._told.usage is None:
            self._told = body.told()
        told = self._told
        usage = told.usage or self._estimate()
        first_token_at = body.first_token_at if body is not None else None
        first_token_seconds = first_token_at and first_token_at - self._started
        if self._exemplary and body is not None and told.usage is not None:
            call.estimator.learn(
                call.asked_model,
                call.request,
                replace(body.received(), first_token_seconds=first_token_seconds),
                told.usage,
                self._seconds,
            )
        outcome = self._outcome
        if outcome == "cancelled":
            # The SDK itself closes a stream that told of an error. And whoever stops reading after
            # the model's last word has cancelled nothing.
            outcome = told.failure or ("ok" if told.finished else outcome)
        at = self._at or datetime.now(UTC)
        settles = body is not None  # the call's last attempt: it was answered
        amount = call.recorder.record(
            Attempted(
                at=at,
                operation=call.operation,
                model=told.model,
                asked_model=call.asked_model,
                base_url=call.base_url,
                outcome=outcome,
                seconds=self._seconds,
                first_token_seconds=first_token_seconds,
                usage=usage,
                estimated=told.usage is None,
                service_tier=told.service_tier,
                usd=told.usd,
                headers=self._headers,
                response_id=told.id,
                feature=call.feature,
                user=call.user,
                trace_id=call.trace_id,
                traced=bool(call.span.trace_id),
                reservation=call.reservation if settles else "",
            )
        )
        if settles:
            call.span.end(
                told,
                usage,
                amount,
                first_token_seconds=first_token_seconds,
                at_ns=int(at.timestamp() * 1e9),
                outcome=outcome,
            )
        if body is not None:
            body.forget()

    def _estimate(self) -> Usage | None:
        """What an attempt took of which the provider told no usage; None for nothing."""
        told, body, call = self._told, self._body, self._call
        if told.pending or not (self._given_up or body is not None):
            return None
        received = body.received() if body is not None else Received()
        # By the name asked for: of some that are given up, the answer's is never heard.
        return call.estimator.usage(call.asked_model, call.request, received, self._seconds)

    def _end(self, outcome: str, *, wait: bool = False) -> None:
        """Settle the attempt: now, or in the background where it has to `wait`."""
        self._seconds = time.perf_counter() - self._started
        self._at = datetime.now(UTC)
        self._outcome = outcome
        if wait or not self._call.recorder.rates.loaded:
            self._call.backlog.put(self)
        else:
            self.settle()


def _waited_for_an_answer(error: BaseException) -> bool:
    """Whether all of the request was sent, and its answer was waited for."""
    return any(each.__name__ in ("ReadTimeout", "TimeoutError") for each in type(error).__mro__)


def _unchanged(chunk: bytes) -> bytes:
    return chunk


def _outcome_of_status(status: int) -> str:
    if status == 429:
        return "rate_limited"
    if status == 408:
        return "timeout"
    return "client_error" if 400 <= status < 500 else "server_error"
