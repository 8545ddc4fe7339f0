"""How the dead man's switch speaks, to real servers in the place of Slack, mail and webhooks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from mail_server import MailServer, running_mail_server
from told_alerts import NOON
from vigie.incidents.channels import Channel, ChannelError, channels
from vigie.incidents.delivery import read
from vigie.incidents.wording import Message
from vigie.settings import Settings
from webhook_server import Post, WebhookServer, running_webhook_server

SetTo = Callable[[str], Settings]

LOST = Message(
    "[FIRING] Watchdog lost", "Not heard.\nDo something.", NOON, None, "http://r", "http://c"
)
AGAIN = Message("[RESOLVED]", "Heard é again.", NOON, NOON + timedelta(minutes=7), "http://r", "")


@pytest.fixture
def web() -> Iterator[WebhookServer]:
    with running_webhook_server() as server:
        yield server


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with running_mail_server() as server:
        yield server


def only(settings: Settings) -> Channel:
    (channel,) = channels(settings)
    return channel


def test_slack_gets_the_message_at_the_url_in_the_file(
    set_to: SetTo, web: WebhookServer, tmp_path: Path
) -> None:
    (tmp_path / "slack").write_text(f"{web.url}/services/T0/B0/x\n")
    slack = only(set_to("notify: {slack: {webhook_url_file: slack, channel: '#ops'}}"))
    slack.send(LOST)
    text = "*[FIRING] Watchdog lost*\nNot heard.\nDo something."
    assert web.posts.get_nowait() == Post(
        "/services/T0/B0/x", "", {"text": text, "channel": "#ops"}
    )


def test_a_webhook_gets_an_alert_as_alertmanager_would_tell_it(
    set_to: SetTo, web: WebhookServer, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    hook = only(set_to(f"notify: {{webhook: {{url: '{web.url}/x', token_file: token}}}}"))
    hook.send(LOST)
    hook.send(AGAIN)
    fires, ended = web.posts.get_nowait(), web.posts.get_nowait()
    assert (fires.path, fires.authorization) == ("/x", "Bearer s3cret")
    assert (fires.body["status"], ended.body["status"]) == ("firing", "resolved")
    alert = fires.body["alerts"][0]
    assert alert["labels"]["alertname"] == "WatchdogLost"
    assert alert["annotations"]["description"] == "Not heard.\nDo something."
    assert alert["startsAt"] == ended.body["alerts"][0]["startsAt"]
    assert ended.body["alerts"][0]["endsAt"] == "2026-11-24T12:07:00+00:00"


def test_another_vigies_inbox_understands_it(set_to: SetTo, web: WebhookServer) -> None:
    hook = only(set_to(f"notify: {{webhook: {{url: '{web.url}'}}}}"))
    hook.send(AGAIN)
    told = read(json.dumps(web.posts.get_nowait().body).encode(), NOON)
    assert (told.alerts[0].name, told.alerts[0].ended) == ("WatchdogLost", AGAIN.ended)


def test_everybody_gets_the_mail_and_the_sender_signs_in(
    set_to: SetTo, mail: MailServer, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text("s3cret")
    email = only(
        set_to(
            "notify: {email: {to: 'a@example.org, b@example.org', sender: vigie@example.org, "
            f"smtp: '127.0.0.1:{mail.port}', username: vigie, password_file: password, "
            "require_tls: false}}"
        )
    )
    email.send(AGAIN)
    got = mail.mails.get_nowait()
    assert (got.sender, got.recipients) == ("vigie@example.org", ("a@example.org", "b@example.org"))
    assert got.signed_in == ("vigie", "s3cret")
    assert (got.message["Subject"], got.text("plain")) == ("[RESOLVED]", "Heard é again.\n")
    assert got.message["Date"] == "Tue, 24 Nov 2026 12:07:00 +0000"


def test_a_server_without_tls_gets_nothing_where_tls_is_required(
    set_to: SetTo, mail: MailServer
) -> None:
    email = only(set_to(f"notify: {{email: {{to: a@example.org, smtp: '127.0.0.1:{mail.port}'}}}}"))
    with pytest.raises(ChannelError, match=r"^127.0.0.1:\d+: STARTTLS extension not supported"):
        email.send(LOST)
    assert mail.mails.empty()


def test_a_refusal_is_told_with_the_host_and_without_the_secret(
    set_to: SetTo, web: WebhookServer, tmp_path: Path
) -> None:
    web.refusals = 1
    (tmp_path / "slack").write_text(f"{web.url}/s3cret")
    slack = only(set_to("notify: {slack: {webhook_url_file: slack}}"))
    with pytest.raises(ChannelError) as refused:
        slack.send(LOST)
    assert str(refused.value) == "127.0.0.1 answers 500 Internal Server Error"


def test_nobody_at_home_is_told(
    set_to: SetTo, free_port: Callable[[], int], tmp_path: Path
) -> None:
    (tmp_path / "slack").write_text(f"http://127.0.0.1:{free_port()}/s3cret")
    text = f"""
        notify:
          slack: {{webhook_url_file: slack}}
          email: {{to: a@example.org, smtp: "127.0.0.1:{free_port()}", require_tls: false}}
    """
    for channel in channels(set_to(text)):
        with pytest.raises(ChannelError, match=r"^127\.0\.0\.1(:\d+)?: .*refused$"):
            channel.send(LOST)


def test_a_secret_that_is_missing_or_no_url_is_told(set_to: SetTo, tmp_path: Path) -> None:
    slack = only(set_to("notify: {slack: {webhook_url_file: slack}}"))
    with pytest.raises(ChannelError) as refused:
        slack.send(LOST)
    assert str(refused.value) == f"{tmp_path}/slack cannot be read: No such file or directory"
    (tmp_path / "slack").write_text("not a url")
    with pytest.raises(ChannelError, match=r"^its URL is none$"):
        slack.send(LOST)


def test_a_renewed_secret_is_used_at_once(
    set_to: SetTo, web: WebhookServer, tmp_path: Path
) -> None:
    slack = only(set_to("notify: {slack: {webhook_url_file: slack}}"))
    for path in ("/old", "/new"):
        (tmp_path / "slack").write_text(web.url + path)
        slack.send(LOST)
        assert web.posts.get_nowait().path == path


def test_the_inbox_itself_is_no_other_channel(set_to: SetTo) -> None:
    own = "http://localhost:3300/api/webhook/alertmanager"
    assert channels(set_to(f"notify: {{webhook: {{url: '{own}'}}}}")) == []
    assert channels(set_to("")) == []
