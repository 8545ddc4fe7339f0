"""`vigie costs` as a person types it: what it prints, and its exit code."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from priced_calls import Told, priced
from vigie.costs.ledger import LedgerPlace
from vigie.simulate.invoice import Invoice, Sale
from vigie.simulate.offer import MODELS

pytestmark = pytest.mark.servers

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def costs(tmp_path: Path) -> Run:
    """Run `vigie costs` in a folder of its own."""
    (tmp_path / "vigie.yml").write_text("time_zone: UTC\n")

    def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "vigie", "costs", *arguments],
            cwd=tmp_path,
            env={**os.environ, "VIGIE_STATE": str(tmp_path / "state")},
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return run


def keep(tmp_path: Path, *calls: Any) -> None:
    told = Told()
    writer = told.writer(LedgerPlace.in_folder(tmp_path / "state"))
    for call in calls:
        writer.append(call)
    writer.close()
    assert not told.failures


def test_without_a_ledger_it_says_how_one_is_made(tmp_path: Path, costs: Run) -> None:
    told = costs()
    assert told.returncode == 0
    assert told.stdout == (
        f"Nothing is recorded yet: there is no ledger at {tmp_path}/state/ledger.sqlite3.\n"
        "It is made with the first call to OpenAI of a service that has this at its start:\n"
        "  from vigie.instrument import openai\n"
        "  openai.instrument()\n"
        "and the same ledger: $VIGIE_STATE names its folder, or ledger.url in vigie.yml.\n"
    )
    assert not (tmp_path / "state").exists()
    program = costs("--json")
    assert (program.returncode, program.stdout) == (1, "")
    assert program.stderr == f"vigie: there is no ledger at {tmp_path}/state/ledger.sqlite3\n"


def test_it_tells_people_and_programs_the_same(tmp_path: Path, costs: Run) -> None:
    now = datetime.now(UTC)
    keep(tmp_path, priced(1, usd="10", at=now, feature="plan"), priced(2, usd="5", at=now))
    person = costs("--by", "feature")
    assert person.returncode == 0
    assert "13,80 € (100 % computed, 0 unpriced)\n" in person.stdout
    document = json.loads(costs("--json", "--since", "1d").stdout)
    assert document["total"]["amount"] == "13.8"
    table = costs("--csv", "--by", "feature").stdout.splitlines()
    assert table[1].startswith("plan,9.2,EUR,1,")
    days = costs("--by", "day", "--since", "3d").stdout
    assert days.count("\n20") == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--since", "7"],
            'vigie: --since is "7": write a duration with its unit, e.g. 15s, 10m, 12h or 7d\n',
        ),
        (["--json", "--csv"], "vigie: --json and --csv are two formats: choose one\n"),
        (
            ["reconcile", "--invoice", "nowhere.csv"],
            "vigie: nowhere.csv cannot be read: No such file or directory\n",
        ),
        (
            ["reconcile", "--invoice", "vigie.yml"],
            "vigie: vigie.yml:1: the column start_time is missing: export the costs as CSV,"
            " grouped by line item\n",
        ),
    ],
)
def test_a_wrong_request_is_answered_with_exit_code_2(
    costs: Run, arguments: list[str], message: str
) -> None:
    told = costs(*arguments)
    assert (told.returncode, told.stdout, told.stderr) == (2, "", message)


def test_a_ledger_that_is_off_or_no_ledger_is_named(tmp_path: Path, costs: Run) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state/ledger.sqlite3").write_text("Dear diary, " * 1000)
    told = costs()
    assert (told.returncode, told.stderr) == (
        1,
        f"vigie: {tmp_path}/state/ledger.sqlite3 is no SQLite file: name another one in"
        " ledger.url\n",
    )
    (tmp_path / "vigie.yml").write_text("ledger: {url: off}")
    told = costs()
    assert (told.returncode, told.stderr) == (2, "vigie: no ledger is kept: ledger.url is off\n")


def test_prices_that_make_no_sense_are_refused_with_their_lines(tmp_path: Path, costs: Run) -> None:
    (tmp_path / "vigie.yml").write_text(
        "prices:\n"
        "  - {model: coach-1, per_million_tokens: {input: -1}, checked: 2026-11-01}\n"
        "  - {model: coach-2, per_million_tokens: {input: 1}, checked: soon}\n"
    )
    told = costs()
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr == (
        "vigie: vigie.yml:2: prices.0.per_million_tokens.input is -1: write a number from 0 on, "
        "e.g. 0.80\n"
        'vigie.yml:3: prices.1.checked is "soon": write a date as year-month-day, e.g. 2026-11-01\n'
    )


def test_a_ledger_that_a_newer_vigie_made_is_refused_with_what_to_do(
    tmp_path: Path, costs: Run
) -> None:
    keep(tmp_path, priced(1))
    path = tmp_path / "state" / "ledger.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE vigie_ledger SET version = 1000")
        connection.commit()
    for arguments in ((), ("--json",)):
        told = costs(*arguments)
        assert (told.returncode, told.stdout) == (1, "")
        assert told.stderr == (
            f"vigie: the ledger {path} is of version 1000, and this Vigie knows versions up to 1: "
            "install the Vigie that wrote it (pip install -U vigie), or name another ledger in "
            "ledger.url\n"
        )


def test_an_invoice_that_differs_is_exit_code_1_and_one_that_agrees_0(
    tmp_path: Path, costs: Run
) -> None:
    now = datetime.now(UTC)
    invoice = Invoice(None, now.timestamp() - 60)
    sold = Sale(
        response_id=f"chatcmpl-{1:020d}",
        request_id="req_1",
        requested_model="gpt-4o-mini",
        model=MODELS["gpt-4o-mini"],
        operation="chat",
        tier="default",
        streamed=False,
        asked_at=now.timestamp(),
        input_tokens=100,
        cached_input_tokens=40,
        output_tokens=20,
        reasoning_tokens=5,
        begun=True,
    )
    invoice.bill(sold, now.timestamp())
    (tmp_path / "costs.csv").write_text(invoice.cost_export())
    keep(tmp_path, priced(2, usd="0.000024", at=now))
    differs = costs("reconcile", "--invoice", "-", stdin=json.dumps(invoice.statement(detail=True)))
    assert differs.returncode == 1
    assert "Missing in the ledger: 1\n" in differs.stdout
    assert "Missing in the invoice: 1\n" in differs.stdout
    agrees = costs("reconcile", "--invoice", "costs.csv")
    assert (agrees.returncode, agrees.stdout.splitlines()[-1]) == (
        0,
        "They agree, to the last micro-cent.",
    )
