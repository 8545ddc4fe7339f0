"""Where alerts lead: addresses that a person reaches, and no others."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from told_alerts import NOON, delivery, sent
from vigie.incidents import links
from vigie.incidents.alert import Alert
from vigie.incidents.delivery import read
from vigie.settings import Settings

SetTo = Callable[[str], Settings]


def alert(**more: str) -> Alert:
    (one,) = read(delivery(sent(**more)), NOON).alerts  # type: ignore[arg-type]  # texts only
    return one


def test_the_expression_is_drawn_by_the_prometheus_that_a_person_reaches(set_to: SetTo) -> None:
    found = links.of(alert(), set_to("ports: {prometheus: 9999}"))
    assert found["expression"] == (
        "http://localhost:9999/graph?g0.expr=service%3Ax%3Aseconds%20%3E%201&g0.tab=0"
        "&g0.range_input=1h"
    )


def test_another_makers_address_is_left_as_it_is(set_to: SetTo) -> None:
    found = links.of(alert(generator="https://loki.example.org/rules?x=1"), set_to(""))
    assert found["expression"] == "https://loki.example.org/rules?x=1"


def test_a_silence_is_made_where_alertmanager_is_and_while_it_fires(set_to: SetTo) -> None:
    settings = set_to("links: {alertmanager: 'https://am.example.org'}")
    assert links.of(alert(), settings)["silence"].startswith(
        "https://am.example.org/#/silences/new?filter=%7Balertname%3D%22DjangoResponseTime%22%2C"
    )
    (ended,) = read(delivery(sent(ended=NOON)), NOON).alerts
    assert "silence" not in links.of(ended, settings)


@pytest.mark.parametrize("url", ["", "javascript:alert(1)", "//x", "http://", "http://[x"])
def test_what_is_no_web_address_is_no_link(set_to: SetTo, url: str) -> None:
    assert "expression" not in links.of(alert(generator=url), set_to(""))
