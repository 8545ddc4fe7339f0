"""Faults that `POST /faults` switches on: slow, failing, hanging and broken-off answers."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from vigie.simulate.offer import MODELS, Model

ERROR_STATUSES = (401, 404, 429, 500, 502, 503, 504)


@dataclass(frozen=True, slots=True)
class Faults:
    """What is wrong with the provider just now; the defaults are a healthy provider.

    latency_factor: multiplies every drawn time. error_rate: the share (0-1) of requests that are
    refused, by HTTP status. hang: seconds of silence before an answer. drop_stream_after: the
    connection breaks after so many events of a stream. refuse_stream_options: as providers do that
    do not know the field. models: only these are affected (names or snapshots; empty is all).
    for_seconds: the faults end by themselves. Seconds are real ones, whatever the speed.
    """

    latency_factor: float = 1.0
    error_rate: Mapping[int, float] = field(default_factory=dict)
    hang: float = 0.0
    drop_stream_after: int | None = None
    refuse_stream_options: bool = False
    models: tuple[str, ...] = ()
    for_seconds: float | None = None

    def affect(self, model: Model) -> bool:
        """Tell whether requests of the model are affected."""
        return not self.models or model.name in self.models or model.snapshot in self.models

    def draw_error(self, rng: random.Random) -> int | None:
        """Draw the HTTP status with which one request is refused; None is not at all."""
        drawn = rng.random()
        for status, rate in sorted(self.error_rate.items()):
            if drawn < rate:
                return status
            drawn -= rate
        return None

    def as_json(self) -> dict[str, Any]:
        """Return the faults in the form in which they are posted."""
        return {
            "latency_factor": self.latency_factor,
            "error_rate": {str(status): rate for status, rate in self.error_rate.items()},
            "hang": self.hang,
            "drop_stream_after": self.drop_stream_after,
            "refuse_stream_options": self.refuse_stream_options,
            "models": list(self.models),
            "for_seconds": self.for_seconds,
        }


HEALTHY = Faults()


class FaultSwitch:
    """The faults that are on, and when they end. New ones replace all of the old ones."""

    def __init__(self) -> None:
        self._faults = HEALTHY
        self._ends = math.inf

    def set(self, faults: Faults, now: float) -> None:
        """Replace the faults."""
        self._faults = faults
        self._ends = math.inf if faults.for_seconds is None else now + faults.for_seconds

    def clear(self) -> None:
        """Make the provider healthy."""
        self._faults, self._ends = HEALTHY, math.inf

    def current(self, now: float) -> Faults:
        """Return the faults that are on."""
        if now >= self._ends:
            self.clear()
        return self._faults

    def on(self, model: Model, now: float) -> Faults:
        """Return the faults that are on for one model."""
        faults = self.current(now)
        return faults if faults.affect(model) else HEALTHY

    def as_json(self, now: float) -> dict[str, Any]:
        """Return the faults that are on, with the seconds they last (null: until cleared)."""
        faults = self.current(now)
        left = None if math.isinf(self._ends) else round(self._ends - now, 3)
        return {"active": faults != HEALTHY, **faults.as_json(), "seconds_left": left}


@dataclass(frozen=True, slots=True)
class Problem:
    """One field that was posted wrongly."""

    field: str
    value: Any
    remedy: str


class InvalidFaultsError(ValueError):
    """What was posted is no set of faults; nothing of it is applied."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(f"{p.field} is {_shown(p.value)}: {p.remedy}" for p in problems))
        self.problems = problems

    def as_json(self) -> dict[str, Any]:
        """Return the JSON of the refusal: one entry for each wrong field."""
        return {
            "error": {"message": str(self), "type": "invalid_request_error"},
            "problems": [
                {"field": p.field, "value": p.value, "remedy": p.remedy} for p in self.problems
            ],
        }


def read_faults(body: bytes) -> Faults:
    """Read what was posted; raises `InvalidFaultsError` with every wrong field."""
    try:
        posted = json.loads(body)
    except ValueError:
        text = body[:200].decode(errors="replace")
        raise InvalidFaultsError(
            [Problem("faults", text, 'write JSON, e.g. {"latency_factor": 4}')]
        ) from None
    if not isinstance(posted, dict):
        raise InvalidFaultsError(
            [Problem("faults", posted, 'write an object, e.g. {"latency_factor": 4}')]
        )
    reader = _Reader(posted)
    faults = reader.faults()
    if reader.problems:
        raise InvalidFaultsError(reader.problems)
    return faults


class _Reader:
    def __init__(self, posted: dict[str, Any]) -> None:
        self.posted = posted
        self.problems: list[Problem] = []

    def faults(self) -> Faults:
        known = [each.name for each in fields(Faults)]
        for name in self.posted:
            if name not in known:
                self._problem(name, self.posted[name], f"write one of {', '.join(known)}")
        return Faults(
            latency_factor=self._number("latency_factor", 1.0, 0.0, 1000.0, "4"),
            error_rate=self._error_rate(),
            hang=self._number("hang", 0.0, 0.0, 3600.0, "30"),
            drop_stream_after=self._drop_stream_after(),
            refuse_stream_options=self._refuse_stream_options(),
            models=self._models(),
            for_seconds=self._for_seconds(),
        )

    def _number(
        self, name: str, default: float, lowest: float, highest: float, example: str
    ) -> float:
        value = self.posted.get(name)
        if value is None:
            return default
        if not _is_number(value) or not lowest <= value <= highest:
            bounds = f"from {lowest:g} to {highest:g}"
            self._problem(name, value, f"write a number {bounds}, e.g. {example}")
            return default
        return float(value)

    def _error_rate(self) -> dict[int, float]:
        posted = self.posted.get("error_rate")
        if posted is None:
            return {}
        listed = ", ".join(map(str, ERROR_STATUSES))
        if not isinstance(posted, dict):
            example = 'e.g. {"500": 0.2, "429": 0.1}'
            self._problem("error_rate", posted, f"write shares by HTTP status, {example}")
            return {}
        rates: dict[int, float] = {}
        for status, rate in posted.items():
            name = f"error_rate.{status}"
            if status not in map(str, ERROR_STATUSES):
                self._problem(name, rate, f"write one of the statuses {listed}")
            elif not _is_number(rate) or not 0 <= rate <= 1:
                self._problem(name, rate, "write a share from 0 to 1, e.g. 0.2")
            else:
                rates[int(status)] = float(rate)
        # Ten shares of 0.1 are a little less or more than 1 in binary.
        if sum(rates.values()) > 1 + 1e-9:
            self._problem("error_rate", posted, "write shares that add up to at most 1")
        return rates

    def _drop_stream_after(self) -> int | None:
        value = self.posted.get("drop_stream_after")
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            self._problem("drop_stream_after", value, "write a number of events, e.g. 5")
            return None
        return value

    def _refuse_stream_options(self) -> bool:
        value = self.posted.get("refuse_stream_options")
        if value is not None and not isinstance(value, bool):
            self._problem("refuse_stream_options", value, "write true or false")
        return value is True

    def _models(self) -> tuple[str, ...]:
        value = self.posted.get("models")
        if value is None:
            return ()
        if not isinstance(value, list):
            self._problem("models", value, 'write a list of models, e.g. ["gpt-4o"]')
            return ()
        for index, name in enumerate(value):
            if not isinstance(name, str) or name not in MODELS:
                listed = ", ".join(sorted({m.name for m in MODELS.values()}))
                self._problem(f"models[{index}]", name, f"write one of {listed}")
        return tuple(name for name in value if isinstance(name, str))

    def _for_seconds(self) -> float | None:
        if self.posted.get("for_seconds") is None:
            return None
        return self._number("for_seconds", 0.0, 0.001, 86_400.0, "60")

    def _problem(self, name: str, value: Any, remedy: str) -> None:
        self.problems.append(Problem(name, value, remedy))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
