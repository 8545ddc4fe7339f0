"""How a process ends: nothing is lost on SIGTERM and at exit, a moment at most on SIGKILL."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from priced_calls import LATE, LONG_AGO, Told, priced
from vigie.costs.ledger import LedgerPlace, reading
from vigie.costs.ledger.reading import LedgerCall

pytestmark = pytest.mark.servers

PREPARE = """
import multiprocessing, os, signal, sys, threading, time
from datetime import datetime, UTC
from priced_calls import Told, priced
from vigie.costs.ledger import LedgerPlace

told = Told()
def append(*numbers, at=None):
    for number in numbers:
        writer.append(priced(number, at=at or datetime.now(UTC)))
"""
WRITER = "writer = told.writer(LedgerPlace(sys.argv[1]))\n"


def script(body: str) -> list[str]:
    return [sys.executable, "-c", PREPARE + body]


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **more}


def calls(place: LedgerPlace) -> list[LedgerCall]:
    with reading(place) as ledger:
        return ledger.calls(LONG_AGO, LATE)


def run(body: str, place: LedgerPlace) -> int:
    done = subprocess.run([*script(body), place.url], env=environment(), check=False, timeout=60)
    return done.returncode


SIGTERM_TO_ONESELF = "os.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(60)"


@pytest.mark.parametrize(
    ("body", "exit_code"),
    [
        (WRITER + "append(*range(50))", 0),
        (WRITER + "append(*range(50)); sys.exit(3)", 3),
        (WRITER + "append(*range(50)); raise SystemExit('wrong')", 1),
        (WRITER + "append(*range(50)); os.kill(os.getpid(), signal.SIGINT)", -signal.SIGINT),
        # SIGTERM that nobody handles ends the process as before, by the same signal.
        (WRITER + "append(*range(50))\n" + SIGTERM_TO_ONESELF, -signal.SIGTERM),
        # Somebody's own handler is called as before, whether it was there first or came later.
        (
            "signal.signal(signal.SIGTERM, lambda *_: sys.exit(4))\n"
            + WRITER
            + "append(*range(50))\n"
            + SIGTERM_TO_ONESELF,
            4,
        ),
        (
            WRITER
            + "signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))\nappend(*range(50))\n"
            + SIGTERM_TO_ONESELF,
            5,
        ),
        # Last words of others that come after ours.
        (
            "import atexit\natexit.register(lambda: append(*range(25, 50)))\n"
            + WRITER
            + "append(*range(25))",
            0,
        ),
        # A child of multiprocessing leaves without atexit.
        (
            WRITER + "append(*range(25)); writer.flush()\n"
            "def child(): append(*range(25, 50))\n"
            "p = multiprocessing.get_context('fork').Process(target=child); p.start(); p.join()\n"
            "sys.exit(p.exitcode)",
            0,
        ),
        # A forked child that ends by itself, and one that is told to.
        (
            WRITER + "append(*range(25)); writer.flush()\n"
            "if os.fork() == 0:\n    append(*range(25, 50)); sys.exit()\n"
            "sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))",
            0,
        ),
        (
            WRITER + "append(*range(25)); writer.flush()\n"
            "if os.fork() == 0:\n    append(*range(25, 50))\n    "
            + SIGTERM_TO_ONESELF.replace("\n", "; ")
            + "\nsys.exit(-os.waitstatus_to_exitcode(os.wait()[1]))",
            signal.SIGTERM,
        ),
    ],
)
def test_whatever_ends_a_process_what_it_appended_is_written(
    file: LedgerPlace, body: str, exit_code: int
) -> None:
    assert run(body, file) == exit_code
    assert len(calls(file)) == 50


def test_sigterm_is_left_alone_where_it_is_ignored_or_out_of_reach(file: LedgerPlace) -> None:
    body = (
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "def make():\n    global writer\n    " + WRITER + "    append(1)\n"
        "make(); assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN\n"
        "signal.signal(signal.SIGTERM, signal.SIG_DFL)\n"
        "thread = threading.Thread(target=make); thread.start(); thread.join()\n"
        "assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL\n"
    )
    assert run(body, file) == 0


def test_a_locked_file_does_not_keep_a_process_from_ending(file: LedgerPlace, told: Told) -> None:
    writer = told.writer(file)
    writer.append(priced(1))
    writer.close()
    other = sqlite3.connect(file.path or "", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    started = time.monotonic()
    assert run(WRITER + "append(2); " + SIGTERM_TO_ONESELF, file) == -signal.SIGTERM
    assert time.monotonic() - started < 50
    other.execute("COMMIT")
    other.close()


def test_sigkill_loses_less_than_the_last_second_and_leaves_a_sound_file(
    file: LedgerPlace,
) -> None:
    body = WRITER + (
        "number = int(sys.argv[2])\n"
        "while True:\n"
        "    append(number); print(number, flush=True); number += 1; time.sleep(0.001)"
    )
    first = 0
    for _ in range(3):
        process = subprocess.Popen(
            [*script(body), file.url, str(first)],
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        printed = [int(process.stdout.readline()) for _ in range(1200)]
        process.kill()
        printed += [int(line) for line in process.stdout.read().split()]
        process.wait()
        process.stdout.close()
        written = [call for call in calls(file) if int(call.response_id[-20:]) >= first]
        numbers = [int(call.response_id[-20:]) for call in written]
        # A prefix of what was appended, whole batches of it.
        assert numbers == list(range(first, first + len(numbers)))
        assert (written[-1].at - written[0].at).total_seconds() > 0.5
        # A thousand calls take a second or more: that many may be missing, no more.
        assert printed[-1] - numbers[-1] < 1000
        first = printed[-1] + 1
    connection = sqlite3.connect(file.path or "")
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


def test_a_wal_that_was_cut_anywhere_recovers(
    file: LedgerPlace, told: Told, tmp_path: Path
) -> None:
    writer = told.writer(file)
    for batch in range(8):
        for number in range(10):
            writer.append(priced(10 * batch + number))
        assert writer.flush()
    assert file.path is not None
    wal = file.path.with_name(file.path.name + "-wal")
    whole = wal.read_bytes()
    found = set()
    for part in range(12):
        folder = tmp_path / str(part)
        folder.mkdir()
        cut = LedgerPlace.in_folder(folder)
        assert cut.path is not None
        shutil.copy(file.path, cut.path)
        size = len(whole) * part // 12 + 17
        cut.path.with_name(cut.path.name + "-wal").write_bytes(whole[:size])
        found.add(len(calls(cut)))
    writer.close()
    assert len(found) > 3
    assert max(found) <= 80
    assert not told.failures


@pytest.fixture
def start(
    tmp_path: Path, free_port: Callable[[], int]
) -> Iterator[Callable[[list[str]], tuple[subprocess.Popen[bytes], str]]]:
    """Start a server and wait until it answers."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(command: list[str]) -> tuple[subprocess.Popen[bytes], str]:
        port = free_port()
        settings = tmp_path / "vigie.yml"
        settings.write_text("time_zone: UTC\n")
        process = subprocess.Popen(
            [sys.executable, "-m", *(part.format(port=port) for part in command)],
            env=environment(
                VIGIE_STATE=str(tmp_path / "state"),
                VIGIE_SETTINGS=str(settings),
                MAY_ANSWER=str(tmp_path / "may_answer"),
            ),
        )
        started.append(process)
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            try:
                asked(url)
                return process, url
            except OSError:
                continue
        raise AssertionError(f"the server did not start: {process.poll()}")

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()


def asked(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return bytes(answer.read())


@pytest.mark.parametrize(
    "command",
    [
        ["gunicorn", "-b", "127.0.0.1:{port}", "ledger_service:wsgi"],
        ["gunicorn", "-b", "127.0.0.1:{port}", "--threads", "4", "ledger_service:wsgi"],
        ["gunicorn", "-b", "127.0.0.1:{port}", "-w", "2", "--preload", "ledger_service:wsgi"],
        ["uvicorn", "--port", "{port}", "--lifespan", "off", "ledger_service:asgi"],
        ["uvicorn", "--port", "{port}", "--workers", "2", "ledger_service:asgi"],
    ],
    ids=["gunicorn", "gunicorn threads", "gunicorn preloaded", "uvicorn", "uvicorn workers"],
)
def test_a_server_that_is_told_to_stop_writes_all_it_answered(
    start: Callable[[list[str]], tuple[subprocess.Popen[bytes], str]],
    command: list[str],
    tmp_path: Path,
) -> None:
    server, url = start(command)
    for _ in range(40):
        asked(url)
    late = threading.Thread(target=asked, args=(f"{url}/late",))
    late.start()
    while not (tmp_path / "asked").exists():
        pass
    server.terminate()
    (tmp_path / "may_answer").touch()
    late.join()
    server.wait(timeout=60)
    assert len(calls(LedgerPlace.in_folder(tmp_path / "state"))) == 42
