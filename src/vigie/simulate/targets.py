"""Where the traffic goes, and what its users share: the budget of tokens and one patience each."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from vigie.simulate.pacing import Patience, TokenBudget


@dataclass(frozen=True, slots=True)
class Targets:
    """The addresses of the three services, and of the provider whose invoice is read (or None)."""

    django: str
    fastapi: str
    streamlit: str
    provider: str | None = None


class World:
    """What all users share. `seed` decides on what they do, never on names and passwords; they
    read, think and rest `pace` times faster than people do."""

    def __init__(
        self,
        targets: Targets,
        budget: TokenBudget,
        seed: int,
        tell: Callable[[str], None],
        pace: float = 1,
    ) -> None:
        self.targets = targets
        self.budget = budget
        self.pace = pace
        self._seed = seed
        self._numbers = count(1)
        rng = random.Random(f"{seed}|patience")
        self.patience = {
            url: Patience(f"{name} ({url})", rng, tell)
            for name, url in (
                ("Django", targets.django),
                ("FastAPI", targets.fastapi),
                ("Streamlit", targets.streamlit),
            )
        }

    def next_rng(self) -> random.Random:
        """Return the randomness of one more user."""
        return random.Random(f"{self._seed}|{next(self._numbers)}")


@dataclass(frozen=True, slots=True)
class Credentials:
    """An account of the traffic; never the same twice, so that it is no way in for anybody."""

    username: str
    password: str

    @classmethod
    def new(cls) -> Credentials:
        """Make up a user name and a password of 144 random bits."""
        return cls(f"traffic-{secrets.token_hex(5)}", secrets.token_urlsafe(18))
