import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from prometheus_client.mmap_dict import MmapedDict, mmap_key

from vigie.instrument.cells import FileCells, MemoryCells, read_cells, write_cells
from vigie.instrument.processes import identity


def keys(*numbers: int) -> list[str]:
    return [mmap_key("x", "x_total", ["n"], [str(number)], "Help, naïve.") for number in numbers]


def test_cells_in_memory_are_apart_from_each_other() -> None:
    cells = MemoryCells()
    first, second = cells.places(keys(1, 2))
    (third,) = cells.places(keys(3))
    cells.values[first] += 1
    cells.values[second] += 2
    cells.values[third] += 3
    assert [cells.values[place] for place in (first, second, third)] == [1, 2, 3]


def test_a_key_has_one_place_in_its_file(tmp_path: Path) -> None:
    cells = FileCells(tmp_path, "counter")
    one, two, again = cells.places(keys(1, 2, 1))
    assert one == again != two
    assert cells.places(keys(2)) == (two,)


def test_prometheus_client_reads_what_we_write_and_we_what_it_writes(tmp_path: Path) -> None:
    cells = FileCells(tmp_path, "counter")
    for number, place in enumerate(cells.places(keys(*range(5)))):
        cells.values[place] += number
        cells.values[place + 1] = 100.0 + number
    ours = tmp_path / f"counter_{identity()}.db"
    expected = {key: (float(number), 100.0 + number) for number, key in enumerate(keys(*range(5)))}
    found = MmapedDict.read_all_values_from_file(str(ours))
    assert {key: (value, timestamp) for key, value, timestamp, _ in found} == expected
    assert read_cells(ours) == expected

    theirs = MmapedDict(str(tmp_path / "counter_1.db"))
    for key, cell in expected.items():
        theirs.write_value(key, *cell)
    theirs.close()
    assert read_cells(tmp_path / "counter_1.db") == expected


def test_what_is_written_at_once_is_read_back(tmp_path: Path) -> None:
    cells = dict.fromkeys(keys(*range(2000)), (0.1, 0.0))
    write_cells(tmp_path / "counter_archive-1.db", cells)
    assert read_cells(tmp_path / "counter_archive-1.db") == cells


def test_a_file_grows_and_who_counts_meanwhile_loses_nothing(tmp_path: Path) -> None:
    cells = FileCells(tmp_path, "counter")
    (place,) = cells.places(keys(0))
    stop = threading.Event()
    counted = 0

    def count() -> None:
        nonlocal counted
        while not stop.is_set():
            cells.values[place] += 1.0
            counted += 1

    thread = threading.Thread(target=count)
    thread.start()
    for number in range(1, 5000):
        cells.places(keys(number))
    stop.set()
    thread.join()
    (file,) = tmp_path.iterdir()
    assert file.stat().st_size == 512 * 1024
    read = read_cells(file)
    assert len(read) == 5000
    assert read[keys(0)[0]][0] == cells.values[place] == counted


@pytest.mark.parametrize(
    "damaged",
    [b"", b"\x20\0\0\0\0\0\0\0\xff\xff\xff\x7fkey", b"\x20\0\0\0\0\0\0\0" + b"\0" * 24],
    ids=["empty", "a key longer than the file", "a key without length"],
)
def test_a_damaged_file_is_an_error_and_no_crash(tmp_path: Path, damaged: bytes) -> None:
    file = tmp_path / "counter_1.db"
    file.write_bytes(damaged)
    with pytest.raises(ValueError, match=r"counter_1\.db|does not fit"):
        read_cells(file)


def test_a_program_that_replaces_itself_goes_on_in_its_file_with_gauges_at_zero(
    tmp_path: Path,
) -> None:
    for kind in ("counter", "gauge_livesum"):
        before = FileCells(tmp_path, kind)
        before.values[before.places(keys(1))[0]] += 5
    after = {kind: FileCells(tmp_path, kind) for kind in ("counter", "gauge_livesum")}
    assert {kind: cells.values[cells.places(keys(1))[0]] for kind, cells in after.items()} == {
        "counter": 5.0,
        "gauge_livesum": 0.0,
    }


@pytest.mark.servers
def test_a_file_that_may_not_grow_keeps_its_cells_and_refuses_new_ones(tmp_path: Path) -> None:
    script = """
import resource, sys
from pathlib import Path
from vigie.instrument.cells import FileCells
resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, 64 * 1024))
cells = FileCells(Path(sys.argv[1]), "counter")
(first,) = cells.places(["first"])
made = 0
try:
    while True:
        cells.places([f"key {made}" * 10])
        made += 1
except OSError:
    cells.values[first] += 1
print(made)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=True
    )
    (file,) = tmp_path.iterdir()
    assert file.stat().st_size == 64 * 1024
    read = read_cells(file)
    assert len(read) == int(done.stdout) + 1
    assert read["first"] == (1.0, 0.0)


@pytest.mark.servers
@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system of a few pages")
def test_a_full_disk_kills_nobody(tmp_path: Path) -> None:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", tmp_path], check=False
    )
    if mounted.returncode != 0:
        pytest.skip("this machine lets nobody mount")
    script = """
import sys
from prometheus_client import CollectorRegistry
from vigie import catalogue
from vigie.instrument.meters import meters
mine = meters(CollectorRegistry())
for number in range(200):
    for status in range(50):
        mine[catalogue.fastapi.HTTP.requests].child("GET", f"/{number}", str(status)).inc()
(errors,) = mine[catalogue.telemetry.INTERNAL_ERRORS].collect()
print({sample.labels["where"]: sample.value for sample in errors.samples}["workers"])
"""
    try:
        done = subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout == "1.0\n"
    finally:
        subprocess.run(["umount", tmp_path], check=True)
