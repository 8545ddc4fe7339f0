"""What people are told, by a real Alertmanager over real HTTP and SMTP."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import notification_messages
from alertmanager_server import Alert, alert, running_alertmanager
from notification_messages import LANGUAGES, PACE, PASSWORD, TOKEN, Channels
from vigie.render import links, notifications
from vigie.settings import load
from webhook_server import running_webhook_server


def firing(name: str, severity: str = "critical", **labels: str) -> Alert:
    return alert({"alertname": name, "service": name, "severity": severity, **labels})


def ended(one: Alert) -> Alert:
    now = datetime.now().astimezone()
    return one | {"endsAt": now.isoformat()}


def test_every_word_of_the_templates_is_filled_in(tmp_path: Path) -> None:
    for language in LANGUAGES:
        text = notifications.templates(load(environ={"VIGIE_LANGUAGE": language}, start=tmp_path))
        assert not re.search(r"\[\[|\]\]", text)
        assert all(name.startswith("vigie.") for name in re.findall(r'define "(.*?)"', text))


@pytest.mark.servers
@pytest.mark.parametrize("language", LANGUAGES)
def test_people_read_what_somebody_has_read_before(language: str, tmp_path: Path) -> None:
    written = notification_messages.golden(language).read_text(encoding="utf-8")
    with notification_messages.told_by_all_channels(tmp_path, language) as channels:
        assert notification_messages.told(channels) == written


@pytest.fixture(scope="module")
def channels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Channels]:
    """All channels in English."""
    folder = tmp_path_factory.mktemp("channels")
    with notification_messages.told_by_all_channels(folder, "en") as found:
        yield found


@pytest.mark.servers
def test_each_channel_is_signed_in_to_with_its_secret(channels: Channels) -> None:
    slow = firing("Slow")
    channels.alertmanager.post([slow])
    mail = channels.mail.mails.get(timeout=60)
    assert mail.signed_in == ("vigie", PASSWORD)
    assert (mail.sender, mail.recipients) == (
        "vigie@example.org",
        ("team@example.org", "boss@example.org"),
    )
    assert mail.message["Auto-Submitted"] == "auto-generated"
    posted = channels.webhook.posts.get(timeout=60)
    assert (posted.path, posted.authorization) == ("/hook", f"Bearer {TOKEN}")
    slack = channels.slack.posts.get(timeout=60)
    assert (slack.path, slack.body["channel"]) == ("/services/T/B/x", "#alerts")
    assert slack.body["username"] == "Vigie"
    _end(channels, slow)


@pytest.mark.servers
def test_on_slack_ten_are_listed_and_the_others_counted(channels: Channels) -> None:
    workers = [firing("Loops", part=f"worker {number}") for number in range(12)]
    channels.alertmanager.post(workers)
    (attachment,) = channels.slack.posts.get(timeout=60).body["attachments"]
    assert attachment["text"].count("[CRITICAL]") == 10
    assert attachment["text"].endswith("\n\nand 2 more\n\n")
    assert attachment["fallback"] == "[CRITICAL] Loops and 11 more"
    assert channels.mail.mails.get(timeout=60).text("plain").count("[CRITICAL]") == 12
    channels.webhook.posts.get(timeout=60)
    _end(channels, *workers)


@pytest.mark.servers
def test_a_receiver_that_refuses_for_a_while_loses_nothing_and_nobody_is_told_twice(
    tmp_path: Path,
) -> None:
    down = firing("Down")
    # At this pace nothing is repeated for four minutes.
    with notification_messages.told_by_all_channels(tmp_path, "en", pace=15) as channels:
        # For longer than one attempt lasts: Alertmanager gives up after 10 s, and begins again.
        channels.slack.refusals = 9
        channels.alertmanager.post([down])
        assert _subject(channels) == "[CRITICAL] Down"
        assert channels.slack.refused == 9
        channels.slack.refusals += 3
        channels.alertmanager.post([ended(down)])
        assert _subject(channels) == "[RESOLVED] Down"
        assert channels.slack.refused == 12
        subjects = [channels.mail.mails.get(timeout=60).message["Subject"] for _ in range(2)]
        assert subjects == ["[CRITICAL] Down", "[RESOLVED] Down"]
    assert channels.mail.mails.empty()
    assert channels.slack.posts.empty()


@pytest.mark.servers
def test_in_a_mute_time_of_the_users_zone_people_hear_only_what_is_critical(
    tmp_path: Path,
) -> None:
    # Half a day from UTC and from here, so that any other clock is outside of it.
    zone = "Pacific/Kiritimati"
    now, hour = datetime.now(ZoneInfo(zone)), timedelta(hours=1)
    with running_webhook_server() as team, running_webhook_server() as console:
        given = (
            f"time_zone: {zone}\n"
            "notify:\n"
            f"  webhook: {{url: '{team.url}/hook'}}\n"
            "  mute: [{name: now, "
            f"from: '{now - hour:%H:%M}', to: '{now + hour:%H:%M}', severity: warning}}]\n"
        )
        with running_alertmanager(tmp_path, given, console.port, PACE) as alertmanager:
            for number in range(3):
                alertmanager.post(
                    [firing(f"Bad{number}", "warning"), firing(f"Worse{number}", "critical")]
                )
                told = team.posts.get(timeout=60).body["commonLabels"]["alertname"]
                assert told == f"Worse{number}"
                heard = [console.posts.get(timeout=60) for _ in range(2)]
                assert {one.path for one in heard} == {links.INBOX_PATH}
                names = {one.body["commonLabels"]["alertname"] for one in heard}
                assert names == {f"Bad{number}", f"Worse{number}"}
        assert team.posts.empty()


def _subject(channels: Channels) -> str:
    (attachment,) = channels.slack.posts.get(timeout=60).body["attachments"]
    return str(attachment["fallback"])


def _end(channels: Channels, *alerts: Alert) -> None:
    """End the alerts, and take what is told of it."""
    channels.alertmanager.post(ended(one) for one in alerts)
    assert "RESOLVED" in _subject(channels)
    channels.mail.mails.get(timeout=60)
    channels.webhook.posts.get(timeout=60)
