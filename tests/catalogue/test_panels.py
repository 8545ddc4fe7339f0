"""Panels and boards as values: what each promises to Grafana's renderer and to the console."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from vigie.catalogue.dashboards import BOARDS, BY_UID
from vigie.catalogue.panel import (
    COLUMNS,
    Board,
    Drawing,
    Panel,
    Query,
    Scale,
    Store,
    filled,
    measured,
    variables_in,
)
from vigie.catalogue.signal import Dashboard, Signal
from vigie.catalogue.signals import BY_NAME, SIGNALS
from vigie.catalogue.words import Words

PANELS = [panel for board in BOARDS for panel in board.panels]

each_board = pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
each_panel = pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.title.en)


def test_there_is_a_board_for_each_address_that_messages_lead_to() -> None:
    assert list(BY_UID) == list(Dashboard)


@pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.name)
def test_a_signal_is_on_its_board_with_its_limits(signal: Signal) -> None:
    shown = [panel for panel in BY_UID[signal.dashboard].panels if panel.signal is signal]
    assert any(signal.record in panel.queries[0].expression for panel in shown)


@each_board
def test_titles_on_a_board_are_unique_in_both_languages(board: Board) -> None:
    panels = [panel for panel in board.panels if panel.drawing is not Drawing.NUMBERS]
    for language in ("en", "fr"):
        titles = [getattr(panel.title, language) for panel in panels]
        assert len(set(titles)) == len(titles)


@each_panel
def test_a_panel_is_described_in_both_languages(panel: Panel) -> None:
    for words in (panel.title, panel.description):
        assert words.en and words.fr
    for text in (panel.description.en, panel.description.fr):
        assert text.endswith("."), text
        assert text[0] == text[0].upper()


@each_panel
def test_windows_hold_at_least_four_scrapes(panel: Panel) -> None:
    for query in panel.queries:
        if query.store is Store.METRICS:
            for amount, unit in re.findall(r"\[(\d+)([smh])\]", query.expression):
                assert int(amount) * {"s": 1, "m": 60, "h": 3600}[unit] >= 4 * 15


@each_board
def test_every_choice_of_a_board_changes_something(board: Board) -> None:
    asked = {
        name
        for panel in board.panels
        for query in panel.queries
        for name in variables_in(query.expression)
    }
    assert asked == {variable.name for variable in board.variables}


def test_the_panel_of_a_signal_draws_what_its_alerts_judge() -> None:
    latency = measured(BY_NAME["django_response_time"])
    (query,) = latency.queries
    assert query.expression == 'service:django_response_time:seconds{service=~"$service"}'
    assert (query.legend, latency.scale) == ("{{service}}", Scale.SECONDS)
    assert latency.description.en == ("95th percentile over 5 minutes. Judged from 20 requests on.")
    assert latency.description.fr == ("95e centile sur 5 minutes. Jugé à partir de 20 requêtes.")
    cost = measured(BY_NAME["openai_daily_cost"])
    assert cost.queries == (Query("service_currency:openai_daily_cost:money", "{{currency}}"),)


def test_choices_are_written_where_they_belong() -> None:
    expression = 'up{service=~"$service"} |= "$search"'
    assert filled(expression, {}) == 'up{service=~".+"} |= ""'
    chosen = {"service": "django|fastapi", "search": 'a "b" \\d'}
    assert filled(expression, chosen) == 'up{service=~"django|fastapi"} |= "a \\"b\\" \\\\d"'


PANEL = Panel(Words("A", "A"), Words("B.", "B."), Drawing.CURVES, Scale.COUNT, (Query("up"),))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"queries": ()}, "A: has no room, or asks nothing"),
        ({"width": COLUMNS + 1}, "A: has no room, or asks nothing"),
        ({"drawing": Drawing.TABLE}, "A: a table, and nothing else, has columns"),
        ({"columns": ("x",)}, "A: a table, and nothing else, has columns"),
        ({"drawing": Drawing.TRACES}, "A: these stores cannot be drawn like this"),
        ({"drawing": Drawing.LINES}, "A: only logs have lines"),
        (
            {"queries": (Query("up"), Query("{}", store=Store.LOGS))},
            "A: these stores cannot be drawn like this",
        ),
    ],
)
def test_a_panel_that_cannot_be_drawn_is_refused(changed: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        replace(PANEL, **changed)  # type: ignore[arg-type] # one field each
