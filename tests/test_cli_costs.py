"""`vigie costs` as a person types it: what it prints, and its exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
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


def test_without_a_ledger_it_says_where_costs_are_told(tmp_path: Path, costs: Run) -> None:
    told = costs()
    assert told.returncode == 0
    assert told.stdout == (
        f"Nothing is recorded: there is no ledger at {tmp_path}/state/ledger.sqlite3.\n"
        "The instruments do not write a ledger yet; what calls cost is in Prometheus:\n"
        "  sum by (model, currency, source) (openai_cost_total)\n"
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
