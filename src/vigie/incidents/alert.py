"""An alert as it was told, as a value, and what later tellings change. Pure.

The same may be told twice, late, or in another order than it happened: Alertmanager repeats what
fires, tries again what was not taken, and forgets what fires when it restarts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from math import isfinite

LATE = timedelta(seconds=10)
"""An alert told as firing so soon after its end was told is an older telling that was late.

Later it is news: where Alertmanager was cut off from Prometheus, an alert ends and goes on with the
same start; but the two tellings are the `group_interval` of the inbox's route apart then.
"""

CONFIRMED_FOR = timedelta(hours=2)
"""What fires is told again every hour, by the inbox's route."""


class Status(StrEnum):
    """Alertmanager's words."""

    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Alert:
    """One time that an alert fires: from `started` on until `ended`, which is None before.

    `fingerprint` says which alert, with `started` which time. `heard` is when it was told last.
    `labels` and `annotations` are the alert's own; `generator_url` is the page of its expression.
    """

    fingerprint: str
    started: datetime
    ended: datetime | None
    heard: datetime
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    generator_url: str = ""

    @property
    def status(self) -> Status:
        """Whether it fires."""
        return Status.FIRING if self.ended is None else Status.RESOLVED

    @property
    def name(self) -> str:
        """What the rule is called, e.g. DjangoResponseTime."""
        return self.labels.get("alertname", "")

    @property
    def service(self) -> str:
        """The service that it is about; empty where the rule does not say."""
        return self.labels.get("service", "")

    @property
    def signal(self) -> str:
        """The catalogue's name of what is measured; empty for a rule that is none of ours."""
        return self.labels.get("signal", "")

    @property
    def severity(self) -> str:
        """`critical`, `warning`, or what else the rule says."""
        return self.labels.get("severity", "")

    @property
    def value(self) -> float | None:
        """The value when it was told last, in the signal's unit; None where none was told."""
        try:
            number = float(self.annotations.get("value", ""))
        except ValueError:
            return None
        return number if isfinite(number) else None

    def summary(self, language: str = "en") -> str:
        """What is wrong, in a few words; at least the rule's name."""
        return self._said("summary", language) or self.name or self.fingerprint

    def description(self, language: str = "en") -> str:
        """The value, its limit and what it stands on; may be empty."""
        return self._said("description", language)

    def lasted(self, now: datetime) -> timedelta:
        """How long it has been firing by `now`, or fired."""
        return max((self.ended or now) - self.started, timedelta())

    def is_unconfirmed(self, now: datetime) -> bool:
        """Whether it is told as firing no more, though its end was not told either: muted by
        another alert, or forgotten by an Alertmanager that was restarted."""
        return self.ended is None and now - self.heard > CONFIRMED_FOR

    @property
    def matchers(self) -> str:
        """What matches exactly this alert, as Alertmanager writes it: {alertname="X",…}."""
        written = (f'{name}="{_escaped(text)}"' for name, text in self.labels.items())
        return "{" + ",".join(written) + "}"

    def _said(self, name: str, language: str) -> str:
        translated = self.annotations.get(f"{name}_{language}", "")
        return translated or self.annotations.get(name, "")


def told(known: Iterable[Alert], news: Alert, late: timedelta = LATE) -> list[Alert]:
    """The times that an alert fired, by their start, after `news` of it.

    `known` are those of the same fingerprint: at least the one that the news are about, those that
    have no end, and those that started later. One alert does not fire twice at once: where a later
    time is known, the earlier has ended by then, whether or not that was told.
    """
    times = {one.started: one for one in known}
    times[news.started] = _after(times.get(news.started), news, late)
    ordered = [times[started] for started in sorted(times)]
    for place, one in enumerate(ordered):
        if one.ended is not None:
            continue
        ends = [other.started for other in ordered[place + 1 : place + 2]]
        if news.ended is not None and one.started <= news.ended:
            ends.append(news.ended)
        if ends:
            ordered[place] = replace(one, ended=min(ends))
    return ordered


def _after(known: Alert | None, news: Alert, late: timedelta) -> Alert:
    if known is None:
        return news
    if known.ended is not None and news.ended is None and news.heard - known.heard < late:
        return known
    if news.heard < known.heard:  # by the clock of this machine, which was set back
        return replace(news, heard=known.heard)
    return news


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
