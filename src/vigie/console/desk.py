"""What every page and answer is made from: the settings, the inbox, and the time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.requests import Request

from vigie.incidents.dead_mans_switch import DeadMansSwitch
from vigie.incidents.inbox import Inbox
from vigie.incidents.listing import Listing, listing
from vigie.settings import Settings


@dataclass(frozen=True, slots=True)
class Desk:
    """`now` tells the time, in UTC."""

    settings: Settings
    inbox: Inbox
    switch: DeadMansSwitch
    now: Callable[[], datetime]

    def listing(self, period: timedelta) -> Listing:
        """What fires, and what ended in this period. Raises UnavailableError."""
        return listing(self.inbox, self.now(), period, self.switch.patience)


def desk(request: Request) -> Desk:
    """The desk of the application that was asked."""
    found: Desk = request.app.state.desk
    return found
