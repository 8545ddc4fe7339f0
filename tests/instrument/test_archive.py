import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from prometheus_client.mmap_dict import mmap_key

from vigie.instrument.archive import absorb_dead, families
from vigie.instrument.cells import read_cells, write_cells
from vigie.instrument.processes import identity

COUNTER = mmap_key("x", "x_total", [], [], "Help.")
BUCKET = mmap_key("w", "w_bucket", ["le"], ["+Inf"], "Help.")
SUM = mmap_key("w", "w_sum", [], [], "Help.")
LEVEL = mmap_key("level", "level", [], [], "Help.")
LATER = 10**12  # no process started so late
DEAD = f"1-{LATER}"


def counted(folder: Path) -> dict[str, float]:
    return {sample.name: sample.value for family in families(folder) for sample in family.samples}


def put(folder: Path, name: str, cells: dict[str, float]) -> Path:
    write_cells(folder / name, {key: (value, 0.0) for key, value in cells.items()})
    return folder / name


def a_workers_files(folder: Path, who: str) -> None:
    put(folder, f"counter_{who}.db", {COUNTER: 3.0})
    put(folder, f"histogram_{who}.db", {SUM: 1.5, BUCKET: 2.0})
    put(folder, f"gauge_livesum_{who}.db", {LEVEL: 4.0})


def test_the_figures_are_the_sum_of_the_workers_that_live(tmp_path: Path) -> None:
    a_workers_files(tmp_path, identity())
    a_workers_files(tmp_path, str(os.getpid()))
    assert counted(tmp_path) == {
        "x_total": 6.0,
        "w_sum": 3.0,
        "w_bucket": 4.0,
        "w_count": 4.0,
        "level": 8.0,
    }
    assert len(list(tmp_path.glob("*.db"))) == 6


def test_a_dead_worker_leaves_its_counts_but_not_its_gauges_nor_its_files(tmp_path: Path) -> None:
    a_workers_files(tmp_path, identity())
    a_workers_files(tmp_path, DEAD)
    assert counted(tmp_path) == {
        "x_total": 6.0,
        "w_sum": 3.0,
        "w_bucket": 4.0,
        "w_count": 4.0,
        "level": 4.0,
    }
    assert {file.name for file in tmp_path.glob("*.db")} == {
        f"counter_{identity()}.db",
        f"histogram_{identity()}.db",
        f"gauge_livesum_{identity()}.db",
        "counter_archive-1.db",
        "histogram_archive-1.db",
    }


@pytest.mark.servers
def test_after_a_thousand_dead_workers_there_is_one_archive_of_the_same_size(
    tmp_path: Path,
) -> None:
    sizes = set()
    for number in range(1000):
        put(tmp_path, f"counter_1-{LATER + number}.db", {COUNTER: 1.0})
        if number % 50 == 49:
            assert counted(tmp_path) == {"x_total": number + 1.0}
            (archive,) = tmp_path.glob("*.db")
            sizes.add(archive.stat().st_size)
    assert len(sizes) == 1
    assert {file.suffix for file in tmp_path.iterdir()} == {".db", ".json", ".lock"}


def test_prometheus_clients_own_files_of_dead_processes_are_archived_too(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    put(tmp_path, f"counter_{dead.pid}.db", {COUNTER: 3.0})
    put(tmp_path, f"summary_{dead.pid}.db", {mmap_key("s", "s_sum", [], [], "Help."): 2.0})
    put(tmp_path, f"gauge_max_{dead.pid}.db", {LEVEL: 4.0})
    assert counted(tmp_path) == {"x_total": 3.0, "s_sum": 2.0, "level": 4.0}
    assert {file.name for file in tmp_path.glob("*.db")} == {
        "counter_archive-1.db",
        "summary_archive-1.db",
        f"gauge_max_{dead.pid}.db",  # which is meant to outlive its process
    }


def test_a_file_whose_process_id_came_back_to_life_is_given_back(tmp_path: Path) -> None:
    put(tmp_path, "counter_77.db", {COUNTER: 3.0})
    answers = iter([False, True])  # dead when looked for, alive once its file has been moved
    absorb_dead(tmp_path, alive=lambda who: next(answers))
    assert [file.name for file in tmp_path.glob("*.db")] == ["counter_77.db"]


def test_a_file_whose_process_id_came_back_to_life_and_made_a_new_one_is_archived(
    tmp_path: Path,
) -> None:
    put(tmp_path, "counter_77.db", {COUNTER: 3.0})
    answers = iter([False, True])

    def alive(who: str) -> bool:
        answer = next(answers)
        if answer:
            put(tmp_path, "counter_77.db", {COUNTER: 2.0})
        return answer

    absorb_dead(tmp_path, alive=alive)
    assert {file.name for file in tmp_path.glob("*.db")} == {
        "counter_77.db",
        "counter_archive-1.db",
    }
    assert read_cells(tmp_path / "counter_archive-1.db") == {COUNTER: (3.0, 0.0)}


# A merge that was interrupted: each of its steps, as it leaves the folder


def test_killed_after_a_file_was_laid_aside(tmp_path: Path) -> None:
    put(tmp_path, f"counter_dead-{DEAD}-5.db", {COUNTER: 3.0})
    assert counted(tmp_path) == {"x_total": 3.0}
    assert counted(tmp_path) == {"x_total": 3.0}


def test_killed_when_a_file_was_being_given_back(tmp_path: Path) -> None:
    file = put(tmp_path, f"counter_{os.getpid()}.db", {COUNTER: 3.0})
    os.link(file, tmp_path / f"counter_dead-{os.getpid()}-5.db")
    assert counted(tmp_path) == {"x_total": 3.0}
    assert [found.name for found in tmp_path.glob("*.db")] == [file.name]


def test_killed_when_the_archive_was_written_and_no_manifest_names_it(tmp_path: Path) -> None:
    put(tmp_path, f"counter_dead-{DEAD}-5.db", {COUNTER: 3.0})
    put(tmp_path, "counter_archive-1.db", {COUNTER: 3.0})
    (tmp_path / "vigie-archive.json.new").write_text('{"number":')
    assert counted(tmp_path) == {"x_total": 3.0}
    assert not (tmp_path / "vigie-archive.json.new").exists()


def test_killed_when_the_manifest_was_replaced_and_nothing_removed(tmp_path: Path) -> None:
    put(tmp_path, "counter_archive-1.db", {COUNTER: 100.0})
    put(tmp_path, f"counter_dead-{DEAD}-5.db", {COUNTER: 3.0})
    put(tmp_path, "counter_archive-2.db", {COUNTER: 103.0})
    manifest = {
        "number": 2,
        "archives": ["counter_archive-2.db"],
        "absorbed": [f"counter_dead-{DEAD}-5.db", "counter_archive-1.db"],
    }
    (tmp_path / "vigie-archive.json").write_text(json.dumps(manifest))
    assert counted(tmp_path) == {"x_total": 103.0}
    assert [file.name for file in tmp_path.glob("*.db")] == ["counter_archive-2.db"]


@pytest.mark.servers
def test_merges_killed_at_any_moment_neither_lose_nor_double(tmp_path: Path) -> None:
    dice = random.Random(20261124)
    script = (
        "import sys, pathlib, vigie.instrument.archive as archive\n"
        "print('ready', flush=True)\n"
        "archive.absorb_dead(pathlib.Path(sys.argv[1]))\n"
    )
    expected = 0.0
    killed = 0
    for number in range(15):
        for part in range(20):
            put(tmp_path, f"counter_1-{LATER + 100 * number + part}.db", {COUNTER: 1.0})
            expected += 1.0
        merge = subprocess.Popen([sys.executable, "-c", script, tmp_path], stdout=subprocess.PIPE)
        assert merge.stdout
        with merge:
            merge.stdout.readline()
            threading.Event().wait(dice.uniform(0, 0.02))  # not for anything: to be anywhere in it
            merge.send_signal(signal.SIGKILL)
            killed += merge.wait() == -signal.SIGKILL
        copy = tmp_path.with_name(f"copy-{number}")  # what a scrape would find, without its repairs
        shutil.copytree(tmp_path, copy)
        assert counted(copy) == {"x_total": expected}
    assert killed > 0
    assert counted(tmp_path) == {"x_total": expected}


# Damage, and others who are there at the same time


def test_a_damaged_file_hides_no_other(tmp_path: Path) -> None:
    put(tmp_path, f"counter_{identity()}.db", {COUNTER: 3.0})
    (tmp_path / f"counter_{os.getpid()}.db").write_bytes(b"\x20\0\0\0\0\0\0\0\xff\xff\xff\x7f")
    put(tmp_path, f"counter_{DEAD}.db", {COUNTER: 2.0})
    (tmp_path / f"counter_1-{LATER + 1}.db").write_bytes(b"")
    assert counted(tmp_path) == {"x_total": 5.0}


def test_a_damaged_manifest_costs_the_archive_and_not_the_scrape(tmp_path: Path) -> None:
    put(tmp_path, f"counter_{identity()}.db", {COUNTER: 3.0})
    put(tmp_path, "counter_archive-4.db", {COUNTER: 9.0})
    (tmp_path / "vigie-archive.json").write_text("{")
    assert counted(tmp_path) == {"x_total": 3.0}


def test_readers_that_come_together_all_see_everything(tmp_path: Path) -> None:
    for number in range(200):
        put(tmp_path, f"counter_1-{LATER + number}.db", {COUNTER: 1.0})
    seen: list[dict[str, float]] = []
    threads = [threading.Thread(target=lambda: seen.append(counted(tmp_path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [{"x_total": 200.0}] * 8


@pytest.mark.servers
def test_who_cannot_have_the_folder_for_itself_says_so_after_seconds(tmp_path: Path) -> None:
    import fcntl

    with (tmp_path / "vigie.lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(TimeoutError, match=r"vigie\.lock was locked for 5 s$"):
            families(tmp_path)
