"""The console as an ASGI application: which address is answered by what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from vigie.console import api, metrics
from vigie.console.desk import Desk
from vigie.console.doorkeeper import Doorkeeper
from vigie.console.pages import alerts, dashboards, errors, runbooks
from vigie.exporters.oldest_records import OldestRecord
from vigie.incidents.dead_mans_switch import DeadMansSwitch
from vigie.incidents.inbox import Inbox, UnavailableError
from vigie.render import links
from vigie.settings import Settings

STATIC = Path(__file__).parent / "static"


def create_app(
    settings: Settings,
    inbox: Inbox,
    switch: DeadMansSwitch,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    oldest: Sequence[OldestRecord] = (),
) -> Starlette:
    """The application; the caller runs the switch, looks for the `oldest` records, and closes the
    inbox at the end."""
    desk = Desk(settings, inbox, switch, now)
    exposition = metrics.Exposition(desk, oldest)
    alertmanager = api.Alertmanager(exposition.deliveries)
    app = Starlette(
        routes=[
            Route("/", alerts.now),
            Route("/incidents", alerts.history),
            Route("/runbooks", runbooks.index),
            Route("/runbooks/{signal}", runbooks.page),
            Route("/d/{uid}", dashboards.page),
            Route("/api/alerts", api.alerts),
            Route(links.WATCHDOG_PATH, api.watchdog),
            Route(links.INBOX_PATH, alertmanager.answer, methods=["POST"]),
            Route(links.HEALTH_PATH, api.health),
            Route("/metrics", exposition.answer),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[Middleware(Doorkeeper, settings=settings)],
        exception_handlers={HTTPException: errors.refused, UnavailableError: errors.unavailable},
    )
    app.state.desk = desk
    return app
