"""Speaks up when the watchdog is no longer heard, by channels that do not need Alertmanager.

Each channel is told once of a silence and once of its end, again and again until it takes it. What
was told is kept in the inbox, so that a restart does not repeat it; while the inbox cannot keep
anything, the switch goes on from memory.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta

from vigie.catalogue.signals import WATCHDOG
from vigie.incidents import wording
from vigie.incidents.channels import Channel, ChannelError
from vigie.incidents.inbox import Inbox, Told, UnavailableError
from vigie.incidents.rounds import Act
from vigie.incidents.watchdog import PATIENCE, Hearing, Heartbeat
from vigie.settings import Settings

log = logging.getLogger("vigie")

FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=5)
OLD_NEWS = timedelta(days=1)
"""That a silence was over so long ago is told to nobody any more."""


class DeadMansSwitch:
    """Watches over the watchdog of one inbox; made at `now`, when listening begins.

    `pace` divides every duration, for drills and tests.
    """

    def __init__(
        self,
        inbox: Inbox,
        settings: Settings,
        channels: Sequence[Channel],
        now: datetime,
        pace: float = 1,
    ) -> None:
        self.patience = PATIENCE / pace
        self.couriers = [Courier(channel, inbox, settings, pace) for channel in channels]
        self._inbox = inbox
        self._lock = threading.Lock()
        self._looked = now
        kept = inbox.heartbeat(WATCHDOG.name)
        self._beat = Heartbeat(now) if kept is None else kept.listened_anew(now)
        self._unkept = True
        self._keep()

    @property
    def heartbeat(self) -> Heartbeat:
        """What is known of the watchdog."""
        return self._beat

    def hearing(self, now: datetime) -> Hearing:
        """Whether it is heard."""
        return self._beat.hearing(now, self.patience)

    def beat(self, now: datetime) -> None:
        """The watchdog was heard, and the inbox has kept that."""
        with self._lock:
            before, self._beat = self._beat, self._beat.beaten(now)
            if before.is_lost:
                log.warning("the watchdog is heard again")
                self._unkept = True
                self._keep()

    def look(self, now: datetime) -> None:
        """Notice a silence that is too long. A time without looks (a machine that slept, a clock
        that was set) was no time of listening."""
        with self._lock:
            if not timedelta() <= now - self._looked <= self.patience / 2:
                self._beat = self._beat.listened_anew(now)
                self._unkept = True
            self._looked = now
            before, self._beat = self._beat, self._beat.looked_at(now, self.patience)
            if self._beat.is_lost and not before.is_lost:
                log.error(
                    "the watchdog has not been heard for %s: no alert would arrive",
                    wording.duration(self.patience),
                )
                self._unkept = True
            if self._unkept:
                self._keep()

    def acts(self) -> list[Act]:
        """What is to be done every second: look, and let each courier tell."""

        def of(courier: Courier) -> Act:
            return lambda now: courier.tell(self._beat, now)

        return [self.look, *map(of, self.couriers)]

    def _keep(self) -> None:
        try:
            self._inbox.keep_heartbeat(WATCHDOG.name, self._beat)
        except UnavailableError as error:
            log.warning("the inbox cannot keep what is known of the watchdog: %s", error)
        else:
            self._unkept = False


class Courier:
    """Tells one channel what it was not told yet."""

    def __init__(self, channel: Channel, inbox: Inbox, settings: Settings, pace: float) -> None:
        self.channel = channel
        self.delivered = 0
        self.failed = 0
        self._inbox = inbox
        self._settings = settings
        self._pace = pace
        self._told = inbox.told(WATCHDOG.name).get(channel.name)
        self._next_try: datetime | None = None
        self._pause = timedelta()

    def tell(self, beat: Heartbeat, now: datetime) -> None:
        """Tell of `beat` if there is something new; after a failure, only when a while is over."""
        if beat.lost is None or (self._next_try is not None and now < self._next_try):
            return
        news = Told(beat.lost, recovered=beat.recovered is not None)
        over = beat.recovered is not None and now - beat.recovered > OLD_NEWS
        if news == self._told or over:
            return
        try:
            message = wording.watchdog_message(beat, self._settings, self._inbox.trouble)
            self.channel.send(message)
        except ChannelError as error:
            self.failed += 1
            self._wait(now)
            log.warning(
                "%s was not told of the watchdog: %s; the next try is in %s",
                self.channel.name,
                error,
                wording.duration(self._pause),
            )
            return
        self.delivered += 1
        self._told, self._next_try, self._pause = news, None, timedelta()
        log.info("%s was told of the watchdog: %s", self.channel.name, message.subject)
        try:
            self._inbox.keep_told(WATCHDOG.name, self.channel.name, news)
        except UnavailableError as error:
            log.warning("the inbox cannot keep that %s was told: %s", self.channel.name, error)

    def _wait(self, now: datetime) -> None:
        longest = LONGEST_PAUSE / self._pace
        self._pause = min(self._pause * 2 or FIRST_PAUSE / self._pace, longest)
        self._next_try = now + self._pause
