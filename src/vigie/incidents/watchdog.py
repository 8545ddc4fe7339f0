"""Whether the watchdog, the alert that always fires, is still heard. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

PATIENCE = timedelta(minutes=5)
"""How long the watchdog may be silent; and how long a start has to hear it for the first time."""


class Hearing(StrEnum):
    """What is known of the watchdog."""

    WAITING = "waiting"
    """Nothing was heard since listening began, which is not long ago."""
    HEARD = "heard"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """`listening` is since when somebody listens, `heard` when the watchdog was heard last.

    `lost` is when its latest silence was noticed, and `recovered` when that was over: None while it
    lasts.
    """

    listening: datetime
    heard: datetime | None = None
    lost: datetime | None = None
    recovered: datetime | None = None

    @property
    def is_lost(self) -> bool:
        """Whether its silence was noticed and lasts."""
        return self.lost is not None and self.recovered is None

    @property
    def last_sign(self) -> datetime:
        """Since when it is silent: when it was heard, or else when listening began."""
        return max(self.listening, self.heard or self.listening)

    def hearing(self, now: datetime, patience: timedelta = PATIENCE) -> Hearing:
        """What is known at `now`, also where nobody has looked for a while."""
        if self.is_lost or self._silence(now) > patience:
            return Hearing.LOST
        heard = self.heard is not None and self.heard >= self.listening
        return Hearing.HEARD if heard else Hearing.WAITING

    def beaten(self, now: datetime) -> Heartbeat:
        """After it was heard."""
        recovered = now if self.is_lost else self.recovered
        return replace(self, heard=now, recovered=recovered)

    def looked_at(self, now: datetime, patience: timedelta = PATIENCE) -> Heartbeat:
        """After a look: a silence that is too long is noticed, once."""
        if self.is_lost or self._silence(now) <= patience:
            return self
        return replace(self, lost=now, recovered=None)

    def listened_anew(self, now: datetime) -> Heartbeat:
        """After a time in which nobody could listen; what was lost before still is."""
        return replace(self, listening=now)

    def _silence(self, now: datetime) -> timedelta:
        return now - self.last_sign
