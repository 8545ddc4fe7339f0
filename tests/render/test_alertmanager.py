"""alertmanager.yml as a person reads it; what it does is for Alertmanager itself to show."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from vigie.catalogue.signals import SIGNALS
from vigie.render import alertmanager
from vigie.render.pace import Pace
from vigie.settings import Settings, load
from vigie.settings.model import MuteTime
from vigie.settings.quantities import duration
from vigie.settings.week import DAYS, MINUTES_OF_DAY

WATCHDOG, INBOX, CRITICAL, WARNING = range(4)


def settings(folder: Path = Path("/"), text: str = "") -> Settings:
    if text:
        (folder / "vigie.yml").write_text(text, encoding="utf-8")
    return load(environ={}, start=folder)


def rendered(given: Settings, pace: float = 1) -> dict[str, Any]:
    text = alertmanager.configuration(given, Pace.of(given, pace))
    document: dict[str, Any] = yaml.safe_load(text)
    return document


def receivers(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in document["receivers"]}


def test_where_nothing_is_set_the_inbox_alone_is_told() -> None:
    document = rendered(settings())
    assert receivers(document) == {
        "inbox": {
            "name": "inbox",
            "webhook_configs": [
                {"url": "http://127.0.0.1:3300/api/webhook/alertmanager", "send_resolved": True}
            ],
        },
        "team": {"name": "team"},
    }
    assert "time_intervals" not in document


def test_the_inbox_is_where_the_console_is(tmp_path: Path) -> None:
    moved = settings(tmp_path, 'bind: "::1"\nports: {console: 13300}')
    (inbox,) = receivers(rendered(moved))["inbox"]["webhook_configs"]
    assert inbox["url"] == "http://[::1]:13300/api/webhook/alertmanager"


def test_each_channel_is_on_when_it_is_configured_and_its_secret_stays_in_its_file(
    tmp_path: Path,
) -> None:
    for secret in ("token", "slack", "password"):
        (tmp_path / secret).write_text("s3cret", encoding="utf-8")
    configured = settings(
        tmp_path,
        'notify:\n  webhook: {url: "https://hooks.example.org/x", token_file: token}\n'
        "  slack: {webhook_url_file: slack, channel: '#ops'}\n"
        "  email: {to: 'Ops <ops@example.org>, b@example.org', smtp: \"localhost:25\",\n"
        "          username: u, password_file: password}\n",
    )
    document = rendered(configured)
    team = receivers(document)["team"]
    (webhook,), (slack,), (email,) = (
        team[kind] for kind in ("webhook_configs", "slack_configs", "email_configs")
    )
    assert webhook["url"] == "https://hooks.example.org/x"
    assert webhook["http_config"] == {"authorization": {"credentials_file": f"{tmp_path}/token"}}
    assert (slack["api_url_file"], slack["channel"]) == (f"{tmp_path}/slack", "#ops")
    assert (email["from"], email["smarthost"]) == ("ops@example.org", "localhost:25")
    assert email["auth_password_file"] == f"{tmp_path}/password"
    assert all(one["send_resolved"] for one in (webhook, slack, email))
    assert "s3cret" not in str(document)


@pytest.mark.parametrize("pace", [1, 15])
def test_the_watchdog_is_told_again_every_minute_of_the_pace(pace: int) -> None:
    route = rendered(settings(), pace)["route"]["routes"][WATCHDOG]
    assert (route["matchers"], route["receiver"]) == (['alertname="Watchdog"'], "inbox")
    assert "continue" not in route
    tick, repeat = duration(route["group_interval"]), duration(route["repeat_interval"])
    # What was sent a little after one tick is old enough at the second tick after it, and would
    # still be if sending took a tenth of a minute.
    minute = timedelta(minutes=1) / pace
    assert 2 * tick == minute
    assert tick < repeat < minute - minute / 10


def test_people_are_told_again_sooner_the_worse_it_is() -> None:
    route = rendered(settings())["route"]
    _, inbox, critical, warning = route["routes"]
    assert (critical["matchers"], critical["receiver"]) == (['severity="critical"'], "team")
    assert (warning.get("matchers"), warning["receiver"]) == (None, "team")
    repeats = {
        "critical": duration(critical["repeat_interval"]),
        "warning": duration(warning.get("repeat_interval", route["repeat_interval"])),
    }
    assert repeats == {"critical": timedelta(hours=1), "warning": timedelta(hours=12)}
    assert inbox["continue"]
    assert duration(inbox["group_wait"]) <= timedelta(seconds=1)


def test_every_wait_follows_the_pace_down_to_a_second() -> None:
    by_the_clock, fast = rendered(settings())["route"], rendered(settings(), 15)["route"]
    for slow, quick in zip(
        (by_the_clock, *by_the_clock["routes"]), (fast, *fast["routes"]), strict=True
    ):
        for name in ("group_wait", "group_interval", "repeat_interval"):
            if slow.get(name, "0s") == "0s":
                assert quick.get(name, "0s") == "0s"
                continue
            expected = max(duration(slow[name]) / 15, timedelta(seconds=1))
            assert abs(duration(quick[name]) - expected) < timedelta(milliseconds=1)


def test_a_warning_is_muted_only_by_what_is_critical_about_the_very_same_thing() -> None:
    severity, down = rendered(settings())["inhibit_rules"]
    every_label = {label for signal in SIGNALS for label in signal.labels}
    assert set(severity["equal"]) == {"alertname"} | every_label
    assert down["equal"] == ["service"]


def test_people_are_muted_by_severity_and_the_inbox_never_is(tmp_path: Path) -> None:
    given = settings(
        tmp_path,
        "notify:\n  mute:\n  - {name: night, from: 22:00, to: 07:00}\n"
        "  - {name: holidays, severity: critical}\n",
    )
    document = rendered(given)
    muted = [one.get("mute_time_intervals") for one in document["route"]["routes"]]
    assert muted == [None, None, ["holidays"], ["night", "holidays"]]
    assert [one["name"] for one in document["time_intervals"]] == ["night", "holidays"]
    assert document["time_intervals"][1]["time_intervals"] == [{"location": "Europe/Paris"}]


ZONE = ZoneInfo("Europe/Paris")


@given(
    start=st.integers(0, MINUTES_OF_DAY - 1),
    end=st.integers(0, MINUTES_OF_DAY),
    days=st.sets(st.sampled_from(DAYS), min_size=1),
    minute=st.integers(0, 7 * MINUTES_OF_DAY - 1),
)
@example(start=22 * 60, end=7 * 60, days={"friday"}, minute=5 * MINUTES_OF_DAY + 60)
@example(start=22 * 60, end=0, days={"sunday"}, minute=0)
@example(start=0, end=MINUTES_OF_DAY, days={"monday"}, minute=0)
def test_a_mute_time_covers_what_was_meant_past_midnight_too(
    start: int, end: int, days: set[str], minute: int
) -> None:
    if start == end:
        return
    mute = MuteTime.model_validate(
        {
            "name": "x",
            "days": sorted(days),
            "from": f"{start // 60:02d}:{start % 60:02d}",
            "to": f"{end // 60:02d}:{end % 60:02d}",
        }
    )
    lasts = (end - start) % MINUTES_OF_DAY or MINUTES_OF_DAY
    meant = any(
        (minute - (DAYS.index(day) * MINUTES_OF_DAY + start)) % (7 * MINUTES_OF_DAY) < lasts
        for day in days
    )
    default = settings()
    with_mute = default.model_copy(
        update={"notify": default.notify.model_copy(update={"mute": (mute,)})}
    )
    (interval,) = rendered(with_mute)["time_intervals"]
    monday = datetime(2026, 1, 5, tzinfo=ZONE)
    covered = _covers(interval["time_intervals"], monday + timedelta(minutes=minute))
    assert covered == meant


def _covers(intervals: list[dict[str, Any]], instant: datetime) -> bool:
    """What Alertmanager's documentation says of `time_intervals`: one of them, in all it says."""

    def one(interval: dict[str, Any]) -> bool:
        local = instant.astimezone(UTC).astimezone(ZoneInfo(interval["location"]))
        clock = f"{local:%H:%M}"
        return DAYS[local.weekday()] in interval.get("weekdays", DAYS) and any(
            times["start_time"] <= clock < times["end_time"]
            for times in interval.get("times", [{"start_time": "00:00", "end_time": "24:00"}])
        )

    return any(one(interval) for interval in intervals)
