"""How the dead man's switch speaks: Slack, mail and webhooks, without Alertmanager.

They are `notify`'s, with its secrets, read from their files at each message: a secret that was
renewed is used at once.
"""

from __future__ import annotations

import http.client
import json
import smtplib
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from vigie.catalogue.signals import WATCHDOG
from vigie.incidents.wording import Message
from vigie.render import links
from vigie.settings import Settings
from vigie.settings.model import Email, Slack, Webhook

ANSWER_SECONDS = 10.0
IMPLICIT_TLS_PORT = 465

LOST_ALERT = f"{WATCHDOG.alert}Lost"


class ChannelError(Exception):
    """A message could not be delivered; `str()` says why, and holds no secret."""


class Channel(Protocol):
    """One way to reach people."""

    @property
    def name(self) -> str:
        """`slack`, `email` or `webhook`."""

    def send(self, message: Message) -> None:
        """Deliver a message. Raises ChannelError."""


def channels(settings: Settings) -> list[Channel]:
    """Those that are on; not the inbox itself, should it be named as a webhook."""
    notify = settings.notify
    found: list[Channel] = []
    if notify.slack:
        found.append(SlackChannel(notify.slack))
    if notify.email:
        found.append(EmailChannel(notify.email))
    if notify.webhook and not _is_inbox(settings, notify.webhook):
        found.append(WebhookChannel(notify.webhook))
    return found


@dataclass(frozen=True, slots=True)
class SlackChannel:
    """Slack, by an incoming webhook: https://api.slack.com/messaging/webhooks."""

    slack: Slack
    name: str = "slack"

    def send(self, message: Message) -> None:
        """Post a message to the channel."""
        body: dict[str, Any] = {"text": f"*{message.subject}*\n{message.text}"}
        if self.slack.channel:
            body["channel"] = self.slack.channel
        _post(_secret(self.slack.webhook_url_file), body, {})


@dataclass(frozen=True, slots=True)
class WebhookChannel:
    """A receiver of Alertmanager's JSON, which is given an alert of that form."""

    webhook: Webhook
    name: str = "webhook"

    def send(self, message: Message) -> None:
        """Post a message as an alert called WatchdogLost."""
        headers = {}
        if self.webhook.token_file:
            headers["Authorization"] = f"Bearer {_secret(self.webhook.token_file)}"
        _post(self.webhook.url, _as_delivery(message), headers)


@dataclass(frozen=True, slots=True)
class EmailChannel:
    """Mail through an SMTP server."""

    email: Email
    name: str = "email"

    def send(self, message: Message) -> None:
        """Send a mail to everybody in `to`."""
        mail = EmailMessage()
        mail["Subject"] = message.subject
        mail["From"] = self.email.sender or self.email.to
        mail["To"] = self.email.to
        mail["Date"] = format_datetime(message.ended or message.began)
        mail["Message-ID"] = make_msgid(domain="vigie.localhost")
        mail.set_content(message.text)
        host, _, port = self.email.smtp.rpartition(":")
        try:
            with self._connected(host, int(port)) as server:
                if self.email.username:
                    password = self.email.password_file
                    server.login(self.email.username, _secret(password) if password else "")
                server.send_message(mail)
        except (smtplib.SMTPException, OSError) as error:
            raise ChannelError(f"{self.email.smtp}: {error}") from None

    def _connected(self, host: str, port: int) -> smtplib.SMTP:
        ours, tls = "localhost", ssl.create_default_context()
        if port == IMPLICIT_TLS_PORT:
            return smtplib.SMTP_SSL(host, port, ours, timeout=ANSWER_SECONDS, context=tls)
        server = smtplib.SMTP(host, port, ours, timeout=ANSWER_SECONDS)
        if self.email.require_tls:
            try:
                server.starttls(context=tls)
            except BaseException:
                server.close()
                raise
        return server


def _as_delivery(message: Message) -> dict[str, Any]:
    """Alertmanager's webhook, version 4, with one alert."""
    status = "resolved" if message.ended else "firing"
    labels = {
        "alertname": LOST_ALERT,
        "service": WATCHDOG.about,
        "severity": "critical",
        "signal": WATCHDOG.name,
    }
    annotations = {
        "summary": message.subject,
        "description": message.text,
        "runbook_url": message.runbook_url,
    }
    ends = message.ended.isoformat() if message.ended else "0001-01-01T00:00:00Z"
    alert = {
        "status": status,
        "labels": labels,
        "annotations": annotations,
        "startsAt": message.began.isoformat(),
        "endsAt": ends,
        "generatorURL": message.console_url,
        "fingerprint": LOST_ALERT,
    }
    return {
        "version": "4",
        "groupKey": f'{{}}:{{alertname="{LOST_ALERT}"}}',
        "truncatedAlerts": 0,
        "status": status,
        "receiver": "vigie",
        "groupLabels": {"alertname": LOST_ALERT},
        "commonLabels": labels,
        "commonAnnotations": annotations,
        "externalURL": message.console_url,
        "alerts": [alert],
    }


def _post(url: str, body: dict[str, Any], headers: dict[str, str]) -> None:
    """Only the host is named in what is raised: the rest of the URL may be a secret."""
    try:
        host = urlsplit(url).hostname
        request = urllib.request.Request(
            url,
            json.dumps(body).encode(),
            {"Content-Type": "application/json", **headers},
            method="POST",
        )
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS):
            pass
    except urllib.error.HTTPError as error:
        with error:
            raise ChannelError(f"{host} answers {error.code} {error.reason}") from None
    except urllib.error.URLError as error:
        raise ChannelError(f"{host}: {error.reason}") from None
    except (OSError, http.client.HTTPException) as error:
        raise ChannelError(f"{host}: {error or type(error).__name__}") from None
    except ValueError:
        raise ChannelError("its URL is none") from None


def _secret(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ChannelError(f"{path} cannot be read: {reason}") from None


def _is_inbox(settings: Settings, webhook: Webhook) -> bool:
    parts = urlsplit(webhook.url)
    local = parts.hostname in ("localhost", "127.0.0.1", "::1", settings.here)
    return local and parts.port == settings.ports.console and parts.path == links.INBOX_PATH
