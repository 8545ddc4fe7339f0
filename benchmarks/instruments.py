"""What each instrument adds to a request, beside its peers.

    .venv/bin/python benchmarks/instruments.py [--json] [--quick] [--only fastapi] [--clock cpu]

The requests are answered in process, without a socket: what is measured is the instrument, not the
network. Each stack is in a process of its own, because a Django can be configured once only.
On a machine with other work to do, processor time is less disturbed than the time on the wall; it
leaves out what is waited for, such as another thread of the same process.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from interleaved import Figure, Life, absolute, difference, take_turns
from stacks import BARE, CLOCKS, FRAMEWORKS

TITLES = {"fastapi": "FastAPI", "django-wsgi": "Django, WSGI", "django-asgi": "Django, ASGI"}
PACKAGES = (
    "fastapi",
    "starlette",
    "django",
    "prometheus-client",
    "prometheus-fastapi-instrumentator",
    "starlette-exporter",
    "django-prometheus",
    "opentelemetry-sdk",
    "opentelemetry-instrumentation-fastapi",
    "opentelemetry-instrumentation-django",
)
SEED = 20261124


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--quick", action="store_true", help="fewer turns: half a minute in all")
    parser.add_argument("--only", choices=FRAMEWORKS, help="one framework")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="which time is measured")
    chosen = parser.parse_args()
    lives, rounds = (2, 15) if chosen.quick else (5, 40)
    dice = random.Random(SEED)
    frameworks = [chosen.only] if chosen.only else list(FRAMEWORKS)
    tables = {name: measure(name, chosen.clock, lives, rounds, dice) for name in frameworks}
    if chosen.json:
        about = {"python": python(), "versions": versions(), "clock": chosen.clock}
        print(json.dumps({**about, "added_us": tables}, indent=2))
    else:
        show(tables, chosen.clock)


def measure(
    framework: str, clock: str, lives: int, rounds: int, dice: random.Random
) -> dict[str, Any]:
    """Added microseconds of each contender; of the bare application, its own."""

    measured: list[Life] = take_turns(
        lambda: stacks(framework, clock),
        lives=lives,
        rounds=rounds,
        batch=50,
        dice=dice,
        progress=progress(TITLES[framework]),
    )
    added = {
        name: in_microseconds(difference(measured, name, BARE, dice))
        for name in FRAMEWORKS[framework]
        if name != BARE
    }
    return {BARE: in_microseconds(absolute(measured, BARE, dice)), **added}


def progress(title: str) -> Callable[[int, int], None]:
    """Tells on stderr how far it is: the end only, where nobody watches."""

    def tell(done: int, of: int) -> None:
        told = f"{title}: round {done} of {of}"
        if done == of:
            print(f"\r{told}", file=sys.stderr)
        elif sys.stderr.isatty():  # only a terminal can rewrite its line
            print(f"\r{told}", end="", file=sys.stderr, flush=True)

    return tell


def in_microseconds(figure: Figure) -> dict[str, float]:
    return {name: round(seconds * 1e6, 2) for name, seconds in vars(figure).items()}


@contextmanager
def stacks(framework: str, clock: str) -> Iterator[list[Stack]]:
    """All stacks of a framework, started and ready."""
    with ExitStack() as running:
        yield [
            running.enter_context(stack(framework, name, clock)) for name in FRAMEWORKS[framework]
        ]


class Stack:
    """A process that answers a batch when it is told to."""

    def __init__(self, name: str, process: subprocess.Popen[str]) -> None:
        self.name = name
        self._process = process

    def run(self, times: int) -> float:
        assert self._process.stdin
        self._process.stdin.write(f"{times}\n")
        self._process.stdin.flush()
        return float(self.line())

    def line(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline()


@contextmanager
def stack(framework: str, name: str, clock: str) -> Iterator[Stack]:
    command = [sys.executable, Path(__file__).with_name("stacks.py"), framework, name, clock]
    with started(name, command) as running:
        yield running


@contextmanager
def started(name: str, command: Sequence[str | Path]) -> Iterator[Stack]:
    """The process of a contender, ready to take orders (`stacks.take_orders`)."""
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        running = Stack(name, process)
        if running.line() != "ready\n":
            raise SystemExit(f"the process with {name} did not start; see above")
        yield running


def show(tables: dict[str, dict[str, Any]], clock: str) -> None:
    print(f"{python()}, {platform.machine()}")
    print(", ".join(f"{name} {number}" for name, number in versions().items()))
    for framework, figures in tables.items():
        bare = figures[BARE]
        print(
            f"\n{TITLES[framework]}: a request takes {bare['median']:.0f} µs; what is added to it"
        )
        vigie = figures["Vigie"]["median"]
        for name, figure in figures.items():
            if name != BARE:
                interval = f"{figure['low']:.1f} to {figure['high']:.1f}"
                times = f"{figure['median'] / vigie:.1f} × Vigie" if vigie > 0 else ""
                print(f"  {name:36} {figure['median']:7.1f} µs   {interval:>16}   {times:>14}")
    time = {"wall": "time on the wall", "cpu": "processor time"}[clock]
    print(f"\nMedian differences of {time} within a round, with 95 % confidence intervals.")


def python() -> str:
    return f"{platform.python_implementation()} {platform.python_version()}"


def versions() -> dict[str, str]:
    return {name: version(name) for name in PACKAGES}


if __name__ == "__main__":
    main()
