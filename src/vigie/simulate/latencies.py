"""How long the provider takes: drawn from a log-normal distribution, per model and seeded.

The medians are of the order that the models show in public measurements: gpt-4 is slow, the mini
and nano models are fast, reasoning models think before the first word.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from vigie.simulate.offer import Model


@dataclass(frozen=True, slots=True)
class Pace:
    """One answer's times in seconds: until its first token, then for each token."""

    first_token: float
    per_token: float

    def scaled(self, factor: float) -> Pace:
        """Return the pace with both times multiplied."""
        return Pace(self.first_token * factor, self.per_token * factor)


_MEDIANS: dict[str, Pace] = {
    "gpt-4o": Pace(0.40, 0.0075),
    "gpt-4o-2024-05-13": Pace(0.45, 0.009),
    "gpt-4o-mini": Pace(0.30, 0.0055),
    "gpt-4": Pace(0.75, 0.028),
    "gpt-4-turbo": Pace(0.60, 0.02),
    "gpt-3.5-turbo": Pace(0.28, 0.0065),
    "gpt-4.1": Pace(0.40, 0.008),
    "gpt-4.1-mini": Pace(0.30, 0.006),
    "gpt-4.1-nano": Pace(0.22, 0.0045),
    "o3-mini": Pace(0.60, 0.006),
    "o4-mini": Pace(0.60, 0.006),
    "gpt-5": Pace(0.80, 0.009),
    "gpt-5-mini": Pace(0.55, 0.007),
    "gpt-5-nano": Pace(0.40, 0.005),
    "coach-internal-1": Pace(0.20, 0.006),
}
_EMBEDDING = Pace(0.12, 0.0)

_FIRST_TOKEN_SIGMA = 0.35
_PER_TOKEN_SIGMA = 0.18

_TIER_FACTOR = {"default": 1.0, "priority": 0.6, "flex": 2.0}


def draw_pace(model: Model, tier: str, rng: random.Random) -> Pace:
    """Draw one answer's pace: 90 % of the first tokens come within 0.56 to 1.78 of the median."""
    median = _EMBEDDING if model.embeds else _MEDIANS[model.name]
    return Pace(
        rng.lognormvariate(math.log(median.first_token), _FIRST_TOKEN_SIGMA),
        median.per_token * rng.lognormvariate(0.0, _PER_TOKEN_SIGMA),
    ).scaled(_TIER_FACTOR[tier])
