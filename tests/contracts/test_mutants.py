"""Every rule with one thing wrong in it is noticed by the alerts' tests."""

from __future__ import annotations

import pytest

import mutation_check
from alert_rules import groups
from rule_mutants import mutants


@pytest.mark.servers
@pytest.mark.timeout(1200)  # two minutes, where nobody else is at work
def test_whatever_is_wrong_with_a_rule_some_test_notices(
    capsys: pytest.CaptureFixture[str],
) -> None:
    verdict = mutation_check.check()
    with capsys.disabled():
        print(f"\n{verdict}")
    assert [str(mutant) for mutant in verdict.survivors] == []
    assert verdict.count > 2000


@pytest.mark.parametrize(
    "change",
    [
        "ratio > 0.05 and … > → <",
        "0.05 → 0.0625",
        "openai_requests_total → openai_requests_total_mutant",
        "service → service_mutant",
        '"ok|cancelled" → "ok|cancelledmutant"',
        "!~ → =~",
        "5m → 150s",
        "5m → 10m",
        "sum → max",
        "20 → 25",
        "for removed",
        "for 2m → 4m",
        "labels.severity changed",
        "labels.signal removed",
        "annotations.summary_fr changed",
        "annotations.runbook_url removed",
        "record renamed",
        "alert renamed",
    ],
)
def test_each_part_of_a_rule_is_changed(change: str) -> None:
    changes = [str(mutant) for mutant in mutants(groups()["openai_error_rate"], exact=False)]
    assert any(change in one for one in changes)


def test_the_limit_itself_is_tried_where_it_can_be_met() -> None:
    changes = [mutant.change for mutant in mutants(groups()["memory_available"], exact=True)]
    assert sum("< → <=" in change for change in changes) == 2
