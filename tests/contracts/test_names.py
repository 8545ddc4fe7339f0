"""Every metric and label that a rule, a runbook or a message names is one that somebody emits."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from alert_rules import Group, groups
from named_series import asked_by_rules, catalogued
from promql_reader import LabelError, PromqlError, labels_of, parse
from vigie.catalogue.signal import Signal
from vigie.catalogue.signals import SIGNALS, WATCHDOG


def checked(group: Group, known: dict[str, set[str]]) -> None:
    """Read a group's rules in their order; what one records, the next may ask for."""
    for rule in group["rules"]:
        labels = labels_of(parse(rule["expr"]), known)
        if "record" in rule:
            known.setdefault(rule["record"], set()).update(labels, rule.get("labels", {}))
        for text in rule.get("annotations", {}).values():
            asked = set(re.findall(r"\$labels\.(\w+)", text))
            if asked - labels:
                raise LabelError(f"{rule['alert']}: no label {', '.join(sorted(asked - labels))}")


@pytest.mark.parametrize("group", groups().values(), ids=groups().keys())
def test_rules_name_only_what_is_emitted(group: Group) -> None:
    known = catalogued()
    checked(groups()["settings"], known)
    checked(group, known)


@pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.name)
def test_what_is_recorded_has_the_labels_that_its_signal_says(signal: Signal) -> None:
    known = catalogued()
    checked(groups()["settings"], known)
    checked(groups()[signal.name], known)
    assert known[signal.record] == set(signal.labels)
    if signal.floor and signal.events_record:
        assert known[signal.events_record] == {"service", *signal.floor.by}


@pytest.mark.parametrize(
    ("promql", "message"),
    [
        ("sum by (service) (rate(django_request_total[5m]))", "no metric is called"),
        ("sum by (servce) (django_requests_total)", "sum by: no label servce"),
        ('django_requests_total{code="500"}', "django_requests_total: no label code"),
        ("django_request_duration_seconds", "no metric is called"),
        ("rate(django_request_duration_seconds_buckets[5m])", "no metric is called"),
    ],
)
def test_a_name_that_nobody_emits_is_found(promql: str, message: str) -> None:
    with pytest.raises(LabelError, match=message):
        labels_of(parse(promql), catalogued())


def queries() -> Iterator[tuple[str, str]]:
    """The queries that the runbooks tell a person to type, by the runbook's name."""
    for one in (*SIGNALS, WATCHDOG):
        for part in ("meaning", "impact", "diagnosis", "mitigation"):
            words = getattr(one.runbook, part)
            english = re.findall(r"```promql\n(.*?)\n *```", words.en, re.DOTALL)
            french = re.findall(r"```promql\n(.*?)\n *```", words.fr, re.DOTALL)
            assert english == french, one.name
            yield from ((one.name, re.sub(r"\n +", "\n", query)) for query in english)


QUERIES = list(queries())


@pytest.mark.parametrize(("runbook", "query"), QUERIES, ids=[name for name, _ in QUERIES])
def test_runbooks_tell_to_type_what_can_be_answered(runbook: str, query: str) -> None:
    labels_of(parse(query), catalogued())


def test_the_queries_of_old_that_answer_nothing_are_named_as_such() -> None:
    """Two that people copied: one is no PromQL, the other names no series."""
    with pytest.raises(PromqlError):
        parse("django_auth_failures_total by (reason)")
    with pytest.raises(LabelError):
        labels_of(parse("openai_request_duration_seconds"), catalogued())


def test_every_metric_that_a_rule_names_is_read_by_this_test() -> None:
    named = asked_by_rules()
    assert "up" in named
    assert len(named) > 50
