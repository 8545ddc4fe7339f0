"""The real Alertmanager, with the routes that are rendered for it, tells the real console."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alertmanager_server import AlertmanagerServer, alert, running_alertmanager, until
from console_process import ConsoleProcess, console_process
from vigie.catalogue.signals import BY_NAME, SERVICE_DOWN, WATCHDOG

pytestmark = pytest.mark.servers

SLOW = BY_NAME["django_response_time"]


@pytest.fixture
def both(
    tmp_path: Path, free_port: Callable[[], int]
) -> Iterator[tuple[AlertmanagerServer, ConsoleProcess]]:
    """Both at fifteen times the pace."""
    port = free_port()
    with (
        running_alertmanager(tmp_path, console=port, pace=15) as alertmanager,
        console_process(
            tmp_path / "console", port, "--settings", f"{tmp_path}/vigie.yml", "--pace", "15"
        ) as console,
    ):
        yield alertmanager, console


def labels(name: str, signal: str, severity: str) -> dict[str, str]:
    return {"alertname": name, "service": "django", "signal": signal, "severity": severity}


SLOW_LABELS = labels(SLOW.alert, SLOW.name, "critical")
DOWN_LABELS = labels(SERVICE_DOWN.alert, SERVICE_DOWN.name, "critical")


def listed(console: ConsoleProcess, kind: str) -> set[str]:
    return {one["name"] for one in console.get("/api/alerts")[kind]}


def test_what_fires_arrives_and_so_does_its_end(
    both: tuple[AlertmanagerServer, ConsoleProcess],
) -> None:
    alertmanager, console = both
    since = datetime.now(UTC) - timedelta(minutes=3)
    alertmanager.post([alert(SLOW_LABELS, {"summary": "slow", "value": "1.5"}, since)])
    until(lambda: listed(console, "firing") == {SLOW.alert})
    (told,) = console.get("/api/alerts")["firing"]
    (known,) = alertmanager.alerts()
    assert told["fingerprint"] == known["fingerprint"]
    assert (told["summary"]["en"], told["value"]) == ("slow", 1.5)
    assert datetime.fromisoformat(told["started"]) == since

    end = datetime.now(UTC)
    alertmanager.post([alert(SLOW_LABELS, {}, since, end)])
    until(lambda: listed(console, "ended") == {SLOW.alert})
    assert listed(console, "firing") == set()
    (over,) = console.get("/api/alerts")["ended"]
    assert datetime.fromisoformat(over["ended"]) == end


def test_the_watchdog_is_heard(both: tuple[AlertmanagerServer, ConsoleProcess]) -> None:
    alertmanager, console = both
    alertmanager.post([alert(labels(WATCHDOG.alert, WATCHDOG.name, "none"))])
    until(lambda: console.get("/api/watchdog")["hearing"] == "heard")
    assert listed(console, "firing") == set()


def test_an_end_that_is_muted_is_noticed(both: tuple[AlertmanagerServer, ConsoleProcess]) -> None:
    """A slow service dies: that it is slow no more is told to nobody while it is down."""
    alertmanager, console = both
    watchdog = alert(labels(WATCHDOG.alert, WATCHDOG.name, "none"))
    slow = alert(SLOW_LABELS)
    alertmanager.post([watchdog, slow])
    until(lambda: listed(console, "firing") == {SLOW.alert})
    alertmanager.post([alert(DOWN_LABELS)])
    until(lambda: listed(console, "firing") == {SLOW.alert, SERVICE_DOWN.alert})
    alertmanager.post([{**slow, "endsAt": datetime.now(UTC).isoformat()}])
    until(lambda: listed(console, "firing") == {SERVICE_DOWN.alert})
    assert listed(console, "ended") == {SLOW.alert}
