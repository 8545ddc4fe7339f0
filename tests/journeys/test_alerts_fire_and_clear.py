"""Every alert fires in the demo and clears again, in compressed time, by faults that are real.

It takes four to five minutes: what is judged over an hour, or held for one, is three of them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest

from alert_faults import (
    ABSENCE_NOT_HERE,
    FAULTS,
    FREEZE,
    NOT_HERE,
    PAGES,
    Fault,
    calm,
    settings,
)
from coaching_load import Load
from fast_demo import SERVICES, FastDemo, Firing, fast_demo
from faulty_demo import World, running_pages
from named_series import selected
from vigie.catalogue.scrape import UP
from vigie.catalogue.signals import BY_NAME, SERVICE_DOWN, SIGNALS, WATCHDOG
from webhook_server import running_webhook_server

pytestmark = [pytest.mark.servers, pytest.mark.timeout(1200)]

PATIENCE_SECONDS = 900
"""How long to wait for anything; a machine with much else to do takes longer."""


class Record:
    """Which alerts have fired, and of which the inbox was told, and when first."""

    def __init__(self, demo: FastDemo, ends: float) -> None:
        """`ends` is when to give up, by the monotonic clock."""
        self._demo = demo
        self._ends = ends
        self._began = time.monotonic()
        self.fired: dict[Firing, float] = {}
        self.told: dict[Firing, float] = {}
        self.last: dict[Firing, float] = {}
        """When it was last seen, here or there."""
        self.firing_now: set[Firing] = set()
        self.told_now: set[Firing] = set()
        self._looked = threading.Event()

    def look(self) -> None:
        """Ask both; what is read elsewhere meanwhile is replaced, and never changed."""
        with suppress(OSError):  # one that stands still, or is started anew
            firing, told = self._demo.firing(), self._demo.told()
            seconds = time.monotonic() - self._began
            self.firing_now, self.told_now = firing, told
            self.fired = dict.fromkeys(firing, seconds) | self.fired
            self.told = dict.fromkeys(told, seconds) | self.told
            self.last = self.last | dict.fromkeys(firing | told, seconds)
            self._looked.set()

    def wait(self, missing: Callable[[], object], what: str) -> None:
        """Look again and again until nothing is missing; when time is over, say what is."""
        while left := missing():
            if time.monotonic() > self._ends:
                pytest.fail(f"{what}: {left}\n{self}")
            self._looked.wait(1)
            self._looked.clear()

    def unseen(self, alerts: set[tuple[str, str]]) -> list[str]:
        """What of these did not fire yet."""
        return self._missing(alerts, self.fired, "did not fire")

    def untold(self, alerts: set[tuple[str, str]]) -> list[str]:
        """What of these the inbox was not told yet."""
        return self._missing(alerts, self.told, "was not told")

    def left(self) -> list[str]:
        """What fires still, or does as far as the inbox knows."""
        return [
            f"{' '.join(one)} {where}"
            for ones, where in ((self.firing_now, "fires"), (self.told_now, "is told to fire"))
            for one in sorted(ones)
            if one.name != WATCHDOG.alert
        ]

    @staticmethod
    def _missing(wanted: set[tuple[str, str]], seen: dict[Firing, float], what: str) -> list[str]:
        found = {(one.name, one.severity) for one in seen}
        return [f"{name} {severity} {what}" for name, severity in sorted(wanted - found)]

    def __str__(self) -> str:
        lines = [
            f"{self.fired[one]:7.1f} {self.told.get(one, float('nan')):7.1f} {self.last[one]:7.1f}"
            f"  {' '.join(one)}"
            for one in sorted(self.fired, key=self.fired.__getitem__)
        ]
        return "\n".join(["  fired    told    last  in seconds", *lines])


@contextmanager
def recorded(demo: FastDemo, ends: float) -> Iterator[Record]:
    """What fires and is told, looked at twice a second until the block ends."""
    record, ended = Record(demo, ends), threading.Event()

    def go_on() -> None:
        while not ended.wait(0.5):
            record.look()

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield record
    finally:
        ended.set()
        thread.join()


def test_every_signal_is_exercised_or_said_why_not() -> None:
    exercised = {name for fault in (FREEZE, *FAULTS) for name in fault.limits}
    assert exercised | NOT_HERE.keys() == BY_NAME.keys()
    assert not exercised & NOT_HERE.keys()
    missing = {name for fault in FAULTS for name in fault.absent}
    with_absence = {signal.name for signal in SIGNALS if signal.presence}
    assert missing | ABSENCE_NOT_HERE.keys() == with_absence
    assert not missing & ABSENCE_NOT_HERE.keys()


def test_every_alert_fires_and_is_told_and_clears(
    tmp_path_factory: pytest.TempPathFactory, postgresql: str
) -> None:
    began = time.monotonic()
    with ExitStack() as stack:
        receiver = stack.enter_context(running_webhook_server())
        receiver.refusal = 400  # which Alertmanager does not try again
        pages = stack.enter_context(running_pages(PAGES))
        said = settings(receiver, pages)
        folder = tmp_path_factory.mktemp("alerts")
        demo = stack.enter_context(fast_demo(folder, said, COACHING_DATABASE_URL=postgresql))
        demo.up()
        # Enough for the floors of events: twenty calls in what is five minutes by the clock.
        django, fastapi, streamlit = (demo.url(name) for name in SERVICES)
        load = Load(django, fastapi, streamlit, asks=2.2, knocks=4, looks=True)
        stack.enter_context(load.going_on())
        record = stack.enter_context(recorded(demo, began + PATIENCE_SECONDS))

        freeze(demo, record)
        suffer(World(demo, load, receiver, pages), record)
        long = FREEZE.alerts  # an hour's uptime has its alerts once half an hour is known
        record.wait(lambda: record.unseen(long) + record.untold(FREEZE.worst), FREEZE.what)
        demo.notes = calm(said)
        demo.up()
        record.wait(record.left, "what does not clear")
        assert WATCHDOG.alert in {one.name for one in record.firing_now}
        assert demo.hearing() == "heard"

        exercised = {alert for fault in (FREEZE, *FAULTS) for alert in fault.alerts}
        rules = {alert for alert in demo.rules() if alert[0] != WATCHDOG.alert}
        assert rules - exercised == alerts_not_here()
        assert series_of_what_is_not_here(demo) == set(), "these are here: exercise their signals"
        print(f"\n{time.monotonic() - began:.0f} s\n{record}")


def freeze(demo: FastDemo, record: Record) -> None:
    """Django stands still for a while; early, because an hour of uptime has to pass afterwards."""
    known = "service_target:interservice_timeouts:events >= 30"
    record.wait(lambda: not demo.query(known), "there is no load")
    soon = {alert for alert in FREEZE.alerts if alert[0] != BY_NAME["service_uptime"].alert}
    told = soon & FREEZE.worst
    with demo.frozen("django"):
        record.wait(lambda: record.unseen(soon) + record.untold(told), FREEZE.what)
    down = Firing(SERVICE_DOWN.alert, "critical", "django")
    record.wait(lambda: down in record.told_now, "what does not clear after it")


def suffer(world: World, record: Record) -> None:
    """All faults: each begins, is made worse once that is known, and ends once that is known."""
    begun, worse = list(FAULTS), []
    for fault in FAULTS:
        fault.begin(world)

    def go_on() -> list[str]:
        for fault in [fault for fault in begun if not unnoticed(fault)]:
            begun.remove(fault)
            worse.append(fault)
            if fault.worsen:
                fault.worsen(world)
        for fault in [fault for fault in worse if not unfinished(fault)]:
            worse.remove(fault)
            fault.end(world)
        return [missing for fault in begun for missing in unnoticed(fault)] + [
            missing for fault in worse for missing in unfinished(fault)
        ]

    def unnoticed(fault: Fault) -> list[str]:
        # What worsens by itself mutes its warning before that is told.
        known = record.untold(fault.mildest) and record.untold(fault.worst)
        return record.unseen(fault.mildest) + known

    def unfinished(fault: Fault) -> list[str]:
        return record.unseen(fault.alerts) + record.untold(fault.worst)

    record.wait(go_on, "what does not fire")


def alerts_not_here() -> set[tuple[str, str]]:
    """The alerts that are not exercised."""
    return Fault("", {name: {} for name in NOT_HERE}, absent=tuple(ABSENCE_NOT_HERE)).alerts


def series_of_what_is_not_here(demo: FastDemo) -> set[str]:
    """What there is nevertheless of the signals that cannot fire here."""
    names = {name for signal in NOT_HERE for name in selected(BY_NAME[signal].expression)}
    return {name for name in names - {UP.name} if demo.query(name)}
