"""`/`, what fires and what just ended, and `/incidents`, what was."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from vigie.catalogue.signals import WATCHDOG
from vigie.console.desk import desk
from vigie.console.pages.sheet import reader, sheet
from vigie.console.period import USUAL, asked_period
from vigie.incidents import links as addresses
from vigie.incidents import wording
from vigie.incidents.alert import Alert
from vigie.incidents.inbox import RETENTION
from vigie.incidents.watchdog import Hearing
from vigie.render import links

PERIODS = ("24h", "7d", "31d")
HISTORY = "7d"


def now(request: Request) -> Response:
    """What fires, and what ended in the last day."""
    return _page(request, "now.html", USUAL)


def history(request: Request) -> Response:
    """What was in a longer time, `?since=7d`."""
    return _page(request, "history.html", HISTORY)


@dataclass(frozen=True, slots=True)
class Shown:
    """An alert as a page shows it, in one language."""

    alert: Alert
    summary: str
    description: str
    value: str
    links: dict[str, str]
    lasted: timedelta
    unconfirmed: bool


def _page(request: Request, template: str, usual: str) -> Response:
    here, language = desk(request), reader(request)
    period = asked_period(request, usual)
    known = here.listing(period)
    settings = here.settings
    beat, hearing = here.switch.heartbeat, here.switch.hearing(known.now)

    def shown(one: Alert) -> Shown:
        return Shown(
            one,
            one.summary(language),
            one.description(language),
            wording.value(one, language, settings.currency.code),
            addresses.of(one, settings),
            one.lasted(known.now),
            one.is_unconfirmed(known.now),
        )

    values = {
        "firing": [shown(one) for one in known.firing],
        "ended": [shown(one) for one in known.ended],
        "period": period,
        "asked": request.query_params.get("since", usual),
        "periods": {**{each: each for each in PERIODS}, "all": f"{RETENTION.days}d"},
        "nothing_told": not (known.firing or known.ended) and not here.inbox.extent().alerts,
        "hearing": hearing.value,
        "lost": hearing is Hearing.LOST,
        "heard": beat.last_sign,
        "silence": known.now - beat.last_sign,
        "until": beat.listening + here.switch.patience,
        "trouble": here.inbox.trouble,
        "watchdog_runbook": links.runbook(settings, WATCHDOG.name),
    }
    return sheet(request, template, values)
