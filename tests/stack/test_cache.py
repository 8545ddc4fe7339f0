"""The cache: a thing is in it whole or not at all, however its making ends."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from vigie.stack import cache
from vigie.stack.errors import StackError


def test_the_folder_is_the_variable_else_xdg_else_in_the_home_folder() -> None:
    home = Path.home()
    assert cache.default_folder({"VIGIE_CACHE": "/a", "XDG_CACHE_HOME": "/b"}) == Path("/a")
    assert cache.default_folder({"XDG_CACHE_HOME": "/b"}) == Path("/b/vigie")
    assert cache.default_folder({"XDG_CACHE_HOME": "relative"}) == home / ".cache/vigie"
    assert cache.default_folder({}) == home / ".cache/vigie"


def test_a_thing_is_made_once(tmp_path: Path) -> None:
    made: list[Path] = []
    for _ in range(2):
        place = cache.keep(tmp_path / "a" / "thing", made.append)
    assert place == tmp_path / "a" / "thing"
    assert place.is_dir()
    assert len(made) == 1


def test_a_thing_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail(draft: Path) -> None:
        (draft / "half").write_text("half")
        raise StackError("broken")

    with pytest.raises(StackError, match="broken"):
        cache.keep(tmp_path / "thing", fail)
    assert [path.name for path in tmp_path.iterdir()] == [".thing.lock"]


def test_several_at_once_make_it_once(tmp_path: Path) -> None:
    made: list[Path] = []
    start = threading.Barrier(4)

    def run() -> None:
        start.wait()
        cache.keep(tmp_path / "thing", made.append)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1


@pytest.mark.servers
def test_what_a_killed_process_left_is_swept_away(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from vigie.stack import cache\n"
        "def make(draft):\n"
        "    (draft / 'half').write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "cache.keep(Path(sys.argv[1]), make)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, tmp_path / "thing"], check=False)
    assert killed.returncode == -9
    assert not (tmp_path / "thing").exists()
    left = [path for path in tmp_path.iterdir() if path.is_dir()]
    assert len(left) == 1

    cache.keep(tmp_path / "thing", lambda draft: None)
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == [tmp_path / "thing"]


def test_a_disk_that_is_full_is_told_with_the_file(tmp_path: Path) -> None:
    def fill(draft: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(draft / "big"))

    with pytest.raises(StackError) as raised:
        cache.keep(tmp_path / "thing", fill)
    assert re.fullmatch(
        rf"cannot write {tmp_path}/\.thing\.draft-\w+/big: No space left on device\n"
        "make room or give access there, or name another folder: VIGIE_CACHE=DIR",
        str(raised.value),
    )


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StackError) as raised:
        cache.keep(tmp_path / "file" / "thing", lambda draft: None)
    assert str(raised.value) == (
        f"cannot write {tmp_path}/file: File exists\n"
        "make room or give access there, or name another folder: VIGIE_CACHE=DIR"
    )
