"""Seconds from a fault to the notification of it, by signal, beside the least that they can be.

    .venv/bin/python benchmarks/alerting.py [--json] [--quick] [--normal]

The stack of `vigie up` runs, with its rules and routes as they are; the watched services are pages
of metrics that go bad at random moments (`feigned_services.py`), and who is told is a webhook, as
it would tell people. Time is compressed as by `--fast`; `--normal` takes it as it is, some ten
minutes.

The bound: one interval of scrapes, one of evaluations, the rule's `for`, and the wait of the
notification's group; before that, where a share of a window is judged, as much of the window as
must be bad. A fault that comes just before its scrape, and a scrape just before its evaluation,
are told sooner than that.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from feigned_services import ILLNESSES, SILENCE, FeignedService, feigned_service
from instruments import SEED, python
from vigie.catalogue.signal import Severity
from vigie.catalogue.signals import BY_NAME
from vigie.render import alertmanager
from vigie.render.pace import Pace
from vigie.settings import Settings, load
from vigie.settings.model import Ports
from vigie.settings.quantities import duration

WINDOW = timedelta(minutes=5)
"""Of every signal here that judges a share."""
GRACE = 1.5
"""So many times its bound is waited for a notification."""


@dataclass(frozen=True, slots=True)
class Bound:
    """The least that an alert takes, in seconds, part by part."""

    window: float
    scrape: float
    evaluation: float
    hold: float
    group_wait: float

    @property
    def seconds(self) -> float:
        return self.window + self.scrape + self.evaluation + self.hold + self.group_wait


@dataclass(frozen=True, slots=True)
class Measured:
    """How long it took, in seconds, beside what bounds it."""

    bound: Bound
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def ratio(self) -> float:
        return self.median / self.bound.seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--quick", action="store_true", help="five faults of each kind, not twenty")
    parser.add_argument("--normal", action="store_true", help="by the clock: some ten minutes")
    chosen = parser.parse_args()
    figures, about = measure(5 if chosen.quick else 20, fast=not chosen.normal)
    if chosen.json:
        signals = {
            name: {
                "median_seconds": round(one.median, 3),
                "slowest_seconds": round(max(one.seconds), 3),
                "bound_seconds": round(one.bound.seconds, 3),
                "of_the_bound": round(one.ratio, 3),
                "bound": asdict(one.bound),
                "seconds": [round(seconds, 3) for seconds in one.seconds],
            }
            for name, one in figures.items()
        }
        print(json.dumps({**about, "signals": signals}, indent=2))
    else:
        show(figures, about)


def measure(times: int, *, fast: bool) -> tuple[dict[str, Measured], dict[str, Any]]:
    """Each fault so many times, all of them in one run; and what the figures are about."""
    dice = random.Random(SEED)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vigie-benchmark-")))
        ill = [stack.enter_context(feigned_service(f"ill-{n}")) for n in range(times)]
        silent = [stack.enter_context(feigned_service(f"silent-{n}")) for n in range(times)]
        told = stack.enter_context(receiver())
        environ, settings = settle(folder, [*ill, *silent], told.port)
        pace = Pace.fast(settings) if fast else Pace.of(settings)
        bounds = {one.signal: bound(one.signal, one.bad_share, pace) for one in ILLNESSES}
        bounds[SILENCE.signal] = bound(SILENCE.signal, 0, pace)
        stack.enter_context(stack_of(folder, environ, fast=fast))
        # As after hours: until then a window is not full, and bad events are too large a share.
        time.sleep(1.2 * WINDOW.total_seconds() / pace.factor)
        fall_ill(ill, silent, dice, pace)
        wanted = {(one.name, signal) for one in ill for signal in one.ill_since}
        wanted |= {(one.name, SILENCE.signal) for one in silent}
        told.wait_for(wanted, GRACE * max(one.seconds for one in bounds.values()))
    taken: dict[str, list[float]] = {name: [] for name in bounds}
    for service in (*ill, *silent):
        for signal, began in service.ill_since.items():
            at = told.first.get((service.name, signal))
            taken[signal].append(float("inf") if at is None else at - began)
    figures = {name: Measured(bounds[name], tuple(taken[name])) for name in bounds}
    about = {
        "python": python(),
        "pace": pace.factor,
        "scrape_seconds": pace.scrape_interval.total_seconds(),
        "faults_of_each": times,
    }
    return figures, about


def fall_ill(
    ill: list[FeignedService], silent: list[FeignedService], dice: random.Random, pace: Pace
) -> None:
    """Each illness of each service begins at a random moment within a few scrapes."""
    spread = 4 * pace.scrape_interval.total_seconds()
    moments = [
        (dice.uniform(0, spread), service, one.signal) for service in ill for one in ILLNESSES
    ] + [(dice.uniform(0, spread), service, SILENCE.signal) for service in silent]
    began = time.time()
    for moment, service, signal in sorted(moments, key=lambda each: each[0]):
        time.sleep(max(began + moment - time.time(), 0))
        service.ill_since[signal] = time.time()


def bound(signal: str, bad_share: float, pace: Pace) -> Bound:
    """The least that the critical alert of a signal takes, or its warning if it has no other."""
    known = BY_NAME[signal]
    severity = Severity.WARNING if known.critical is None else Severity.CRITICAL
    scrape = pace.scrape_interval.total_seconds()
    return Bound(
        window=bad_share * WINDOW.total_seconds() / pace.factor,
        scrape=scrape,
        evaluation=scrape,
        hold=known.hold.total_seconds() / pace.factor,
        group_wait=group_wait(severity, pace),
    )


def group_wait(severity: Severity, pace: Pace) -> float:
    """How long the team's group waits, in seconds, by the rendered routes."""
    rendered = yaml.safe_load(alertmanager.configuration(load(environ={}), pace))
    route = rendered["route"]
    for one in route["routes"]:
        if one["receiver"] == alertmanager.TEAM and f'severity="{severity}"' in one.get(
            "matchers", ()
        ):
            route = one
    return duration(route["group_wait"]).total_seconds()


class Receiver:
    """Notes when each alert was told first: by service and signal, in seconds of Unix."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.first: dict[tuple[str, str], float] = {}
        self._changed = threading.Condition()

    def take(self, body: Mapping[str, Any], now: float) -> None:
        """What Alertmanager posts. A warning that comes before its critical one does not count."""
        with self._changed:
            for one in body["alerts"]:
                labels = one["labels"]
                worst = BY_NAME[labels["signal"]].critical is None or labels["severity"] == (
                    Severity.CRITICAL
                )
                if one["status"] == "firing" and worst:
                    self.first.setdefault((labels["service"], labels["signal"]), now)
            self._changed.notify_all()

    def wait_for(self, wanted: set[tuple[str, str]], seconds: float) -> None:
        """Wait until all that is wanted was told, for so many seconds at most."""
        with self._changed:
            self._changed.wait_for(lambda: wanted <= self.first.keys(), seconds)


@contextmanager
def receiver() -> Iterator[Receiver]:
    """The webhook, on a free port, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            now = time.time()
            told.take(json.loads(self.rfile.read(int(self.headers["Content-Length"]))), now)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 # its name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        told = Receiver(http.server_address[1])
        thread = threading.Thread(target=http.serve_forever, daemon=True)
        thread.start()
        try:
            yield told
        finally:
            http.shutdown()
            thread.join()


def settle(
    folder: Path, services: list[FeignedService], webhook: int
) -> tuple[dict[str, str], Settings]:
    """Write vigie.yml, with ports that are free; what the stack's environment is, and says."""
    with ExitStack() as stack:
        probes = {name: stack.enter_context(socket.socket()) for name in Ports.model_fields}
        for probe in probes.values():
            probe.bind(("127.0.0.1", 0))
        ports = {name: probe.getsockname()[1] for name, probe in probes.items()}
    document = {
        "ports": ports,
        "services": {
            one.name: {
                "kind": "django",
                "url": f"http://127.0.0.1:{one.port}",
                "metrics_path": "/metrics",
            }
            for one in services
        },
        "notify": {"webhook": {"url": f"http://127.0.0.1:{webhook}"}},
    }
    path = folder / "vigie.yml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("VIGIE_")}
    kept = {"VIGIE_CACHE": os.environ["VIGIE_CACHE"]} if "VIGIE_CACHE" in os.environ else {}
    return environ | kept | {"VIGIE_STATE": str(folder / "state")}, load(path, environ={})


@contextmanager
def stack_of(folder: Path, environ: Mapping[str, str], *, fast: bool) -> Iterator[None]:
    """What `vigie up` starts, until the block ends."""

    def vigie(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "vigie", *arguments],
            cwd=folder,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )

    try:
        started = vigie("up", *(["--fast"] if fast else []))
        if started.returncode:
            raise SystemExit(started.stdout + started.stderr)
        yield
    finally:
        vigie("down", "--volumes")


def show(figures: Mapping[str, Measured], about: Mapping[str, Any]) -> None:
    print(
        f"{about['faults_of_each']} faults of each kind; scraped and evaluated every "
        f"{about['scrape_seconds']:g} s ({about['pace']:g} × faster than usual)\n"
    )
    print(f"{'':24} {'median':>8} {'slowest':>8} {'bound':>8}   of it  window + scrape + …")
    for name, one in figures.items():
        parts = " + ".join(f"{seconds:g}" for seconds in asdict(one.bound).values())
        print(
            f"{name:24} {one.median:6.2f} s {max(one.seconds):6.2f} s {one.bound.seconds:6.2f} s"
            f"   {one.ratio:4.0%}   {parts}"
        )
    print("\nFrom the first bad event to the webhook's request; bound: window that must be bad +")
    print("scrape + evaluation + the rule's `for` + the group's wait.")


if __name__ == "__main__":
    main()
