"""Faults that make the alerts of a running demo fire, and clear: one value for each.

A fault names the signals that it makes bad, with limits that a demo reaches within seconds. Where
it can be made worse, it is at first bad enough for a warning only.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from coaching_load import scan_paths
from faulty_demo import PageServer, World
from vigie.catalogue.signal import Severity
from vigie.catalogue.signals import BY_NAME, SERVICE_DOWN
from vigie.costs.ledger import place
from webhook_server import WebhookServer

PACE = 20
"""The scrape interval in seconds, which `--fast` makes one second: all goes so many times faster.

What is judged over an hour takes longest, and has to fill before it fires and to pass before it
clears: that is what this is chosen for.
"""


Act: TypeAlias = Callable[[World], None]


def _nothing(_world: World) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong.

    `limits` are those of the signals that become bad; an empty one leaves the catalogue's own.
    `absent` are signals whose data go missing. `worsen` is None where there is one degree only: all
    alerts of its signals fire then, and the worst of each is told. With `cleared_by`, it is these
    other limits that end it: what is judged is a fact of this machine or of the day.
    """

    what: str
    limits: Mapping[str, Mapping[str, str]]
    begin: Act = _nothing
    worsen: Act | None = None
    end: Act = _nothing
    absent: tuple[str, ...] = ()
    cleared_by: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def alerts(self) -> set[tuple[str, str]]:
        """The alerts that it makes fire: name and severity."""
        bad = {(BY_NAME[name].alert, one.value) for name in self.limits for one in severities(name)}
        return bad | self._absences

    @property
    def mildest(self) -> set[tuple[str, str]]:
        """Those that fire before it is made worse."""
        return {(BY_NAME[name].alert, severities(name)[0].value) for name in self.limits}

    @property
    def worst(self) -> set[tuple[str, str]]:
        """Those that nothing of its own mutes."""
        bad = {(BY_NAME[name].alert, severities(name)[-1].value) for name in self.limits}
        return bad | self._absences

    @property
    def _absences(self) -> set[tuple[str, str]]:
        return {(str(BY_NAME[name].absent_alert), Severity.WARNING.value) for name in self.absent}


def severities(name: str) -> list[Severity]:
    """Those that a signal has, the mildest first."""
    signal = BY_NAME[name]
    limits = {Severity.WARNING: signal.warning, Severity.CRITICAL: signal.critical}
    return [severity for severity, limit in limits.items() if limit is not None]


def _limits(warning: str = "", critical: str = "") -> dict[str, str]:
    both = {"warning": warning, "critical": critical}
    return {level: text for level, text in both.items() if text}


def _slow_django(seconds: float | None) -> Act:
    return lambda world: world.django.turn(latency_seconds=seconds)


def _failing_fastapi(ratio: float | None) -> Act:
    return lambda world: world.fastapi.turn(error_ratio=ratio)


def _silent_provider(seconds: float | None) -> Act:
    return lambda world: world.provider.turn(hang=seconds)


def _failing_provider(ratio: float | None) -> Act:
    rate = None if ratio is None else {"500": ratio / 2, "429": ratio / 2}
    return lambda world: world.provider.turn(error_rate=rate)


def _held_connections(count: int | None) -> Act:
    return lambda world: world.django.turn(held_connections=count)


def _load(**rates: float) -> Act:
    def act(world: World) -> None:
        for name, rate in rates.items():
            setattr(world.load, name, rate)

    return act


def _refusing_ledger(when: str) -> Act:
    """The ledger takes no row of which SQL says `when`; all of them again where that is empty."""

    def act(world: World) -> None:
        with closing(sqlite3.connect(world.demo.state / place.FILE_NAME, timeout=30)) as ledger:
            ledger.execute("DROP TRIGGER IF EXISTS refuse")
            if when:
                ledger.execute(
                    f"CREATE TRIGGER refuse BEFORE INSERT ON vigie_calls WHEN {when} "
                    "BEGIN SELECT RAISE(ABORT, 'a fault on purpose'); END"
                )
            ledger.commit()

    return act


def _halted(component: str, seconds: float) -> Act:
    def act(world: World) -> None:
        with world.demo.frozen(component):
            threading.Event().wait(seconds)

    return act


def _refusing_receiver(times: int) -> Act:
    def act(world: World) -> None:
        with world.receiver.lock:
            world.receiver.refusals = world.receiver.refused + times

    return act


def _page(service: str, text: str) -> Act:
    def act(world: World) -> None:
        world.pages[service].page = text

    return act


def _scan(first: int, last: int) -> Act:
    return lambda world: scan_paths(world.demo.url("django"), range(first, last + 1))


SILENT = {"silent-django": "django", "silent-fastapi": "fastapi", "silent-streamlit": "streamlit"}
"""Services that answer and measure nothing, and their kinds."""

MUDDLED = "muddled"
"""A service whose samples go back in time."""

_MEASURED = {
    "silent-django": (
        'django_requests_in_progress 0\ndjango_auth_failures_total{reason="other"} 0\n'
    ),
    "silent-fastapi": "fastapi_requests_in_progress 0\n",
    "silent-streamlit": "streamlit_active_sessions 0\n",
}
_SOUND = "fastapi_requests_in_progress 0\n"

PAGES = dict.fromkeys(SILENT, "") | {MUDDLED: _SOUND}
"""What each of these says at first."""


def _muddle(world: World) -> None:
    now = round(time.time() * 1000)
    world.pages[MUDDLED].page = f"{_SOUND}muddled 1 {now}\nmuddled 1 {now - 5000}\n"


def _speak(world: World) -> None:
    for name, text in _MEASURED.items():
        world.pages[name].page = text


FREEZE = Fault(
    "Django stands still: it takes connections, and answers nobody",
    {
        SERVICE_DOWN.name: {},
        # A busy machine's scrapes may fail for ten seconds of the hour, and that is no fault.
        "service_uptime": _limits("<94%", "<92%"),
        # What FastAPI waits for in vain.
        "interservice_timeouts": {},
    },
)
"""For itself: what is down mutes all else of its service."""

FAULTS = (
    Fault(
        "Django takes its time",
        {
            "django_response_time": _limits(">250ms", ">500ms"),
            # The page of the plans waits for it.
            "streamlit_page_load": _limits(">250ms", ">500ms"),
        },
        begin=_slow_django(0.3),
        worsen=_slow_django(0.55),
        end=_slow_django(None),
    ),
    Fault(
        "FastAPI answers with errors",
        {"http_error_rate": _limits(">5%", ">25%")},
        begin=_failing_fastapi(0.13),
        worsen=_failing_fastapi(0.45),
        end=_failing_fastapi(None),
    ),
    Fault(
        "the AI provider is silent for a while before it answers",
        {"fastapi_openai_latency": _limits(">3s", ">7.5s")},
        begin=_silent_provider(2.5),
        worsen=_silent_provider(8),
        end=_silent_provider(None),
    ),
    Fault(
        "the AI provider refuses calls, or fails",
        {"openai_error_rate": _limits(">5%", ">35%")},
        begin=_failing_provider(0.18),
        worsen=_failing_provider(0.6),
        end=_failing_provider(None),
    ),
    Fault(
        "a conversation becomes long, and the model is told all of it each time",
        {"openai_token_rate": _limits(">5500/min", ">12500/min")},
        begin=_load(long_chats=0.3),
        worsen=_load(long_chats=1),
        end=_load(long_chats=0),
    ),
    Fault(
        "a model is used whose price nobody knows",
        {"openai_cost_blind": _limits(">10%", ">20%")},
        begin=_load(unpriced_chats=0.6),
        end=_load(unpriced_chats=0),
    ),
    Fault(
        "the budget is a few calls",
        {"openai_daily_cost": _limits(">0.0001€", ">0.001€"), "openai_projected_cost": {}},
        cleared_by={"openai_daily_cost": _limits(">1000000€", ">2000000€")},
    ),
    Fault(
        "somebody guesses passwords",
        {"auth_failure_rate": _limits(">1/min", ">2/min")},
        begin=_load(bad_logins=0.5),
        worsen=_load(bad_logins=1.2),
        end=_load(bad_logins=0),
    ),
    Fault(
        "paths are looked for that are known to be weak",
        {"security_events": {}},
        begin=_scan(2, 2),
        worsen=_scan(3, 9),
    ),
    Fault(
        "connections to the database are held",
        {"database_connections": _limits(">25%", ">45%")},
        begin=_held_connections(30),
        worsen=_held_connections(60),
        end=_held_connections(None),
    ),
    Fault(
        "transactions wait for each other in a circle",
        {"database_deadlocks": _limits(">0", ">2")},
        begin=lambda world: world.django.once(deadlocks=1),
        worsen=lambda world: world.django.once(deadlocks=3),
    ),
    Fault(
        "this machine has less memory and disk than wanted",
        {
            "memory_available": _limits("<99.9%", "<99.8%"),
            "disk_space": _limits("<99.9%", "<99.8%"),
        },
        cleared_by={
            "memory_available": _limits("<0.2%", "<0.1%"),
            "disk_space": _limits("<0.2%", "<0.1%"),
        },
    ),
    Fault(
        "the ledger refuses what is written into it",
        {"dropped_telemetry": _limits(">0", ">15")},
        begin=_refusing_ledger("abs(random()) % 6 = 0"),
        worsen=_refusing_ledger("1"),
        end=_refusing_ledger(""),
    ),
    Fault(
        "what is kept is older than it should be",
        {"retention_not_applied": _limits(">0.0001%", ">0.0002%")},
        cleared_by={"retention_not_applied": {}},
    ),
    Fault(
        "a service tells what was after what is",
        {"prometheus_scrape_failures": {}},
        begin=_muddle,
        end=_page(MUDDLED, _SOUND),
    ),
    Fault(
        "services answer, and measure nothing",
        {},
        absent=(
            "django_response_time",
            "auth_failure_rate",
            "http_error_rate",
            "streamlit_page_load",
        ),
        end=_speak,
    ),
    Fault(
        "who is to be told refuses",
        {"notification_failures": {}},
        begin=_refusing_receiver(3),
        worsen=_refusing_receiver(1_000_000),
        end=_refusing_receiver(0),
    ),
    Fault(
        "Prometheus stands still for a while",
        {"prometheus_rule_failures": _limits(">20", ">110")},
        begin=_halted("prometheus", 3),
        worsen=_halted("prometheus", 8),
    ),
)
"""In the order in which they may begin."""

NOT_HERE = {
    "container_restarts": "nothing here runs in containers, and no exporter tells of any",
    "containers_without_names": "cAdvisor is not there without containers",
}
"""Signals whose alerts cannot fire in the demo, and why: none of their series is there."""

ABSENCE_NOT_HERE = {
    "memory_available": "the node exporter always has it",
    "disk_space": "the node exporter always has it",
    "openai_daily_cost": "the ledger is there from the first call on",
    "retention_not_applied": "the store tells the console since when it keeps what it has",
}
"""Signals whose data cannot go missing while their exporter answers."""


def settings(receiver: WebhookServer, pages: Mapping[str, PageServer]) -> dict[str, Any]:
    """What vigie.yml says for the faults, without ports."""
    kinds = {**SILENT, MUDDLED: "fastapi"}
    return {
        "scrape_interval": f"{PACE}s",
        "thresholds": {
            name: dict(limits)
            for fault in (FREEZE, *FAULTS)
            for name, limits in fault.limits.items()
            if limits
        },
        "services": {
            name: {"kind": kind, "url": pages[name].url, "metrics_path": "/metrics"}
            for name, kind in kinds.items()
        },
        "notify": {"webhook": {"url": receiver.url}},
    }


def calm(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The same with the limits that end what nothing else can end."""
    cleared = {name: dict(limits) for fault in FAULTS for name, limits in fault.cleared_by.items()}
    return {**settings, "thresholds": settings["thresholds"] | cleared}
