"""How the traffic stays bounded: a budget of tokens, and patience with services that are down."""

from __future__ import annotations

import random
from collections.abc import Callable

CALL_TOKENS = 350
"""What a call of the AI is reckoned at before the provider's invoice tells."""


class TokenBudget:
    """So many tokens a minute, with so many to begin with; `now` counts seconds.

    Over any 5 minutes the traffic spends at most `burst` + 5 x `per_minute` tokens, and what the
    calls under way cost more than they were reckoned at: with the defaults of `traffic.py` that
    stays below the 1000 a minute at which Vigie warns.
    """

    def __init__(self, per_minute: float, burst: float, now: Callable[[], float]) -> None:
        self._per_second = per_minute / 60
        self._burst = burst
        self._now = now
        self._left = burst
        self._filled = now()
        self._reckoned = 0.0
        self._invoiced: int | None = None

    def allows(self) -> bool:
        """Tell whether a call may be made now, and reckon with it if so."""
        self._refill()
        if self._left < CALL_TOKENS:
            return False
        self.take()
        return True

    def take(self) -> None:
        """Reckon with a call that is made whatever is left."""
        self._left -= CALL_TOKENS
        self._reckoned += CALL_TOKENS

    def correct(self, invoiced: int) -> None:
        """Replace what was reckoned by what the provider's invoice says: all tokens so far."""
        self._refill()
        # An invoice that was started anew, or that lives in a restarted provider, begins at 0.
        if self._invoiced is not None and invoiced >= self._invoiced:
            self._left += self._reckoned - (invoiced - self._invoiced)
        self._reckoned = 0.0
        self._invoiced = invoiced

    def _refill(self) -> None:
        now = self._now()
        self._left = min(self._burst, self._left + (now - self._filled) * self._per_second)
        self._filled = now


class Patience:
    """How long to leave a service alone that does not answer: doubling up to 15 s, with jitter.

    `tell` is told once when the service stops answering, and once when it answers again.
    """

    SHORTEST_SECONDS = 0.5
    LONGEST_SECONDS = 15.0

    def __init__(self, name: str, rng: random.Random, tell: Callable[[str], None]) -> None:
        self._name = name
        self._rng = rng
        self._tell = tell
        self._seconds = 0.0

    def failed(self) -> float:
        """Note that it did not answer; return the seconds to wait before the next try."""
        if not self._seconds:
            self._tell(f"{self._name} does not answer; trying again until it does")
        self._seconds = min(self.LONGEST_SECONDS, max(self.SHORTEST_SECONDS, 2 * self._seconds))
        return self._seconds * self._rng.uniform(0.5, 1.0)

    def answered(self) -> None:
        """Note that it answered."""
        if self._seconds:
            self._tell(f"{self._name} answers again")
        self._seconds = 0.0
