"""What people read on Slack and in a mail: the files in golden/, which a person has read.

A real Alertmanager says it, with what is rendered for it, to a real HTTP server and a real mail
server. The alerts have the texts that promtool found in the rules.

python tests/environment/notification_messages.py     writes them anew; read the difference before
                                                      you commit it
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import alert_messages
from alertmanager_server import Alert, AlertmanagerServer, alert, running_alertmanager
from mail_server import MailServer, running_mail_server
from vigie.catalogue.signals import BY_NAME
from webhook_server import WebhookServer, running_webhook_server

GOLDEN = Path(__file__).parents[1] / "render" / "golden"
LANGUAGES = ("en", "fr")
TOKEN, PASSWORD = "the token", "the password"

PACE = 100
"""Nobody waits for longer than a few seconds then."""

_SETTINGS = """\
language: {language}
links: {{dashboards: "http://localhost:3300", alertmanager: "http://localhost:9093"}}
notify:
  webhook: {{url: "{webhook}/hook", token_file: token}}
  slack: {{webhook_url_file: slack, channel: "#alerts"}}
  email: {{to: "Team <team@example.org>, boss@example.org", smtp: "127.0.0.1:{smtp}",
          sender: vigie@example.org, username: vigie, password_file: password, require_tls: false}}
"""

# In winter and in summer, so that the zone shows: 03:14 CET, 04:14 CEST.
_WINTER = datetime(2024, 1, 16, 2, 14, tzinfo=UTC)
_SUMMER = datetime(2024, 7, 16, 2, 14, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Story:
    """What happens to the alerts of one group: each of `rounds` is posted at once, and told by one
    message. In the last, all of them have ended."""

    title: str
    rounds: tuple[tuple[Alert, ...], ...]


@dataclass(frozen=True, slots=True)
class Channels:
    """Alertmanager, and those whom it tells: in Slack's place, by mail, and by webhook."""

    alertmanager: AlertmanagerServer
    slack: WebhookServer
    mail: MailServer
    webhook: WebhookServer


@contextmanager
def told_by_all_channels(folder: Path, language: str, pace: float = PACE) -> Iterator[Channels]:
    """All of them, until the block ends."""
    with (
        running_webhook_server() as slack,
        running_webhook_server() as webhook,
        running_mail_server() as mail,
    ):
        (folder / "slack").write_text(f"{slack.url}/services/T/B/x\n", encoding="utf-8")
        (folder / "token").write_text(TOKEN, encoding="utf-8")
        (folder / "password").write_text(PASSWORD, encoding="utf-8")
        given = _SETTINGS.format(language=language, webhook=webhook.url, smtp=mail.port)
        with running_alertmanager(folder, given, pace=pace) as alertmanager:
            yield Channels(alertmanager, slack, mail, webhook)


def stories() -> tuple[Story, ...]:
    """One alert, several, none of the usual texts: whatever makes a message look different."""
    (slow,) = _written("django_response_time, django: just beyond critical", "critical")
    (absent,) = _written("django_response_time, django: no data", "warning")
    (twice,) = _written("container_restarts, containers, django: just beyond warning", "warning")
    (bill,) = _written("openai_daily_cost, openai, EUR: just beyond warning", "warning")
    named = [_of(twice, name) for name in ("api", """l'IA & "co" <b>""")]
    theirs = alert({"alertname": "Theirs", "severity": "page", "path": 'C:\\a "b" +c'})
    return (
        Story("one alert", ((_at(_WINTER, slow),), (_until(_WINTER, 17, 30, slow),))),
        Story("in summer", ((_at(_SUMMER, bill),), (_until(_SUMMER, 65, 0, bill),))),
        Story("no data", ((_at(_WINTER, absent),), (_until(_WINTER, 0, 42, absent),))),
        Story(
            "three alerts, one ends before the others",
            (
                tuple(_at(_WINTER, one) for one in (twice, *named)),
                (_until(_WINTER, 120, 0, twice),),
                tuple(_until(_WINTER, 125, 5, one) for one in named),
            ),
        ),
        Story(
            "somebody else's, without texts",
            ((_at(_WINTER, theirs),), (_until(_WINTER, 1, 0, theirs),)),
        ),
    )


def told(channels: Channels) -> str:
    """What is read of all stories, one after the other."""
    parts = []
    for story in stories():
        for number, alerts in enumerate(story.rounds, 1):
            channels.alertmanager.post(alerts)
            parts.append(f"{'=' * 20} {story.title}, {number} {'=' * 20}\n\n{_read(channels)}")
    return "\n".join(parts)


def _read(channels: Channels) -> str:
    """One message, as it came by Slack and by mail."""
    (attachment,) = channels.slack.posts.get(timeout=60).body["attachments"]
    mail = channels.mail.mails.get(timeout=60)
    return (
        f"--- Slack, {attachment['color']}: {attachment['fallback']}\n\n"
        f"{attachment['text'].strip()}\n\n"
        f"--- Mail: {mail.message['Subject']}\n\n{mail.text('plain').strip()}\n\n"
        f"--- Mail, HTML\n\n{mail.text('html').strip()}\n"
    )


def _written(story: str, severity: str) -> list[Alert]:
    return [
        alert(one["exp_labels"] | {"alertname": _name(one)}, one["exp_annotations"])
        for one in alert_messages.written()[story]
        if one["exp_labels"]["severity"] == severity
    ]


def _name(written: dict[str, dict[str, str]]) -> str:
    signal = BY_NAME[written["exp_labels"]["signal"]]
    measured = "value" in written["exp_annotations"]
    return signal.alert if measured else str(signal.absent_alert)


def _of(whole: Alert, name: str) -> Alert:
    """The same of another container."""
    texts = {
        key: text.replace(", django", f", {name}") for key, text in whole["annotations"].items()
    }
    return whole | {"labels": whole["labels"] | {"name": name}, "annotations": texts}


def _at(begun: datetime, whole: Alert) -> Alert:
    return whole | {"startsAt": begun.isoformat()}


def _until(begun: datetime, minutes: int, seconds: int, whole: Alert) -> Alert:
    ended = begun.timestamp() + 60 * minutes + seconds
    return _at(begun, whole) | {"endsAt": datetime.fromtimestamp(ended, UTC).isoformat()}


def golden(language: str) -> Path:
    """The file that holds what is read in a language."""
    return GOLDEN / f"notifications.{language}.txt"


if __name__ == "__main__":
    for _language in LANGUAGES:
        with (
            tempfile.TemporaryDirectory() as _folder,
            told_by_all_channels(Path(_folder), _language) as _channels,
        ):
            golden(_language).write_text(told(_channels), encoding="utf-8")
