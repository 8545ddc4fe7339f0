"""What fires and what was, at one moment: what the page, the command and the JSON are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from vigie.catalogue.signals import BY_NAME, WATCHDOG
from vigie.incidents import links
from vigie.incidents.alert import Alert
from vigie.incidents.inbox import Journal
from vigie.incidents.watchdog import PATIENCE, Hearing, Heartbeat
from vigie.settings import Settings


@dataclass(frozen=True, slots=True)
class Listing:
    """`firing`: the worst first, then the latest; `ended`: what ended since `since`, latest first.

    `heartbeat` is None where nobody ever listened.
    """

    now: datetime
    since: datetime
    firing: Sequence[Alert]
    ended: Sequence[Alert]
    heartbeat: Heartbeat | None
    patience: timedelta = PATIENCE

    @property
    def hearing(self) -> Hearing | None:
        """Whether the watchdog is heard."""
        return self.heartbeat.hearing(self.now, self.patience) if self.heartbeat else None


def listing(
    journal: Journal, now: datetime, period: timedelta, patience: timedelta = PATIENCE
) -> Listing:
    """What is known at `now`, with what ended in the `period` before. Raises UnavailableError."""
    since = now - period
    beat = journal.heartbeat(WATCHDOG.name)
    return Listing(now, since, journal.firing(), journal.ended(since), beat, patience)


def as_document(known: Listing, settings: Settings) -> dict[str, Any]:
    """As JSON has it: times in ISO 8601 and UTC, spans in seconds."""
    return {
        "now": known.now.isoformat(),
        "since": known.since.isoformat(),
        "watchdog": watchdog_document(known.heartbeat, known.now, known.patience),
        "firing": [_alert_document(one, known.now, settings) for one in known.firing],
        "ended": [_alert_document(one, known.now, settings) for one in known.ended],
    }


def watchdog_document(
    beat: Heartbeat | None, now: datetime, patience: timedelta = PATIENCE
) -> dict[str, Any]:
    """The watchdog: `hearing` is waiting, heard or lost; null where nobody ever listened."""
    silent = (now - beat.last_sign).total_seconds() if beat else None
    return {
        "hearing": beat.hearing(now, patience) if beat else None,
        "silent_seconds": silent,
        "listening_since": _written(beat.listening) if beat else None,
        "heard": _written(beat.heard) if beat else None,
        "lost": _written(beat.lost) if beat and beat.is_lost else None,
        "patience_seconds": patience.total_seconds(),
    }


def _alert_document(one: Alert, now: datetime, settings: Settings) -> dict[str, Any]:
    signal = BY_NAME.get(one.signal)
    return {
        "fingerprint": one.fingerprint,
        "status": one.status,
        "name": one.name,
        "service": one.service,
        "signal": one.signal,
        "severity": one.severity,
        "summary": {language: one.summary(language) for language in ("en", "fr")},
        "description": {language: one.description(language) for language in ("en", "fr")},
        "value": one.value,
        "unit": signal.unit if signal else None,
        "started": _written(one.started),
        "ended": _written(one.ended),
        "heard": _written(one.heard),
        "lasted_seconds": one.lasted(now).total_seconds(),
        "labels": dict(one.labels),
        "links": links.of(one, settings),
    }


def _written(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
