import os
import subprocess
import sys

import pytest

from vigie.instrument.processes import alive, identity


def test_this_process_is_alive_by_its_identity_and_by_its_id_alone() -> None:
    assert alive(identity())
    assert alive(str(os.getpid()))
    assert identity() == identity()


def test_another_process_with_the_same_id_is_another() -> None:
    pid, _, start = identity().partition("-")
    assert not alive(f"{pid}-{int(start) - 1}")


def test_what_is_no_process_is_not_alive() -> None:
    for name in ("archive-3", "dead-1-2", "", "x"):
        assert not alive(name)


@pytest.mark.servers
def test_a_process_that_nobody_has_buried_is_dead() -> None:
    script = "from vigie.instrument.processes import identity; print(identity()); input()"
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin
    assert process.stdout
    with process:
        who = process.stdout.readline().strip()
        assert alive(who)
        assert alive(str(process.pid))
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # ended, and still a zombie
        assert not alive(who)
        assert not alive(str(process.pid))
