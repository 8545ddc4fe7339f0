"""What a signal is, as a value: something measured, with a limit to worry at and one to act at.

The recording rule, the alerts, the notification, the panel and the page of the runbook are computed
from it.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from vigie.catalogue.runbook import Runbook
from vigie.catalogue.words import Words


class Unit(StrEnum):
    """What a signal's value is counted in; `settings` reads a threshold in the unit's own words."""

    SECONDS = "seconds"
    RATIO = "ratio"
    MONEY = "money"
    PER_MINUTE = "per_minute"
    COUNT = "count"


class Comparator(StrEnum):
    """On which side of its limit a signal is bad."""

    ABOVE = ">"
    BELOW = "<"


class Severity(StrEnum):
    """How bad: look at it in working hours, or now."""

    WARNING = "warning"
    CRITICAL = "critical"


class Dashboard(StrEnum):
    """The uid of a dashboard."""

    OVERVIEW = "vigie-overview"
    COSTS = "vigie-costs"
    SECURITY = "vigie-security"
    LOGS = "vigie-logs"
    INCIDENTS = "vigie-incidents"


@dataclass(frozen=True, slots=True)
class Floor:
    """How much must have happened before a signal may be judged.

    `events` is PromQL: how many `noun` there were in the signal's window, with the label `service`
    and those in `by`. Below `at_least` of them a quantile or a share says nothing, and nobody is
    paged. `shared`: the value is a share of these very events, "14 of 220 requests".
    """

    events: str
    at_least: int
    noun: Words
    by: tuple[str, ...] = ()
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Presence:
    """Where a signal's data must be, so that their absence is an alert of its own.

    `targets` is PromQL that is above 0 for each service that must have them: mostly `up` of those
    that always do. Each has the series `evidence` then; by default those of the signal itself.
    """

    targets: str
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Signal:
    """Something that is measured and judged.

    `expression` is PromQL that gives the value in `unit`: seconds, a ratio from 0 on, money (with
    the label `currency`), events per minute, or a count. Its series carry the label `service`, or
    belong to the service that `about` names; the labels in `where` say which part of the service.
    The signal is bad when its value has been on the `bad_when` side of a limit for `hold`.
    `warning` and `critical` are the default limits; None where a signal has only one.
    `dashboard` is the one that shows it.

    Raises ValueError where the limits contradict each other.
    """

    name: str
    title: Words
    measured_as: Words
    unit: Unit
    bad_when: Comparator
    warning: float | None
    critical: float | None
    expression: str
    hold: timedelta
    dashboard: Dashboard
    runbook: Runbook
    about: str = ""
    where: tuple[str, ...] = ()
    floor: Floor | None = None
    presence: Presence | None = None

    def __post_init__(self) -> None:
        if self.warning is None and self.critical is None:
            raise ValueError(f"{self.name}: has no limit")
        if self.warning is not None and self.critical is not None:
            above = self.critical > self.warning
            if self.critical == self.warning or above != (self.bad_when is Comparator.ABOVE):
                raise ValueError(f"{self.name}: critical is not beyond warning")
        if (
            self.floor
            and self.floor.shared
            and (self.unit is not Unit.RATIO or self.floor.by != self.where)
        ):
            raise ValueError(f"{self.name}: is no share of its events")

    @property
    def usual_limit(self) -> float:
        """The default limit that is reached first."""
        first = self.critical if self.warning is None else self.warning
        assert first is not None  # a signal has one at least
        return first

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the recorded series."""
        return ("service", *self.where, *(("currency",) if self.unit is Unit.MONEY else ()))

    @property
    def record(self) -> str:
        """The name of the recorded value, as Prometheus advises: level, metric, operation."""
        return recorded(self.name, self.labels, self.unit)

    @property
    def events_record(self) -> str | None:
        """The name of the recorded number of events; None where there is no floor."""
        return events_of(self.name, *self.floor.by) if self.floor else None

    @property
    def alert(self) -> str:
        """The name of the alerts of both severities: DjangoResponseTime."""
        return alert_name(self.name)

    @property
    def absent_alert(self) -> str | None:
        """The name of the alert that its data are missing; None where they may be."""
        return f"{self.alert}Absent" if self.presence else None

    @property
    def needs_data(self) -> bool:
        """Whether its absence is itself worth an alert, since what it measures always exists."""
        return self.presence is not None


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """An alert that always fires: whoever stops hearing it knows that no other would come."""

    name: str
    title: Words
    told: Words
    about: str
    dashboard: Dashboard
    runbook: Runbook

    @property
    def alert(self) -> str:
        """The name of the alert."""
        return alert_name(self.name)


def events_of(signal: str, *by: str) -> str:
    """The name of the recorded number of events behind a signal."""
    return recorded(signal, ("service", *by), "events")


def recorded(signal: str, labels: tuple[str, ...], operation: str) -> str:
    """The name of a recorded series: service_target:interservice_timeouts:ratio."""
    return f"{'_'.join(labels)}:{signal}:{operation}"


def alert_name(name: str) -> str:
    """A name in the capitals that alerts have: openai_daily_cost → OpenAIDailyCost."""
    return "".join(_CAPITALS.get(word, word.capitalize()) for word in name.split("_"))


_CAPITALS = {"openai": "OpenAI", "fastapi": "FastAPI", "http": "HTTP"}
