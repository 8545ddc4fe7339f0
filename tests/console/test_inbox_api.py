"""The inbox's door: what Alertmanager is answered, and what is kept by then."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from told_alerts import delivery, sent, watchdog
from vigie.catalogue import inbox as catalogue
from vigie.catalogue.metric import Metric
from vigie.catalogue.signals import WATCHDOG
from vigie.console.api import MOST_BYTES
from vigie.render.links import INBOX_PATH

JSON = {"Content-Type": "application/json"}


def test_what_is_answered_200_is_kept(bench: Any) -> None:
    answer = bench.tell(sent("a"), sent("b"))
    assert (answer.status_code, answer.json()) == (200, {"stored": 2})
    assert {one.fingerprint for one in bench.inbox.firing()} == {"a", "b"}


def test_the_watchdog_is_heard_and_not_shown(bench: Any) -> None:
    assert bench.browser.get("/api/watchdog").json()["hearing"] == "waiting"
    assert bench.tell(watchdog()).json() == {"stored": 0}
    assert bench.browser.get("/api/watchdog").json() == {
        "hearing": "heard",
        "silent_seconds": 0.0,
        "listening_since": "2026-11-24T12:00:00+00:00",
        "heard": "2026-11-24T12:01:00+00:00",
        "lost": None,
        "patience_seconds": 300.0,
        "trouble": "",
    }
    assert bench.inbox.firing() == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"hello", "the body: Invalid JSON: expected value at line 1 column 1"),
        (delivery(version="9"), "version: Input should be '4'"),
    ],
)
def test_what_is_no_delivery_is_400_with_what_is_wrong(
    bench: Any, body: bytes, message: str
) -> None:
    answer = bench.browser.post(INBOX_PATH, content=body, headers=JSON)
    assert answer.status_code == 400
    assert answer.json() == {"error": f"this is no delivery of Alertmanager's: {message}"}


def test_one_alert_that_is_none_keeps_the_others_out(bench: Any) -> None:
    wrong = {**sent("b"), "startsAt": "soon"}
    assert bench.tell(sent("a"), wrong).status_code == 400
    assert bench.inbox.firing() == []


@pytest.mark.parametrize("told_length", [True, False], ids=["told", "streamed"])
def test_what_is_too_large_is_413(bench: Any, told_length: bool) -> None:
    body = b" " * (MOST_BYTES + 1)
    content = body if told_length else iter([body[:1000], body[1000:]])
    answer = bench.browser.post(INBOX_PATH, content=content, headers=JSON)
    assert answer.status_code == 413
    assert answer.json() == {"error": "this takes 5000000 bytes at most: set max_alerts"}


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_what_a_form_of_another_site_could_send_is_415(bench: Any, kind: str) -> None:
    answer = bench.browser.post(
        INBOX_PATH, content=delivery(sent()), headers={"Content-Type": kind}
    )
    assert answer.status_code == 415
    assert answer.json() == {"error": f"this takes application/json, not {kind or 'nothing'}"}
    assert bench.inbox.firing() == []


def test_a_locked_database_is_503_until_it_is_free(bench: Any, caplog: Any) -> None:
    with closing(sqlite3.connect(bench.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        refused = bench.tell(sent("a"), watchdog())
        assert refused.status_code == 503
        assert refused.json() == {"error": "cannot be kept now: database is locked"}
        assert caplog.messages == [
            "1 alert cannot be kept: database is locked; Alertmanager will tell it again"
        ]
        told = bench.browser.get("/api/watchdog").json()
        assert (told["hearing"], told["trouble"]) == ("waiting", "database is locked")
        assert "cannot keep what it is told: database is locked" in bench.page("/")
        other.execute("ROLLBACK")
    assert bench.tell(sent("a"), watchdog()).status_code == 200
    assert bench.browser.get("/api/watchdog").json()["trouble"] == ""


def test_another_name_than_this_machines_is_refused(bench: Any) -> None:
    """A page of somebody else's, whose name suddenly is 127.0.0.1."""
    answer = bench.browser.get("/api/alerts", headers={"Host": "evil.example:3300"})
    assert answer.status_code == 421
    assert answer.text == (
        "This console is not 'evil.example': ask for localhost, or set `bind`.\n"
    )
    for host in ("localhost:1", "127.0.0.1", "[::1]:3300", "vigie.localhost", "LOCALHOST:3300"):
        assert bench.browser.get("/healthz", headers={"Host": host}).status_code == 200


def test_one_that_listens_to_others_has_their_names(console: Any) -> None:
    bench = console("bind: 0.0.0.0")
    assert bench.browser.get("/healthz", headers={"Host": "vigie.example"}).status_code == 200


def test_nothing_from_elsewhere_runs_in_a_page(bench: Any) -> None:
    headers = bench.browser.get("/").headers
    assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'; ")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"


def test_programs_get_the_alerts_as_json(bench: Any) -> None:
    bench.tell(sent("a"), watchdog())
    told = bench.browser.get("/api/alerts?since=7d").json()
    assert (told["now"], told["since"]) == (
        "2026-11-24T12:01:00+00:00",
        "2026-11-17T12:01:00+00:00",
    )
    assert told["watchdog"]["hearing"] == "heard"
    (fires,) = told["firing"]
    assert fires == {
        "fingerprint": "a",
        "status": "firing",
        "name": "DjangoResponseTime",
        "service": "django",
        "signal": "django_response_time",
        "severity": "critical",
        "summary": {
            "en": "Django response time: django",
            "fr": "Temps de réponse de Django : django",
        },
        "description": {
            "en": "95th percentile over 5 minutes: 1.02s (critical above 1s).",
            "fr": "95e centile sur 5 minutes : 1,02 s (critique au-dessus de 1 s).",
        },
        "value": 1.0234,
        "unit": "seconds",
        "started": "2026-11-24T12:00:00+00:00",
        "ended": None,
        "heard": "2026-11-24T12:01:00+00:00",
        "lasted_seconds": 60.0,
        "labels": {
            "alertname": "DjangoResponseTime",
            "service": "django",
            "severity": "critical",
            "signal": "django_response_time",
        },
        "links": {
            "runbook": "http://localhost:3300/runbooks/django_response_time",
            "dashboard": "http://localhost:3300/d/vigie-overview?var-service=django",
            "expression": "http://localhost:9090/graph?g0.expr=service%3Ax%3Aseconds%20%3E%201"
            "&g0.tab=0&g0.range_input=1h",
            "silence": "http://localhost:9093/#/silences/new?filter=%7Balertname%3D%22DjangoResponse"
            "Time%22%2Cservice%3D%22django%22%2Cseverity%3D%22critical%22%2Csignal%3D%22django_"
            "response_time%22%7D",
        },
    }


def test_a_period_that_is_none_is_400(bench: Any) -> None:
    answer = bench.browser.get("/api/alerts?since=yesterday")
    assert answer.status_code == 400
    assert answer.json() == {
        "error": 'since is "yesterday": write a duration with its unit, e.g. 15s, 10m, 12h or 7d'
    }


def test_an_address_that_is_none_is_404_for_programs_too(bench: Any) -> None:
    assert bench.browser.get("/api/alarms").json() == {"error": "Not Found"}
    assert bench.browser.get(INBOX_PATH).status_code == 405


def test_every_metric_of_the_catalogue_is_exposed(console: Any) -> None:
    class Mute:
        name = "slack"

        def send(self, message: object) -> None: ...

    bench = console(channels=[Mute()])
    bench.tell(sent("a"), watchdog())
    bench.browser.post(INBOX_PATH, content=b"", headers=JSON)
    text = bench.browser.get("/metrics").text
    plain = re.sub(r"[\d.]+e\+\d+", lambda number: str(float(number[0])), text)
    for metric in vars(catalogue).values():
        if isinstance(metric, Metric):
            assert f"# HELP {metric.name} {metric.help}\n" in text
            assert f"\n{metric.name}{{" in text or f"\n{metric.name} " in text
    assert 'vigie_inbox_deliveries_total{result="stored"} 1.0\n' in text
    assert 'vigie_inbox_deliveries_total{result="refused"} 1.0\n' in text
    assert 'vigie_inbox_alerts_firing{severity="critical"} 1.0\n' in text
    assert 'vigie_inbox_alerts_firing{severity="warning"} 0.0\n' in text
    assert "vigie_inbox_alerts_stored 1.0\n" in text
    assert f"vigie_inbox_watchdog_heard_timestamp_seconds {bench.now.timestamp()!r}\n" in plain
    assert "vigie_inbox_watchdog_lost 0.0\n" in text
    assert WATCHDOG.alert not in text
