"""Asks Alertmanager now and then what it knows, and ends what fires here and is unknown there.

The end of an alert is not always told: what is muted by another alert when it ends never is, and a
restarted Alertmanager has forgotten what fired.
"""

from __future__ import annotations

import json
import logging
import urllib.request
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from http.client import HTTPException

from vigie.catalogue.signals import WATCHDOG
from vigie.incidents.alert import Alert
from vigie.incidents.delivery import Delivery
from vigie.incidents.inbox import Inbox, UnavailableError

log = logging.getLogger("vigie")

ASK_EVERY = timedelta(seconds=30)
MISSED_FOR = timedelta(minutes=3)
"""An alert must be unknown for so long: Prometheus tells what fires every minute or so."""
ANSWER_SECONDS = 5.0

Known = Mapping[str, str]
"""What an Alertmanager knows: an alert's fingerprint → its name."""
When = tuple[str, datetime]
"""Which time of which alert: its fingerprint, and when it began."""


class RollCall:
    """Compares an inbox with the Alertmanager that `ask` asks; None is no answer.

    `pace` divides every duration, for drills and tests.
    """

    def __init__(self, inbox: Inbox, ask: Callable[[], Known | None], pace: float = 1) -> None:
        self._inbox = inbox
        self._ask = ask
        self._every = ASK_EVERY / pace
        self._missed_for = MISSED_FOR / pace
        self._asked: datetime | None = None
        self._missing: dict[When, datetime] = {}

    def look(self, now: datetime) -> None:
        """Ask, if it is time, and end what has been missing for long enough."""
        if self._asked is not None and abs(now - self._asked) < self._every:
            return
        self._asked = now
        try:
            firing = self._inbox.firing()
            known = self._ask() if firing else None
            # One that does not know the watchdog is another's, or has just started.
            if known is None or WATCHDOG.alert not in known.values():
                self._missing.clear()
                return
            self._missing = missing(firing, known, self._missing, now)
            over = ended(firing, self._missing, now - self._missed_for)
            self._inbox.receive(Delivery(tuple(over), beats=False), now)
        except UnavailableError as error:
            log.warning("the alerts cannot be compared with Alertmanager's: %s", error)
            return
        for one in over:
            log.info("%s has ended: Alertmanager no longer knows it", one.summary())


def missing(
    firing: Iterable[Alert], known: Collection[str], before: Mapping[When, datetime], now: datetime
) -> dict[When, datetime]:
    """What fires and is not known, and since when, given what was missing before.

    What was told again since then was not missing: it starts anew.
    """
    since = {}
    for one in firing:
        if one.fingerprint not in known:
            when = one.fingerprint, one.started
            missed = before.get(when, now)
            since[when] = missed if one.heard <= missed else now
    return since


def ended(
    firing: Iterable[Alert], missing: Mapping[When, datetime], before: datetime
) -> list[Alert]:
    """What has been missing since `before`, as having ended when it was first missed."""
    found = []
    for one in firing:
        since = missing.get((one.fingerprint, one.started))
        if since is not None and since <= before:
            found.append(replace(one, ended=max(since, one.started)))
    return found


def alertmanager(address: str) -> Callable[[], Known | None]:
    """Asks the Alertmanager at `address`, by its API of version 2."""

    def ask() -> Known | None:
        try:
            url = f"{address}/api/v2/alerts"
            with urllib.request.urlopen(url, timeout=ANSWER_SECONDS) as answer:
                told = json.load(answer)
            return {one["fingerprint"]: one["labels"].get("alertname", "") for one in told}
        except (OSError, HTTPException, ValueError, KeyError, TypeError, AttributeError):
            return None  # that it does not answer is told by the watchdog

    return ask
