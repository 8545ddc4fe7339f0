"""alertmanager.yml: how alerts are grouped, and who is told."""

from typing import Any

import yaml

from vigie.render.header import HEADER
from vigie.settings import Settings
from vigie.settings.model import Notify


def configuration(settings: Settings) -> str:
    """The text of alertmanager.yml; without a channel in `notify`, alerts are only shown."""
    document: dict[str, Any] = {
        "route": {
            "receiver": "team",
            "group_by": ["service", "signal"],
            "group_wait": "10s",
            "group_interval": "1m",
            "repeat_interval": "4h",
        },
        "receivers": [{"name": "team"} | _channels(settings.notify)],
    }
    return HEADER + yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


def _channels(notify: Notify) -> dict[str, Any]:
    channels: dict[str, Any] = {}
    if notify.webhook:
        channels["webhook_configs"] = [{"url": notify.webhook.url, "send_resolved": True}]
    if notify.slack:
        slack = {"api_url_file": str(notify.slack.webhook_url_file), "send_resolved": True}
        channel = {"channel": notify.slack.channel} if notify.slack.channel else {}
        channels["slack_configs"] = [slack | channel]
    if notify.email:
        mail = notify.email
        channels["email_configs"] = [
            {
                "to": mail.to,
                "from": mail.sender or mail.to,
                "smarthost": mail.smtp,
                "require_tls": mail.require_tls,
                "send_resolved": True,
            }
            | ({"auth_username": mail.username} if mail.username else {})
            | ({"auth_password_file": str(mail.password_file)} if mail.password_file else {})
        ]
    return channels
