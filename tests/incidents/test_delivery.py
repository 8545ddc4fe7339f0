"""Alertmanager's webhook, read: what is one, and what is wrong with what is none."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from told_alerts import NOON, delivery, sent, watchdog
from vigie.incidents.delivery import LONGEST_TEXT, BadDeliveryError, read


def test_a_delivery_is_its_alerts() -> None:
    body = delivery(sent("a"), sent("b", ended=NOON + timedelta(minutes=3)))
    told = read(body, NOON + timedelta(minutes=4))
    assert (told.beats, told.truncated) == (False, 0)
    fires, ended = told.alerts
    assert (fires.fingerprint, fires.started, fires.ended) == ("a", NOON, None)
    assert (fires.service, fires.signal, fires.severity, fires.value) == (
        "django",
        "django_response_time",
        "critical",
        1.0234,
    )
    assert ended.ended == NOON + timedelta(minutes=3)
    assert ended.heard == NOON + timedelta(minutes=4)


def test_the_watchdog_is_a_sign_of_life_and_no_alert() -> None:
    told = read(delivery(watchdog(), sent()), NOON)
    assert told.beats
    assert [one.name for one in told.alerts] == ["DjangoResponseTime"]


def test_a_watchdog_that_is_over_is_no_sign_of_life() -> None:
    over = {**watchdog(), "status": "resolved"}
    assert not read(delivery(over), NOON).beats


def test_times_have_zones_and_nanoseconds() -> None:
    told = {**sent(), "startsAt": "2026-11-24T13:00:00.123456789+01:00"}
    (one,) = read(delivery(told), NOON).alerts
    assert one.started == NOON + timedelta(microseconds=123456)


def test_an_end_before_the_start_is_the_start() -> None:
    told = {**sent(), "status": "resolved", "endsAt": "0001-01-01T00:00:00Z"}
    (one,) = read(delivery(told), NOON).alerts
    assert one.ended == NOON


def test_alerts_that_were_left_out_are_counted() -> None:
    assert read(delivery(sent(), truncatedAlerts=7), NOON).truncated == 7


def test_texts_are_bounded_and_hold_what_databases_hold() -> None:
    told = sent(annotations={"summary": "x" * 10_000, "description": "a\0b"})
    (one,) = read(delivery(told), NOON).alerts
    assert one.summary() == "x" * (LONGEST_TEXT - 1) + "…"
    assert one.description() == "ab"


def without(name: str) -> bytes:
    return delivery({key: value for key, value in sent().items() if key != name})


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body: Invalid JSON: EOF while parsing a value at line 1 column 0"),
        (b"{}", "version: Field required; alerts: Field required"),
        (b"[]", "the body: Input should be an object"),
        (delivery(version="3"), "version: Input should be '4'"),
        (without("fingerprint"), "alerts.0.fingerprint: Field required"),
        (
            delivery({**sent(), "startsAt": "yesterday"}),
            "alerts.0.startsAt: Input should be a valid datetime or date, input is too short",
        ),
        (
            delivery({**sent(), "startsAt": "2026-11-24T12:00:00"}),
            "alerts.0.startsAt: Input should have timezone info",
        ),
        (
            delivery({**sent(), "startsAt": "0001-01-01T00:00:00+05:00"}),
            "alerts: a time is before the year 1 or after 9999",
        ),
        (
            delivery({**sent(), "status": "so-so"}),
            "alerts.0.status: Input should be 'firing' or 'resolved'",
        ),
        (
            delivery(sent(labels={"service": 1})),  # type: ignore[dict-item]
            "alerts.0.labels.service: Input should be a valid string",
        ),
        (
            json.dumps({"version": 4, "alerts": [1, 2, 3]}).encode(),
            "version: Input should be '4'; alerts.0: Input should be an object; "
            "alerts.1: Input should be an object (and 1 more)",
        ),
    ],
)
def test_what_is_no_delivery_is_refused_with_what_is_wrong(body: bytes, message: str) -> None:
    with pytest.raises(BadDeliveryError) as refused:
        read(body, NOON)
    assert str(refused.value) == message


@pytest.mark.parametrize("text", [rb'"\ud800"', b'"\xff"'])
def test_text_that_is_none_is_refused(text: bytes) -> None:
    body = delivery(sent(annotations={"summary": "HERE"})).replace(b'"HERE"', text)
    with pytest.raises(BadDeliveryError):
        read(body, NOON)
