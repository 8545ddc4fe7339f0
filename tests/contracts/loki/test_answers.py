"""The store answers what the real Loki answered, wherever the lines are."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

import compare_loki as loki
from running_store import opened, served
from vigie.store.segments import StoreLimits

HERE = Path(__file__).parent

pytestmark = pytest.mark.servers

KEPT = {
    "lines in the log, none in a segment": StoreLimits(idle_seconds=600),
    "lines in one segment or two": StoreLimits(chunk_bytes=1 << 30, idle_seconds=600),
    "lines in many segments": StoreLimits(chunk_bytes=100_000, idle_seconds=600),
}


@pytest.mark.parametrize("kept", KEPT)
def test_the_store_answers_what_loki_answers(kept: str, tmp_path: Path) -> None:
    cases = loki.read_json(str(HERE / "cases.json.gz"))["cases"]
    dataset = loki.read_json(str(HERE / "dataset.json.gz"))
    assert len(cases) == 531
    t0 = loki.choose_t0(time.time()) * loki.SECOND
    with opened(tmp_path, KEPT[kept]) as store, served(store) as client:
        server = loki.Server(client.base)
        loki.push_dataset(server, dataset, t0)
        if kept == "lines in one segment or two":
            store.flush()
        elif kept == "lines in many segments":
            store.flush()
            assert len(store.segments()) > 5
        else:
            assert store.segments() == ()
        wrong = {}
        for case in sorted(cases, key=lambda one: one["area"] == "push"):
            got = loki.observe(server, case, t0)
            if difference := loki.compare(case, case["expect"], got):
                wrong[case["id"]] = difference
        server.connection.close()
    assert wrong == {}
