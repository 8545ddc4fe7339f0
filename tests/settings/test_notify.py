"""Channels, mute times and secrets: what is read, and what is refused with its remedy."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from vigie.settings import Settings, SettingsError, load
from vigie.settings.model import MuteTime
from vigie.settings.notify import check_secrets


def settings(folder: Path, text: str) -> Settings:
    (folder / "vigie.yml").write_text(dedent(text), encoding="utf-8")
    return load(environ={}, start=folder)


def refused(folder: Path, text: str) -> str:
    with pytest.raises(SettingsError) as raised:
        settings(folder, text)
    return str(raised.value)


def test_messages_are_in_english_unless_french_is_asked_for(tmp_path: Path) -> None:
    assert settings(tmp_path, "").language == "en"
    assert settings(tmp_path, "language: fr").language == "fr"
    assert refused(tmp_path, "language: de") == (
        "vigie.yml:1: language is \"de\": write 'en' or 'fr'"
    )


def test_mute_times_are_read_as_people_write_them(tmp_path: Path) -> None:
    read = settings(
        tmp_path,
        """
        notify:
          mute:
            - {name: night, from: 22:00, to: 07:00}
            - {name: weekend, days: saturday-sunday, severity: critical}
            - name: lunch
              days: [mon, wednesday, fri]
              from: "12:00"
              to: "14:00"
        """,
    )
    every_day = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    times = [(m.name, m.days, m.start, m.end, m.severity) for m in read.notify.mute]
    assert times == [
        ("night", every_day, 22 * 60, 7 * 60, "warning"),
        ("weekend", ("saturday", "sunday"), 0, 24 * 60, "critical"),
        ("lunch", ("monday", "wednesday", "friday"), 12 * 60, 14 * 60, "warning"),
    ]
    assert all(isinstance(one, MuteTime) for one in read.notify.mute)


@pytest.mark.parametrize(
    ("mute", "message"),
    [
        ("{name: night}", "notify.mute is a mapping: write a list"),
        ("[{from: 22:00}]", "notify.mute.0.name is missing: write it, e.g. night"),
        (
            "[{name: night, from: 22}]",
            "notify.mute.0.from is 22: write a time from 00:00 to 24:00, e.g. 22:00",
        ),
        (
            "[{name: night, to: 25:00}]",
            'notify.mute.0.to is "25:00": write a time from 00:00 to 24:00, e.g. 22:00',
        ),
        (
            "[{name: night, from: 22:00, to: 22:00}]",
            "notify.mute.0 is a mapping: from and to are both 22:00: leave both out for the whole "
            "day",
        ),
        (
            "[{name: night, from: 24:00, to: 00:00}]",
            "notify.mute.0 is a mapping: from is 24:00: write 00:00, and the day that follows",
        ),
        (
            "[{name: night, days: [monday, freitag]}]",
            "notify.mute.0.days is a list: write days such as saturday or monday-friday",
        ),
        (
            "[{name: night, days: []}]",
            "notify.mute.0.days is a list: name a day, or leave it out for every day",
        ),
        (
            "[{name: night, form: 22:00}]",
            'notify.mute.0.form is not a setting: did you mean "from"?',
        ),
        (
            "[{name: night, severity: all}]",
            "notify.mute.0.severity is \"all\": write 'warning' or 'critical'",
        ),
        (
            "[{name: night}, {name: night}]",
            'notify.mute.1.name is "night": so is the one at vigie.yml:1: give each its own name',
        ),
    ],
)
def test_a_mute_time_that_cannot_be_meant_is_refused(
    mute: str, message: str, tmp_path: Path
) -> None:
    assert refused(tmp_path, f"notify: {{mute: {mute}}}") == f"vigie.yml:1: {message}"


def test_numbers_are_still_numbers(tmp_path: Path) -> None:
    assert settings(tmp_path, "ports: {console: 3_301}\nscrape_interval: 20s").ports.console == 3301
    per_usd = settings(tmp_path, "currency: {per_usd: 0.5, checked: 2026-11-01}").currency.per_usd
    assert float(per_usd) == 0.5


@pytest.mark.parametrize("to", ["team@example.org", "Ops <ops@example.org>, b@example.org"])
def test_mail_goes_to_addresses(to: str, tmp_path: Path) -> None:
    read = settings(tmp_path, f'notify: {{email: {{to: "{to}", smtp: "localhost:25"}}}}')
    assert read.notify.email is not None
    assert read.notify.email.to == to


def test_mail_comes_from_one_address(tmp_path: Path) -> None:
    mail = 'notify: {email: {to: a@example.org, smtp: "localhost:25", sender: "%s"}}'
    assert settings(tmp_path, mail % "Vigie <v@example.org>").notify.email is not None
    assert refused(tmp_path, mail % "a@example.org, b@example.org") == (
        'vigie.yml:1: notify.email.sender is "a@example.org, b@example.org": write one mail '
        "address, e.g. vigie@example.org"
    )


def test_a_password_does_not_stand_in_the_webhooks_address(tmp_path: Path) -> None:
    told = refused(tmp_path, 'notify: {webhook: {url: "https://me:s3cret@example.org/x"}}')
    assert told == (
        "vigie.yml:1: notify.webhook.url holds a password: write a token into a file that only "
        "Alertmanager can read, and name it: notify.webhook.token_file"
    )


CHANNELS = """\
notify:
  webhook: {url: "https://hooks.example.org/alerts", token_file: token}
  slack: {webhook_url_file: slack}
  email: {to: team@example.org, smtp: "localhost:25", username: u, password_file: password}
"""


def test_secrets_that_can_be_used_are_silent(tmp_path: Path) -> None:
    read = settings(tmp_path, CHANNELS)
    (tmp_path / "token").write_text("t\n", encoding="utf-8")
    (tmp_path / "slack").write_text("https://hooks.slack.com/services/T/B/x\n", encoding="utf-8")
    (tmp_path / "password").write_text("p", encoding="utf-8")
    check_secrets(read)
    check_secrets(settings(tmp_path, ""))


def test_secrets_that_cannot_be_used_are_told_with_their_lines_but_not_shown(
    tmp_path: Path,
) -> None:
    read = settings(tmp_path, CHANNELS)
    (tmp_path / "slack").write_text("xoxb-123", encoding="utf-8")
    (tmp_path / "password").write_text("p\n", encoding="utf-8")
    with pytest.raises(SettingsError) as raised:
        check_secrets(read)
    assert str(raised.value) == (
        f"vigie.yml:2: notify.webhook.token_file is {tmp_path}/token, which cannot be read: "
        "No such file or directory: write the secret into it, or name another\n"
        f"vigie.yml:3: notify.slack.webhook_url_file is {tmp_path}/slack, which holds no webhook's "
        "URL: write the one that Slack gave, https://hooks.slack.com/services/…\n"
        f"vigie.yml:4: notify.email.password_file is {tmp_path}/password, which ends with a line "
        "break, which Alertmanager takes for a part of the password: write it without, e.g. with "
        "printf %s"
    )


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("token", b"\n", "is empty: write the token into it"),
        ("password", b"", "is empty: write the password into it"),
        ("password", b"\xff\xfe", "is no text: write the secret into it, or name another"),
        ("slack", b"https://[hooks/x", "holds no webhook's URL"),
        ("slack", b"ftp://example.org/x", "holds no webhook's URL"),
        ("slack", b"https://hooks.slack.com/", "holds no webhook's URL"),
        ("slack", b"https://hooks.slack.com/a b", "holds no webhook's URL"),
    ],
)
def test_a_secret_that_is_none_is_told(
    name: str, content: bytes, message: str, tmp_path: Path
) -> None:
    read = settings(tmp_path, CHANNELS)
    (tmp_path / "token").write_text("t", encoding="utf-8")
    (tmp_path / "slack").write_text("https://hooks.slack.com/services/T/B/x", encoding="utf-8")
    (tmp_path / "password").write_text("p", encoding="utf-8")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SettingsError) as raised:
        check_secrets(read)
    assert f"{tmp_path}/{name}, which {message}" in str(raised.value)
    assert "\n" not in str(raised.value)
