"""`vigie incidents` as a person types it: what it prints, and its exit code."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from told_alerts import delivery, sent
from vigie.incidents.delivery import read
from vigie.incidents.holding import held
from vigie.incidents.inbox import FILE_NAME, Inbox
from vigie.incidents.watchdog import Heartbeat

pytestmark = pytest.mark.servers

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def vigie(tmp_path: Path) -> Run:
    """Run `vigie incidents` in a folder of its own."""
    (tmp_path / "vigie.yml").write_text("time_zone: UTC\n")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "vigie", "incidents", *arguments],
            cwd=tmp_path,
            env={**os.environ, "VIGIE_STATE": str(tmp_path / "state"), "COLUMNS": "120"},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the console keeps its inbox."""
    return tmp_path / "state" / "data" / "console"


def test_where_nothing_was_ever_kept_it_says_what_to_do(vigie: Run, folder: Path) -> None:
    told = vigie()
    assert told.returncode == 0
    assert told.stdout == (
        f"No alert was ever kept: there is no inbox at {folder}/incidents.sqlite3.\n"
        "Alerts arrive while the console runs: start it with `vigie up`.\n"
    )
    program = vigie("--json")
    assert (program.returncode, program.stdout) == (1, "")
    assert program.stderr == f"vigie: there is no inbox at {folder}/incidents.sqlite3\n"
    assert not folder.exists()


def test_it_tells_people_and_programs_what_fires_and_what_ended(vigie: Run, folder: Path) -> None:
    now = datetime.now(UTC)
    started, ended = now - timedelta(minutes=95), now - timedelta(minutes=5)
    with closing(Inbox.open(folder / FILE_NAME)) as inbox:
        alerts = sent("a", started=started), sent("b", started=started, ended=ended)
        inbox.receive(read(delivery(*alerts), now), now)
        with held(folder, "the test"):
            told = vigie()
    assert (told.returncode, told.stderr) == (1, "")
    lines = [" ".join(line.split()) for line in told.stdout.splitlines()]
    day = "" if started.date() == now.date() else f"{started.day} {started:%b} "
    assert f"critical Django response time: django {day}{started:%H:%M} 1 h 35 min 1.02s" in lines
    assert "95th percentile over 5 minutes: 1.02s (critical above 1s)." in lines
    assert "http://localhost:3300/runbooks/django_response_time" in lines
    assert "Ended in the last 24h:" in lines
    assert any(line.endswith("1 h 30 min") for line in lines)
    assert lines[-1] == "Times are in UTC. More: http://localhost:3300"
    document = json.loads(vigie("--json", "--since", "1h").stdout)
    assert document["console"] is None
    assert [one["fingerprint"] for one in document["firing"]] == ["a"]
    assert [one["fingerprint"] for one in document["ended"]] == ["b"]


def test_when_all_is_quiet_it_says_so(vigie: Run, folder: Path) -> None:
    Inbox.open(folder / FILE_NAME).close()
    with held(folder, "the test"):
        told = vigie("--since", "2h")
    assert told.returncode == 0
    assert told.stdout == (
        "Nothing is firing.\nNothing ended in the last 2h.\n\n"
        "Times are in UTC. More: http://localhost:3300\n"
    )


def test_that_nothing_new_can_arrive_is_said_first(vigie: Run, folder: Path) -> None:
    with closing(Inbox.open(folder / FILE_NAME)) as inbox:
        told = vigie()
        assert told.returncode == 1
        assert told.stdout.startswith(
            "The console does not run, so nothing new arrives. Start it: vigie up\n\nNothing is"
        )
        inbox.keep_heartbeat("watchdog", Heartbeat(datetime(2026, 1, 2, 3, 4, tzinfo=UTC)))
        with held(folder, "the test"):
            told = vigie()
    assert "The watchdog has not been heard since 2 Jan" in told.stdout
    assert told.stdout.splitlines()[1] == (
        "Look at `vigie status`, then start what is missing: vigie up"
    )
    assert told.returncode == 1


@pytest.mark.parametrize("since", ["yesterday", "99999999999999d"])
def test_a_period_that_is_none_is_refused(vigie: Run, since: str) -> None:
    told = vigie("--since", since)
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.startswith(f'vigie: --since is "{since}": ')


def test_an_inbox_that_cannot_be_read_is_told(vigie: Run, folder: Path) -> None:
    Inbox.open(folder / FILE_NAME).close()
    with closing(sqlite3.connect(folder / FILE_NAME)) as other, other:
        other.execute("UPDATE vigie_incidents SET version = 9")
    told = vigie()
    assert told.returncode == 1
    assert "are of version 9, and this Vigie knows versions up to 1" in told.stderr
