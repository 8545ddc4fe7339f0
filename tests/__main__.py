"""`./vigie test [--quick] [pytest's own options]`: fetches what the tests need, then runs them."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "environment"))


SIDE_BY_SIDE = ["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]
"""Two at once, as most tests wait for others' processes; a file's tests stay together, and share
what is made for them. `-n 0` runs one after the other."""


def main(arguments: list[str]) -> int:
    os.chdir(ROOT)
    # Servers are to start as they do for a user: with bytecode, not compiling all of it each time.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # A shell's background job has Ctrl-C ignored, and so would every process that tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if "--quick" in arguments:
        arguments.remove("--quick")
        return int(pytest.main(["-m", "not servers", *SIDE_BY_SIDE, *arguments]))
    prepare()
    return int(pytest.main([*SIDE_BY_SIDE, *arguments]))


def prepare() -> None:
    """Fetch the engines, PostgreSQL, Chromium and Docker once; later they are found at once."""
    import chromium
    import docker_machine
    import postgresql_server
    from vigie.stack import binaries

    for what, fetch in (
        ("the engines", binaries.find_all),
        ("PostgreSQL", postgresql_server.programs),
        ("Chromium", chromium.fetch),
        ("Docker", docker_machine.programs),
    ):
        started = time.monotonic()
        fetch()
        print(f"{what}: ready in {time.monotonic() - started:.1f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
