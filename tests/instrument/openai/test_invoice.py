"""The provider's invoice is the oracle: two thousand calls of every kind and end, two processes."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from socket import create_server
from typing import Any

import httpx
import pytest

from simulator_process import running_simulator
from vigie.costs.ledger import LedgerPlace, reading
from vigie.costs.ledger.reading import LedgerCall

pytestmark = pytest.mark.servers

EACH = 860
FIRST_NUMBERS = (100_000, 200_000)
SPEED = "0.4"
UNPRICED_MODEL = "coach-internal-1"
KINDS = ("input", "output", "cached_input", "reasoning")
REQUESTS = "openai_requests_total"


@dataclass(frozen=True, slots=True)
class Spent:
    """What two services said they did, what the ledger has, and what the provider billed."""

    ended: Counter[str]
    counted: Counter[tuple[str, ...]]
    whole: list[LedgerCall]
    interrupted: list[LedgerCall]
    billed: dict[str, Any]
    rest: list[Any]


@pytest.fixture(scope="module")
def spent(tmp_path_factory: pytest.TempPathFactory) -> Spent:
    state = tmp_path_factory.mktemp("state")
    told, invoice = _spend(state)
    now = datetime.now(UTC)
    with reading(LedgerPlace.in_folder(state)) as ledger:
        calls = ledger.calls(now - timedelta(days=1), now + timedelta(days=1))
    whole = [call for call in calls if call.outcome == "ok" and call.source != "estimated"]
    # An embedding has no id of its own: it is known by its request's.
    billed = {}
    for request in invoice["requests"]:
        own = request["operation"] != "embeddings"
        billed[request["response_id" if own else "request_id"]] = request
    known = {call.response_id for call in whole}
    ended: Counter[str] = Counter()
    counted: Counter[tuple[str, ...]] = Counter()
    for each in told:
        ended.update(each["ended"])
        for name, labels, value in each["counted"]:
            counted[(name, *labels.values())] += value
    return Spent(
        ended,
        counted,
        whole,
        [call for call in calls if call not in whole],
        billed,
        [request for id_, request in billed.items() if id_ not in known],
    )


def test_all_calls_that_finished_are_the_invoice_s_to_the_last_token_and_micro_cent(
    spent: Spent,
) -> None:
    assert spent.ended["finished"] == len(spent.whole) > 1_300
    for call in spent.whole:
        request = spent.billed[call.response_id]
        assert call.model == request["model"]
        assert call.service_tier in ("", request["service_tier"])
        assert tokens(call) == tuple(request[f"{kind}_tokens"] for kind in KINDS)
        if call.model == UNPRICED_MODEL:
            assert call.usd is None
        else:
            assert call.usd == Decimal(request["amount"])
    assert len({call.response_id for call in spent.whole}) == len(spent.whole)
    assert {call.model for call in spent.whole} > {UNPRICED_MODEL, "text-embedding-3-small"}
    assert all(any(tokens(call)[kind] for call in spent.whole) for kind in range(len(KINDS)))


def test_the_estimate_of_the_interrupted_is_within_15_percent_in_sum(spent: Spent) -> None:
    assert spent.ended["interrupted"] > 200
    estimated = [sum(column) for column in zip(*map(tokens, spent.interrupted), strict=True)]
    billed = [sum(request[f"{kind}_tokens"] for request in spent.rest) for kind in KINDS]
    usd = sum((call.usd or Decimal(0)) for call in spent.interrupted)
    billed_usd = sum(Decimal(r["amount"]) for r in spent.rest if r["model"] != UNPRICED_MODEL)
    errors = {
        "tokens": sum(estimated[:2]) / sum(billed[:2]) - 1,
        "dollars": float(usd / billed_usd) - 1,
    }
    # Of the answers alone, what was on its way when the reader left is missing: the busier the
    # machine, the more.
    print(f"{len(spent.interrupted)} interrupted calls; error of the estimate, in sum:")
    print(", ".join(f"{name} {error:+.1%}" for name, error in errors.items()), end="; ")
    print(f"output tokens alone {estimated[1] / billed[1] - 1:+.1%}")
    assert all(abs(error) < 0.15 for error in errors.values()), errors


def test_the_counters_agree_with_the_ledger(spent: Spent) -> None:
    ledger: Counter[tuple[str, ...]] = Counter()
    for call in [*spent.whole, *spent.interrupted]:
        for kind, count in zip(KINDS, tokens(call), strict=True):
            if count:
                ledger["openai_tokens_total", call.model, kind] += count
        if call.usd:
            ledger["openai_cost_total", call.model, "USD", call.source] += float(call.usd)
    shown = {key: value for key, value in spent.counted.items() if key[0] != REQUESTS}
    assert shown == pytest.approx(ledger, rel=1e-9)


def test_each_attempt_is_counted_and_the_refused_ones_took_nothing(spent: Spent) -> None:
    outcomes: Counter[str] = Counter()
    for key, value in spent.counted.items():
        if key[0] == REQUESTS:
            outcomes[key[-1]] += int(value)
    assert outcomes["rate_limited"] > 20
    assert outcomes["server_error"] > 20
    assert outcomes["client_error"] > 20
    assert outcomes["ok"] >= spent.ended["finished"]
    ended_well = [call for call in spent.interrupted if call.outcome == "ok"]
    assert outcomes["ok"] == spent.ended["finished"] + len(ended_well)
    assert {call.outcome for call in spent.interrupted} <= {"ok", "cancelled", "timeout"}


def tokens(call: LedgerCall) -> tuple[int, ...]:
    return tuple(getattr(call.usage, kind) for kind in KINDS)


def _spend(state: Path) -> tuple[Iterable[Any], Any]:
    """Run the services; returns what they print, and the invoice."""
    with create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    url = f"http://127.0.0.1:{port}"
    script = Path(__file__).parents[2] / "environment" / "spending_service.py"
    environ = {**os.environ, "VIGIE_STATE": str(state), "VIGIE_CURRENCY__CODE": "USD"}
    with running_simulator(port, "--speed", SPEED):
        faults = {"error_rate": {"429": 0.04, "500": 0.04}}
        assert httpx.post(f"{url}/faults", json=faults).is_success
        services = [
            subprocess.Popen(
                [sys.executable, str(script), f"{url}/v1", str(first), str(EACH)],
                env=environ,
                stdout=subprocess.PIPE,
                text=True,
            )
            for first in FIRST_NUMBERS
        ]
        told = [json.loads(service.communicate(timeout=280)[0]) for service in services]
        return told, httpx.get(f"{url}/invoice?detail=requests").json()
