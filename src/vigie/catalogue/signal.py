"""What a signal is, as a value: something measured, with a limit to worry at and one to act at."""

from dataclasses import dataclass
from enum import StrEnum


class Unit(StrEnum):
    """What a signal's value is counted in; `settings` reads a threshold in the unit's own words."""

    SECONDS = "seconds"
    RATIO = "ratio"
    MONEY = "money"
    PER_MINUTE = "per_minute"


class Comparator(StrEnum):
    """On which side of its limit a signal is bad."""

    ABOVE = ">"
    BELOW = "<"


@dataclass(frozen=True, slots=True)
class Signal:
    """Something that is measured and judged.

    `warning` and `critical` are the default limits, in `unit`: seconds, a ratio from 0 to 1, money
    in the configured currency, or events per minute. The signal is bad when its value is on the
    `bad_when` side of a limit.
    """

    name: str
    title: str
    measured_as: str
    unit: Unit
    bad_when: Comparator
    warning: float
    critical: float

    def __post_init__(self) -> None:
        worse = (
            self.critical > self.warning
            if self.bad_when is Comparator.ABOVE
            else self.critical < self.warning
        )
        if not worse:
            raise ValueError(f"{self.name}: critical is not beyond warning")
