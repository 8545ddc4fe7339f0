"""Every metric, label and log field that a panel names is one that somebody emits.

What is emitted here is what the catalogue says; whether that is so, the running demo says in
`test_closing.py`.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from alert_rules import groups
from named_series import (
    PANELS,
    asked_by_panels,
    catalogued,
    check_query,
    recorded,
    selected,
    series_of,
)
from promql_reader import LabelError, labels_of, parse
from vigie import catalogue
from vigie.catalogue import logs
from vigie.catalogue.metric import Emitter
from vigie.catalogue.panel import Board, Panel, Query, Store, filled, variables_in

NAMES = [f"{board.uid}-{panel.title.en}" for board, panel in PANELS]

ROOT = Path(__file__).parents[2]
LOGGED_IN = {
    "Auth failure": "src/vigie/instrument/django/authentication.py",
    "Attack pattern": "src/vigie/instrument/django/authentication.py",
    "Slow request": "src/vigie/instrument/django/requests.py",
    "OpenAI call": "examples/coaching/api/provider.py",
}

each_panel = pytest.mark.parametrize(("board", "panel"), PANELS, ids=NAMES)


KNOWN = recorded(catalogued())


@each_panel
def test_a_panel_names_only_what_is_emitted(board: Board, panel: Panel) -> None:
    for query in panel.queries:
        check_query(query, KNOWN)
        if panel.columns:
            labels = labels_of(parse(filled(query.expression, {})), KNOWN)
            assert set(panel.columns) <= labels


@each_panel
def test_a_panel_asks_only_for_the_choices_that_its_board_offers(
    board: Board, panel: Panel
) -> None:
    offered = {variable.name for variable in board.variables}
    for query in panel.queries:
        assert variables_in(query.expression) <= offered


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (Query("sum by (service) (django_request_total)"), "no metric is called"),
        (Query("service:django_response_time:second"), "no metric is called"),
        (Query('up{servce=~"$service"}'), "up: no label servce"),
        (Query("up", "{{model}}"), "the legend: no label model"),
        (Query('{job="django"}', store=Store.LOGS), "no stream has the label job"),
        (
            Query('sum by (ip) (count_over_time({service="x"} [1m]))', store=Store.LOGS),
            "no stream has the label ip",
        ),
    ],
)
def test_a_name_that_nobody_emits_is_found(query: Query, message: str) -> None:
    with pytest.raises(LabelError, match=message):
        check_query(query, KNOWN)


@pytest.mark.parametrize("name", sorted(asked_by_panels()))
def test_a_series_that_goes_under_another_name_is_missed(name: str) -> None:
    """The mutation: were the series emitted under another name, a panel's check would fail."""
    renamed = {(f"{n}_x" if n == name else n): labels for n, labels in KNOWN.items()}
    failing = 0
    for _, panel in PANELS:
        for query in panel.queries:
            try:
                check_query(query, renamed)
            except LabelError:
                failing += 1
    assert failing


def test_every_metric_of_an_application_is_drawn_somewhere() -> None:
    drawn = asked_by_panels()
    drawn |= {
        name
        for group in groups().values()
        for rule in group["rules"]
        if rule.get("record") in drawn
        for name in selected(rule["expr"])
    }
    unseen = [
        metric.name
        for metric in catalogue.metrics()
        if metric.emitter is Emitter.APPLICATION
        if not drawn & series_of(metric).keys()
    ]
    assert unseen == []


@pytest.mark.parametrize("event", logs.EVENTS, ids=lambda event: event.text)
def test_what_is_looked_for_in_logs_is_what_is_logged(event: logs.Event) -> None:
    """The text and fields are those of the services' own log calls."""
    told = (ROOT / LOGGED_IN[event.text]).read_text(encoding="utf-8")
    messages = re.findall(rf'"{event.text}[^"]*"', told)
    assert len(messages) == 1
    fields = re.findall(r"(\w+)=", messages[0])
    assert [name for name in fields if name in event.fields] == list(event.fields)


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-24 WARNING vigie Auth failure reason=expired_token ip=2001:db8::1",
        '{"level": "warning", "message": "Auth failure reason=expired_token ip=2001:db8::1"}',
        '{"message":"Auth failure reason=expired_token ip=2001:db8::1","reason":"expired_token"}',
    ],
)
def test_an_address_is_found_however_its_line_is_written(line: str) -> None:
    (pattern,) = re.findall(r"`(.*)`", logs.taken_apart(logs.AUTH_FAILURE))
    found = re.search(pattern, line)
    assert found and found.groupdict() == {"reason": "expired_token", "ip": "2001:db8::1"}


@pytest.mark.parametrize("event", logs.EVENTS, ids=lambda event: event.text)
def test_an_events_own_fields_are_not_those_of_every_line(event: logs.Event) -> None:
    assert set(event.fields) & set(logs.FIELDS) <= {"request_id"}
    assert set(logs.LABELS) <= set(logs.FIELDS)
