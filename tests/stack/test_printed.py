"""What lines of all kinds of programs say of themselves."""

from __future__ import annotations

import pytest

from vigie.stack import printed

AT = 1795500000.5  # 2026-11-24T06:00:00.5Z


@pytest.mark.parametrize(
    "line",
    [
        "ts=2026-11-24T06:00:00.500Z caller=main.go:241 level=info",
        "time=2026-11-24T06:00:00.500000001Z level=INFO source=main.go",
        'time="2026-11-24T07:00:00.5+01:00" level=info',
        '{"ts":"2026-11-24T06:00:00.500000Z","level":"info"}',
        "{'timestamp': '2026-11-24T06:00:00.5+0000'}",
        "[2026-11-24 06:00:00.5 +0000] [12] [INFO] Booting",
        "2026-11-24 06:00:00,500+00:00 INFO a",
    ],
)
def test_the_time_at_the_beginning_of_a_line_is_its_own(line: str) -> None:
    assert printed.moment(line) == AT


@pytest.mark.parametrize(
    "line",
    [
        "the certificate is good until 2036-11-24T06:00:00Z",
        "2026-99-99T06:00:00Z",
        "2026-11-24",
        "",
    ],
)
def test_what_is_no_time_of_the_line_is_none(line: str) -> None:
    assert printed.moment(line) is None


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("ts=2026-11-24T06:00:00.500Z caller=main.go:241 level=warn msg=x", "warning"),
        ('time=2026-11-24T06:00:00.5Z level=ERROR msg="level=debug is a word"', "error"),
        ('{"ts":"2026-11-24T06:00:00Z","level": "critical","message":"DEBUG"}', "critical"),
        ("2026-11-24 06:00:00,500 WARNING vigie.security Auth failure", "warning"),
        ("2026-11-24 06:00:00,500 CRIT Supervisor is running as root", "critical"),
        ("[2026-11-24 06:00:00 +0000] [12] [INFO] Booting", "info"),
        ("INFO:     Uvicorn running", "info"),
        ("level=fatal msg=bye", "critical"),
        ("level=trace msg=hi", "debug"),
        ("Traceback (most recent call last):", "error"),
        ("panic: runtime error: index out of range", "critical"),
        ("the information desk", None),
        ("level=unheard-of", None),
        ("x" * 200 + " ERROR", None),
    ],
)
def test_levels_are_the_catalogues_whatever_programs_call_them(
    line: str, level: str | None
) -> None:
    assert printed.level(line) == level


def test_a_line_is_shown_without_its_time_but_json_stays_whole() -> None:
    line = "ts=2026-11-24T06:00:00.500Z caller=main.go:241 level=info"
    assert printed.without_moment(line) == "caller=main.go:241 level=info"
    assert printed.without_moment("[2026-11-24 06:00:00 +0000] [12] up") == "[12] up"
    assert printed.without_moment('{"ts":"2026-11-24T06:00:00Z"}').startswith('{"ts"')
    assert printed.without_moment("no time") == "no time"
