"""Active users: how many were seen in the last five minutes, in memory that does not grow."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from vigie.instrument.active_users import WINDOW_SECONDS, ActiveUsers

NOW = 1_800_000_000.0
KEY = b"secret"


def test_a_user_who_comes_again_is_one() -> None:
    users = ActiveUsers(KEY)
    assert users.count(NOW) == 0
    for user in (1, 2, 3, 1, 2, "3"):
        users.see(user, NOW)
    assert users.count(NOW) == 3


def test_a_user_is_active_for_five_minutes() -> None:
    users = ActiveUsers(KEY)
    users.see(1, NOW)
    assert users.count(NOW + WINDOW_SECONDS - 1) == 1
    assert users.count(NOW + WINDOW_SECONDS) == 0
    users.see(1, NOW + 100)
    assert users.count(NOW + WINDOW_SECONDS) == 1


@pytest.mark.parametrize("number", [10, 1_000, 20_000, 100_000])
def test_many_users_are_counted_to_within_two_percent(number: int) -> None:
    users = ActiveUsers(KEY)
    for user in range(number):
        users.see(user, NOW)
    assert users.count(NOW) == pytest.approx(number, rel=0.02)


def test_a_full_table_has_a_number_too() -> None:
    table = memoryview(bytearray(b"\xff" * 4 * 65_536))
    assert ActiveUsers(KEY, table).count(NOW) == 726_817


def test_another_key_puts_users_in_other_places() -> None:
    tables = [bytearray(4 * 65_536) for _ in range(2)]
    for key, table in zip((b"one", b"two"), tables, strict=True):
        ActiveUsers(key, memoryview(table)).see(1, NOW)
    assert tables[0] != tables[1]


@pytest.mark.servers
def test_processes_that_share_a_table_count_together(tmp_path: Path) -> None:
    path = tmp_path / "users.table"
    script = (
        "import sys; from pathlib import Path; from vigie.instrument.active_users import *\n"
        f"users = ActiveUsers.shared({KEY!r}, Path(sys.argv[1]))\n"
        f"for user in range(int(sys.argv[2]), int(sys.argv[3])): users.see(user, {NOW})"
    )
    workers = [
        subprocess.Popen([sys.executable, "-c", script, str(path), first, last])
        for first, last in (("0", "50"), ("25", "75"), ("0", "75"))
    ]
    assert [worker.wait(60) for worker in workers] == [0, 0, 0]
    assert ActiveUsers.shared(KEY, path).count(NOW) == 75
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_table_in_a_file_keeps_what_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "users.table"
    ActiveUsers.shared(KEY, path).see(1, NOW)
    assert ActiveUsers.shared(KEY, path).count(NOW) == 1
    assert path.stat().st_size == 4 * 65_536


def test_a_table_for_which_there_is_no_room_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        ActiveUsers.shared(KEY, tmp_path / "nowhere" / "users.table")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            ActiveUsers.shared(KEY, tmp_path / "users.table")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []
