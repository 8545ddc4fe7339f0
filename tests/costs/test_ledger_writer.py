"""The ledger's writer: many threads and processes at once, and everything that can go wrong."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from priced_calls import LATE, LONG_AGO, Told, priced
from vigie.costs.ledger import LedgerPlace, LedgerWriter, reading
from vigie.costs.ledger.reading import Spend

PROCESS = """
import sys, threading
from priced_calls import Told, priced
from vigie.costs.ledger import LedgerPlace

told = Told()
writer = told.writer(LedgerPlace(sys.argv[1]))
first = int(sys.argv[2])

def append(thread):
    for number in range(40):
        writer.append(priced(first + 40 * thread + number, usd="0.000001"))

threads = [threading.Thread(target=append, args=(n,)) for n in range(50)]
for each in threads: each.start()
for each in threads: each.join()
writer.close()
print(told.failures, told.dropped)
"""


def spend(place: LedgerPlace) -> Spend:
    with reading(place) as ledger:
        (share,) = ledger.shares("model", LONG_AGO, LATE)
    return share.spend


@pytest.mark.servers
def test_two_processes_with_fifty_threads_each_lose_nothing(place: LedgerPlace) -> None:
    # Half of the calls of either process are the other's too.
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, place.url, str(first)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for first in (0, 1000)
    ]
    for each in processes:
        assert each.communicate(timeout=120)[0] == "[] 0\n"
    found = spend(place)
    assert (found.calls, found.usd) == (3000, Decimal("0.003"))


def test_appending_returns_before_anything_is_read_or_written(told: Told) -> None:
    asked_by: list[int] = []
    asked, may_answer = threading.Event(), threading.Event()

    def place() -> None:
        asked_by.append(threading.get_ident())
        asked.set()
        may_answer.wait()

    writer = LedgerWriter(place, told.failures.append, told.drop)
    writer.append(priced(1))
    assert asked.wait(timeout=60)
    may_answer.set()
    writer.close()
    assert threading.get_ident() not in asked_by


def test_a_full_queue_drops_and_counts_what_no_longer_fits(told: Told) -> None:
    may_answer = threading.Event()

    def place() -> None:
        may_answer.wait()

    writer = LedgerWriter(place, told.failures.append, told.drop, capacity=10)
    for number in range(25):
        writer.append(priced(number))
    assert told.dropped == 15
    may_answer.set()
    writer.close()


def test_what_is_appended_after_closing_begins_anew(place: LedgerPlace, told: Told) -> None:
    writer = told.writer(place)
    for number in range(3):
        writer.append(priced(number))
        writer.close()
    assert spend(place).calls == 3


def test_a_forked_child_writes_its_own_and_leaves_its_parents_alone(
    place: LedgerPlace, told: Told, writer: LedgerWriter
) -> None:
    writer.append(priced(1))
    assert writer.flush()
    writer.append(priced(2))  # waits in the parent when the child is made
    child = os.fork()
    if child == 0:
        writer.append(priced(3))
        written = writer.flush()
        os._exit(0 if written and not told.failures else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    writer.append(priced(4))
    assert writer.flush()
    assert spend(place).calls == 4
    assert not told.failures


@pytest.mark.servers
def test_a_fork_in_the_middle_of_a_write_does_not_lock_the_child(
    file: LedgerPlace, told: Told
) -> None:
    writer = told.writer(file)
    stop = threading.Event()

    def append() -> None:
        number = 1000
        while not stop.is_set():
            writer.append(priced(number))
            writer.flush()
            number += 1

    thread = threading.Thread(target=append)
    thread.start()
    outcomes = []
    for number in range(20):
        child = os.fork()
        if child == 0:
            writer.append(priced(number))
            os._exit(0 if writer.flush() else 1)
        outcomes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    stop.set()
    thread.join()
    writer.close()
    assert outcomes == [0] * 20
    with reading(file) as ledger:
        ids = {call.response_id for call in ledger.calls(LONG_AGO, LATE)}
    assert {f"chatcmpl-{number:020d}" for number in range(20)} <= ids


@pytest.mark.servers
def test_a_locked_file_is_told_and_what_waits_is_written_when_it_is_free(
    file: LedgerPlace, told: Told
) -> None:
    writer = told.writer(file)
    writer.append(priced(1))
    assert writer.flush()
    other = sqlite3.connect(file.path or "", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writer.append(priced(2))
    while not told.failures:
        pass
    assert str(told.failures[0]) == "database is locked"
    other.execute("COMMIT")
    other.close()
    assert writer.flush()
    writer.close()
    assert spend(file).calls == 2
    assert told.dropped == 0


def test_a_folder_that_cannot_be_written_is_told_and_tried_again(
    tmp_path: Path, told: Told
) -> None:
    (tmp_path / "in the way").write_text("")
    place = LedgerPlace.in_folder(tmp_path / "in the way")
    writer = told.writer(place)
    writer.append(priced(1))
    assert not writer.flush(within_seconds=0)
    assert isinstance(told.failures[0], OSError)
    (tmp_path / "in the way").unlink()
    assert writer.flush()
    writer.close()
    assert spend(place).calls == 1


def test_what_cannot_be_written_before_the_end_is_told(tmp_path: Path, told: Told) -> None:
    writer = told.writer(LedgerPlace(f"sqlite:///{tmp_path}"))  # a folder
    writer.append(priced(1))
    writer.append(priced(2))
    writer.close(within_seconds=0)
    messages = [str(each) for each in told.failures]
    assert "2 priced calls were not written before the end" in messages
    assert told.dropped == 2


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "vigie-test", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this sandbox cannot mount a file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_told_and_what_waits_is_written_when_there_is_room(
    small_disk: Path, told: Told
) -> None:
    place = LedgerPlace.in_folder(small_disk)
    writer = told.writer(place)
    writer.append(priced(1))
    assert writer.flush()
    with pytest.raises(OSError, match="No space left"), (small_disk / "filler").open("wb") as file:
        while True:
            file.write(b"x" * 4096)
            file.flush()
    for number in range(2, 200):
        writer.append(priced(number))
    while not told.failures:
        pass
    assert "disk" in str(told.failures[0])
    (small_disk / "filler").unlink()
    assert writer.flush()
    writer.close()
    assert spend(place).calls == 199
    assert told.dropped == 0


@pytest.mark.servers
def test_a_server_that_hangs_up_is_asked_again(request: pytest.FixtureRequest, told: Told) -> None:
    server: str = request.getfixturevalue("postgresql")
    place = LedgerPlace(server)
    writer = told.writer(place)
    with psycopg.connect(server, autocommit=True) as connection:
        for number in range(3):
            writer.append(priced(number))
            assert writer.flush()
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE application_name = 'vigie'"
            )
        writer.append(priced(3))
        assert writer.flush()
        writer.close()
        assert told.failures
        assert told.dropped == 0
        assert connection.execute("SELECT COUNT(*) FROM vigie_calls").fetchone() == (4,)
        connection.execute("DROP TABLE vigie_calls, vigie_reservations, vigie_ledger")


def test_a_server_that_is_away_does_not_hold_anybody_up(told: Told) -> None:
    writer = told.writer(LedgerPlace("postgresql://vigie@127.0.0.1:1/nowhere"))
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: writer.append(priced(number)), range(100)))
    assert not writer.flush(within_seconds=0)
    assert "127.0.0.1" in str(told.failures[0])
    assert told.dropped == 0
    writer.close(within_seconds=0)
    assert told.dropped == 100
