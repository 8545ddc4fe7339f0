"""One call of the SDK: what was asked, of whom, by whom, and what it may cost.

A call takes one attempt or several. Its span and the money that a budget set aside for it end with
the attempt that was answered; without one, with the exception that the caller gets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vigie.costs.estimate import Estimator
from vigie.instrument.feature import current_feature, current_user
from vigie.instrument.openai.backlog import Backlog
from vigie.instrument.openai.budgeted import Budgeted
from vigie.instrument.openai.recorder import Recorder
from vigie.instrument.openai.spans import NO_SPAN, CallSpan, current_trace_id


@dataclass(slots=True)
class Call:
    """One call of the SDK.

    `path` is the end of the URL of its requests, by which they are told from others that the same
    HTTP client sends meanwhile (a token's renewal). `hides_usage` says that the usage was asked
    for by us, and is not for the caller. `reservation` is the money that was set aside for it.
    """

    recorder: Recorder
    backlog: Backlog
    estimator: Estimator
    operation: str
    path: str
    base_url: str
    request: Mapping[str, Any]
    hides_usage: bool
    feature: str = ""
    user: str = ""
    trace_id: str = ""
    span: CallSpan = NO_SPAN
    reservation: str = ""
    answered: bool = False

    @property
    def asked_model(self) -> str:
        """The model that was asked for."""
        return str(self.request.get("model") or "")

    def begin(self) -> None:
        """Note who calls, and for what."""
        self.feature, self.user = current_feature(), current_user()
        self.span = self.recorder.spans.start(self.operation, self.base_url, self.request)
        self.trace_id = self.span.trace_id or current_trace_id()

    @property
    def budgeted(self) -> Budgeted | None:
        """The budget that the call is held to, if there is one."""
        return self.recorder.budgeted

    def ended(self, error: BaseException | None) -> None:
        """The SDK's method is over; `error` is what the caller gets, if it raised."""
        if error is not None or not self.answered:
            self.recorder.release(self.reservation)
            self.span.end(error=error)
