"""One call of the SDK, and each attempt that it takes, from the first byte to the last.

An attempt is settled exactly once: when its answer is whole, or raises, or is closed or dropped
before its end. What an interrupted answer took is estimated, and told as an estimate.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from vigie.costs.estimate import tokens_of_prompt, tokens_of_text
from vigie.costs.usage import Usage
from vigie.instrument.http_attempts import Once, kind_of_error
from vigie.instrument.http_bodies import watch_body
from vigie.instrument.openai.backlog import Backlog
from vigie.instrument.openai.recorder import Attempted, Recorder
from vigie.instrument.openai.wire import Document, EventStream, Told

NAME = "openai"
"""What this instrument is called where its failures are counted."""


@dataclass(slots=True)
class Call:
    """One call of the SDK: what was asked, and of whom.

    `path` is the end of the URL of its requests, by which they are told from others that the same
    HTTP client sends meanwhile (a token's renewal). `hides_usage` says that the usage was asked
    for by us, and is not for the caller.
    """

    recorder: Recorder
    backlog: Backlog
    operation: str
    path: str
    base_url: str
    request: Mapping[str, Any]
    hides_usage: bool


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
        self._seconds = 0.0

    def failed(self, error: BaseException) -> None:
        """The request, or the reading of its answer, raised."""
        if self._first():
            kind = kind_of_error(error)
            outcome = kind if kind in ("cancelled", "timeout") else "server_error"
            self._end(outcome, wait=self._body is not None)

    def answered(self, response: Any, *, streamed: bool) -> None:
        """The answer's head is there; where `streamed`, its body is still to be read."""
        self._headers = response.headers
        if response.status_code >= 300:
            if self._first():
                self._end(_outcome_of_status(response.status_code))
        elif streamed:
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
            self._told = self._body.told()
            self._end(self._told.failure or "ok", wait=self._told.usage is None)

    def abandoned(self) -> None:
        """The answer was closed or dropped, perhaps before its end."""
        if self._first():
            self._end("cancelled", wait=True)

    def settle(self) -> None:
        """Count the attempt; what it took is estimated where the provider did not say."""
        call, body = self._call, self._body
        if body is not None and self._told.usage is None:
            self._told = body.told()
        told, usage = self._told, self._told.usage
        if usage is None and body is not None and not told.pending:
            usage = Usage(
                input=tokens_of_prompt(call.request),
                output=tokens_of_text(body.received_text_bytes()),
            )
        first_token_at = body.first_token_at if body is not None else None
        outcome = self._outcome
        if outcome == "cancelled":
            # The SDK itself closes a stream that told of an error. And whoever stops reading after
            # the model's last word has cancelled nothing.
            outcome = told.failure or ("ok" if told.finished else outcome)
        call.recorder.record(
            Attempted(
                operation=call.operation,
                model=told.model,
                asked_model=str(call.request.get("model") or ""),
                base_url=call.base_url,
                outcome=outcome,
                seconds=self._seconds,
                first_token_seconds=first_token_at and first_token_at - self._started,
                usage=usage,
                estimated=told.usage is None,
                service_tier=told.service_tier,
                usd=told.usd,
                headers=self._headers,
            )
        )
        if body is not None:
            body.forget()

    def _end(self, outcome: str, *, wait: bool = False) -> None:
        """Settle the attempt: now, or in the background where it has to `wait`."""
        self._seconds = time.perf_counter() - self._started
        self._outcome = outcome
        if wait or not self._call.recorder.prices.loaded:
            self._call.backlog.put(self)
        else:
            self.settle()


def _unchanged(chunk: bytes) -> bytes:
    return chunk


def _outcome_of_status(status: int) -> str:
    if status == 429:
        return "rate_limited"
    if status == 408:
        return "timeout"
    return "client_error" if 400 <= status < 500 else "server_error"
