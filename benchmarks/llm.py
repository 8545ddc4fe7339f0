"""What each instrument adds to a call of the OpenAI SDK, and what it records, beside its peers.

    .venv/bin/python benchmarks/llm.py [--json] [--quick] [--only call] [--clock cpu]

The calls are answered in process, without a socket: what is measured is the instrument, not the
network. Vigie's spans, prices and ledger are included. The peers' spans and metrics end in
exporters that do nothing, and nobody records prompts or answers.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from in_process_provider import INPUT_TOKENS, OUTPUT_TOKENS
from instruments import SEED, Stack, in_microseconds, progress, python, started
from interleaved import absolute, take_turns
from stacks import BARE, CLOCKS
from watched_sdks import APART, BARE_APART, BATCHES, CLOSED_AFTER, INSTRUMENTS, VIGIE

HERE = Path(__file__).parent
LOCK_APART = HERE.parent / "requirements/benchmarks-apart.txt"
TIMES = {"call": 200, "chunk": 3}
"""In a batch: a busy service makes so many calls in the time for which a ledger's rows gather."""
ROUNDS = {"call": 12, "chunk": 20}
PACKAGES = {
    BARE: (
        "openai",
        "opentelemetry-sdk",
        "opentelemetry-instrumentation-openai-v2",
        "opentelemetry-instrumentation-openai",
    ),
    BARE_APART: (
        "openai",
        "opentelemetry-sdk",
        "opentelemetry-instrumentation-genai-openai",
        "openlit",
    ),
}
Records = dict[str, dict[str, float]]
Figures = dict[str, dict[str, float]]
"""By contender: median, low and high, in microseconds."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument(
        "--quick", action="store_true", help="fewer turns; the processes take as long to start"
    )
    parser.add_argument("--only", choices=BATCHES, help="plain calls, or chunks of streams")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="which time is measured")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vigie-benchmark-") as scratch:
        os.environ["TMPDIR"] = scratch  # of the contenders: Vigie's ledger is in it
        about, tables, records = compare(chosen)
    if chosen.json:
        print(json.dumps({**about, "added_us": tables, "recorded": records}, indent=2))
    else:
        show(about, tables, records)


def compare(
    chosen: argparse.Namespace,
) -> tuple[dict[str, Any], dict[str, Figures], dict[str, Records]]:
    """Versions; figures by what is measured; what each contender records, by act."""
    apart = environment_apart()
    pythons = {**dict.fromkeys(INSTRUMENTS, sys.executable), **dict.fromkeys(APART, apart)}
    dice = random.Random(SEED)
    measured = [chosen.only] if chosen.only else list(BATCHES)
    records = {name: recorded(name, pythons[name]) for name in pythons if name not in PACKAGES}
    tables = {each: measure(each, pythons, dice, chosen) for each in measured}
    about = {
        "python": python(),
        "clock": chosen.clock,
        "versions": {name: versions(pythons[name], PACKAGES[name]) for name in PACKAGES},
    }
    return about, tables, records


def environment_apart() -> str:
    """The Python of the peers that cannot share ours; made when it is first asked for."""
    folder = Path(sys.prefix, LOCK_APART.stem)
    interpreter, note = folder / "bin/python", folder / "installed.txt"
    if not note.exists() or note.read_bytes() != LOCK_APART.read_bytes():
        print("installing the peers that need an environment of their own", file=sys.stderr)
        uv = [sys.executable, "-m", "uv", "--quiet"]
        for step in (
            ["venv", "--allow-existing", "--python", sys.executable, folder],
            ["pip", "sync", "--python", interpreter, "--require-hashes", LOCK_APART],
        ):
            if subprocess.run([*uv, *step], check=False).returncode:
                raise SystemExit("they could not be installed; see above, and start again")
        note.write_bytes(LOCK_APART.read_bytes())
    return str(interpreter)


def measure(
    what: str, pythons: Mapping[str, str], dice: random.Random, chosen: argparse.Namespace
) -> Figures:
    """Added microseconds of each contender; of the bare SDKs, their own."""
    lives, rounds = (2, ROUNDS[what] // 2) if chosen.quick else (5, ROUNDS[what])

    @contextmanager
    def contenders() -> Iterator[list[Stack]]:
        with ExitStack() as running:
            yield [
                running.enter_context(
                    started(name, [*command(name, interpreter), what, chosen.clock])
                )
                for name, interpreter in pythons.items()
            ]

    measured = take_turns(
        contenders,
        lives=lives,
        rounds=rounds,
        batch=TIMES[what],
        dice=dice,
        progress=progress(f"a {what}"),
    )
    return {name: in_microseconds(absolute(measured, name, dice)) for name in pythons}


def recorded(name: str, interpreter: str) -> Records:
    """What a contender records of a call, of a stream, and of one that is closed early."""
    done = subprocess.run(
        [*command(name, interpreter), "records"], stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"the process with {name} failed; see above")
    found: Records = json.loads(done.stdout.splitlines()[-1])
    if not found["call"]["input"]:
        raise SystemExit(f"{name} recorded nothing of a call: what it adds would mean nothing")
    return found


def command(name: str, interpreter: str) -> list[str]:
    return [interpreter, str(HERE / "watched_sdks.py"), name]


def versions(interpreter: str, packages: tuple[str, ...]) -> dict[str, str]:
    """The versions of these packages that another Python has."""
    asked = "import sys; from importlib.metadata import version; print(*map(version, sys.argv[1:]))"
    done = subprocess.run(
        [interpreter, "-c", asked, *packages], stdout=subprocess.PIPE, text=True, check=True
    )
    return dict(zip(packages, done.stdout.split(), strict=True))


def show(about: dict[str, Any], tables: dict[str, Figures], records: dict[str, Records]) -> None:
    print(f"{about['python']}, {platform.machine()}")
    for name, number in about["versions"].items():
        print(f"{name}: " + ", ".join(f"{package} {each}" for package, each in number.items()))
    for what, figures in tables.items():
        print(
            f"\nA {what} takes {figures[BARE]['median']:.0f} µs "
            f"({figures[BARE_APART]['median']:.0f} µs apart); what is added to it"
        )
        for name in records:
            print(f"  {name:30} {added(figures, name)}")
    print("\nTokens sent → received, as they are recorded of")
    print(f"  {'':30} {'a call':22} {'a stream':22} a stream closed early")
    billed = f"{INPUT_TOKENS} → {OUTPUT_TOKENS}"
    print(f"  {'the provider':30} {billed:22} {billed:22} {INPUT_TOKENS} → {CLOSED_AFTER} so far")
    for name, acts in records.items():
        print(f"  {name:30} {' '.join(f'{told(act):22}' for act in acts.values())}".rstrip())
    print(
        f"\nMedian differences of {CLOCKS_TOLD[about['clock']]} within a process, with 95 % "
        "confidence intervals:\nhalf of its calls are made with the SDK's own methods. Apart: "
        "OpenLIT admits openai up to 2\nonly, and genai-openai a util-genai that openai-v2 "
        "cannot start with."
    )
    if "chunk" in tables:
        print("A chunk's time is the difference between long streams and short ones.")


CLOCKS_TOLD = {"wall": "time on the wall", "cpu": "processor time"}


def added(figures: Figures, name: str) -> str:
    figure, vigie = figures[name], figures[VIGIE]["median"]
    interval = f"{figure['low']:.1f} to {figure['high']:.1f}"
    times = f"{figure['median'] / vigie:.1f} × Vigie" if vigie > 0 else ""
    return f"{figure['median']:7.1f} µs   {interval:>18}   {times:>14}"


def told(act: Mapping[str, float]) -> str:
    """What was recorded of one act, in a few words."""
    if not act["input"]:
        return "a span, no tokens" if act["spans"] else "nothing"
    tokens = f"{act['input']:.0f} → {act['output']:.0f}"
    if not act["cost"]:
        return f"{tokens}, no price"
    return f"{tokens}, estimated" if act["estimated"] else f"{tokens}, priced"


if __name__ == "__main__":
    main()
