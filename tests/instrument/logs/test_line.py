"""One event in, one line of JSON out, whatever is in it."""

import json
import logging
import math
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie.catalogue.logs import AUTH_FAILURE, FIELDS, LEVELS, OPENAI_CALL, SLOW_REQUEST
from vigie.instrument.context import RequestContext, current
from vigie.instrument.logs import JsonFormatter, TextFormatter
from vigie.instrument.logs.line import (
    CUT,
    LONGEST_FIELD,
    LONGEST_MESSAGE,
    LONGEST_TEXT,
    event_of,
    level_name,
    template,
    timestamp,
)

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
HEADERS = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01", "x-request-id": "asked-1"}


def record(message: Any = "Hello", *args: Any, level: int = 20, **extra: Any) -> logging.LogRecord:
    made = logging.LogRecord("coaching.api", level, __file__, 1, message, args, None)
    made.created = 1_800_000_000.25
    vars(made).update(extra)
    return made


def told(*args: Any, **kwargs: Any) -> dict[str, Any]:
    line = JsonFormatter("fastapi").format(record(*args, **kwargs))
    read: dict[str, Any] = json.loads(line)
    return read


def test_a_line_has_the_fields_of_the_catalogue_in_their_order() -> None:
    outer = current.set(RequestContext(HEADERS.get))
    try:
        line = told("Auth failure reason=%s ip=%s", "expired_token", "192.0.2.1", level=30)
    finally:
        current.reset(outer)
    assert tuple(line) == (*FIELDS, "reason", "ip")
    assert line == {
        "ts": "2027-01-15T08:00:00.250000Z",
        "level": "warning",
        "service": "fastapi",
        "logger": "coaching.api",
        "event": "Auth failure",
        "message": "Auth failure reason=expired_token ip=192.0.2.1",
        "trace_id": TRACE,
        "span_id": line["span_id"],
        "request_id": "asked-1",
        "reason": "expired_token",
        "ip": "192.0.2.1",
    }
    assert line["span_id"] != "00f067aa0ba902b7"  # the caller's


def test_outside_of_a_request_there_are_no_ids() -> None:
    assert tuple(told()) == FIELDS[:6]


def test_an_event_outside_of_a_request_may_bring_its_ids() -> None:
    assert told("Slow request request_id=%s", "r-1")["request_id"] == "r-1"
    assert told(trace_id=TRACE)["trace_id"] == TRACE
    assert told(trace_id=5) == {**told(), "trace_id_": 5}


@pytest.mark.parametrize(
    ("message", "event", "named"),
    [
        ("Auth failure reason=%s ip=%s", AUTH_FAILURE.text, (("reason", 0), ("ip", 1))),
        (
            "Slow request %s %s %s seconds=%.3f request_id=%s %s",
            SLOW_REQUEST.text,
            (("seconds", 3), ("request_id", 4)),
        ),
        (
            "OpenAI call model=%s outcome=%s seconds=%.3f",
            OPENAI_CALL.text,
            (("model", 0), ("outcome", 1), ("seconds", 2)),
        ),
        ("Coach ready", "Coach ready", ()),
        ("%s is away", "%s is away", ()),
        ("100%% sure of n=%-*d", "100", (("n", 1),)),
        ("Failed: %s", "Failed", ()),
        ("first\nsecond", "first", ()),
        ("", "", ()),
    ],
)
def test_a_message_tells_its_event_and_names_its_arguments(
    message: str, event: str, named: tuple[tuple[str, int], ...]
) -> None:
    assert template(message) == (event, named)


def test_fields_keep_their_types() -> None:
    line = told("seconds=%.3f", 0.61234, count=3, ok=True, nothing=None, names=["a", "b"])
    assert line["seconds"] == 0.61234
    assert (line["count"], line["ok"], line["nothing"], line["names"]) == (
        3,
        True,
        None,
        ["a", "b"],
    )


def test_what_json_has_no_word_for_is_written_out() -> None:
    class Silent:
        def __str__(self) -> str:
            raise RuntimeError("no")

    line = told(
        when=datetime(2026, 11, 24, tzinfo=UTC),
        day=date(2026, 11, 24),
        amount=Decimal("0.10"),
        id=UUID(int=1),
        path=Path("/tmp/x"),
        error=ValueError("wrong"),
        raw=b"caf\xe9",
        infinite=math.inf,
        huge=10**40,
        silent=Silent(),
        deep={"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}},
    )
    assert line["when"] == "2026-11-24 00:00:00+00:00"
    assert (line["day"], line["amount"]) == ("2026-11-24", "0.10")
    assert line["id"] == "00000000-0000-0000-0000-000000000001"
    assert (line["path"], line["error"], line["raw"]) == ("/tmp/x", "wrong", r"caf\xe9")
    assert (line["infinite"], line["huge"]) == ("inf", str(10**40))
    assert line["silent"] == "<Silent that cannot be written>"
    assert line["deep"]["a"]["b"]["c"]["d"]["e"] == "{'f': 1}"


def test_a_structure_that_holds_itself_comes_to_an_end() -> None:
    loop: dict[str, Any] = {}
    loop["again"] = loop
    wide: list[Any] = []
    wide.extend([wide] * 8)
    assert "again" in told(loop=loop)["loop"]
    told(wide=wide)


@pytest.mark.parametrize("name", ["ts", "level", "service", "logger", "trace_id"])
def test_an_events_own_fields_do_not_override_those_of_every_line(name: str) -> None:
    forged = record()
    vars(forged)[name] = ["forged"]
    line = json.loads(JsonFormatter("fastapi").format(forged))
    assert line == {**told(), f"{name}_": ["forged"]}


def test_an_event_may_be_named() -> None:
    assert told("User 17 has logged in", event="login")["event"] == "login"


def test_a_message_whose_arguments_do_not_fit_is_written_with_them() -> None:
    assert told("n=%d", "many")["message"] == "n=%d ('many',)"
    assert told("n=%d %d", 1)["message"] == "n=%d %d (1,)"
    assert told({"a": 1})["message"] == "{'a': 1}"


def test_secrets_are_hidden_in_message_fields_and_below() -> None:
    line = told(
        "login password=%s",
        "hunter2",
        api_key="abc",
        headers=[("cookie", "a=b"), (b"authorization", b"Bearer x"), ("accept", "*/*")],
        user={"name": "Anne", "token": 5, "tokens": 7},
        note="sent sk-abcdefghijklmnopqrst",
    )
    assert line["message"] == "login password=[redacted]"
    assert line["password"] == line["api_key"] == "[redacted]"
    assert line["headers"] == [
        ["cookie", "[redacted]"],
        ["authorization", "[redacted]"],
        ["accept", "*/*"],
    ]
    assert line["user"] == {"name": "Anne", "token": "[redacted]", "tokens": 7}
    assert line["note"] == "sent [redacted]"


def test_addresses_of_mail_are_hidden_if_it_is_asked_for() -> None:
    shown = JsonFormatter("django", redact_mail=True).format(record("to a@example.org"))
    assert json.loads(shown)["message"] == "to [redacted]"


def raised(depth: int = 0) -> logging.LogRecord:
    try:
        if depth:
            raised_below(depth)
        raise ValueError("password=hunter2")
    except (ValueError, RecursionError) as error:
        made = record("Failed", level=40)
        made.exc_info = (type(error), error, error.__traceback__)
        return made


def raised_below(depth: int) -> None:
    if depth == 0:
        raise ValueError("x" * 100_000)
    raised_below(depth - 1)


def test_an_exception_is_a_field_without_secrets_and_of_bounded_size() -> None:
    line = json.loads(JsonFormatter("django").format(raised()))
    assert line["exception_type"] == "ValueError"
    assert line["exception"].startswith("Traceback (most recent call last):\n")
    assert line["exception"].endswith("ValueError: password=[redacted]")
    deep = json.loads(JsonFormatter("django").format(raised(400)))
    assert len(deep["exception"]) <= LONGEST_TEXT + len(CUT)
    assert "Traceback" in deep["exception"]
    assert deep["exception"].endswith("xxxx")


def test_what_is_too_long_is_cut() -> None:
    line = told("m" * 100_000, field="f" * 100_000, **{f"n{n}": n for n in range(100)})
    assert line["message"] == "m" * LONGEST_MESSAGE + CUT
    assert line["field"] == "f" * LONGEST_FIELD + CUT
    assert line["fields_left_out"] == 37
    assert len(line["event"]) == 80
    assert len(told(many=list(range(1000)))["many"]) == 64


def test_levels_are_those_of_the_catalogue() -> None:
    numbers = (1, 10, 15, 20, 25, 30, 40, 45, 50, 99)
    assert [level_name(number) for number in numbers] == [
        *("debug", "debug", "debug", "info", "info", "warning"),
        *("error", "error", "critical", "critical"),
    ]


def test_a_time_is_written_as_rfc_3339() -> None:
    assert timestamp(1_800_000_000_123_456_789) == "2027-01-15T08:00:00.123456Z"


def test_the_text_for_people_is_one_line_too() -> None:
    text = TextFormatter().format(raised())
    assert text.startswith("2027-01-15T08:00:00.250000Z ERROR coaching.api Failed | Traceback")
    assert text.endswith(r"\nValueError: password=[redacted]")
    forged = TextFormatter().format(record("a\n2027-01-15 ERROR b\r\x1b[2Kc\u2028d"))
    assert forged.endswith(r" INFO coaching.api a\n2027-01-15 ERROR b\r\u001b[2Kc\u2028d")


_any_text = st.text(st.characters(), max_size=60)  # lone surrogates as well
_any_value = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), _any_text, st.binary(max_size=9)
    )
    | st.datetimes(),
    lambda below: (
        st.lists(below, max_size=4)
        | st.tuples(below, below)
        | st.dictionaries(_any_text | st.integers(), below, max_size=4)
    ),
    max_leaves=12,
)


@given(
    message=_any_text,
    args=st.lists(_any_value, max_size=3),
    extra=st.dictionaries(_any_text, _any_value, max_size=5),
    level=st.integers(0, 100),
)
def test_any_event_is_one_object_on_one_line(
    message: str, args: list[Any], extra: dict[str, Any], level: int
) -> None:
    one = record(message, *args, level=level)
    for name, value in extra.items():
        if name not in vars(one):
            vars(one)[name] = value
    for formatter in (JsonFormatter("django"), TextFormatter()):
        line = formatter.format(one)
        assert line.splitlines() == [line]
        assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in line)
        line.encode()  # there is nothing in it that UTF-8 cannot say
    read = json.loads(JsonFormatter("django").format(one), parse_constant=pytest.fail)
    assert read["service"] == "django"
    assert read["ts"] == "2027-01-15T08:00:00.250000Z"
    assert read["level"] in LEVELS
    assert event_of(message) == event_of(message).strip()
