"""alertmanager.yml: how alerts are grouped, which one mutes which, and who is told when.

Everything goes to the console's inbox at once. People are told of it a little later, grouped, and
again only after hours. What they read is in `notifications.py`.
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from email.utils import getaddresses
from typing import Any

import yaml

from vigie.catalogue.signal import Severity
from vigie.catalogue.signals import SERVICE_DOWN, SIGNALS, WATCHDOG
from vigie.render import links, notifications
from vigie.render.header import HEADER
from vigie.render.pace import Pace
from vigie.settings import Settings
from vigie.settings.model import MuteTime, Notify
from vigie.settings.week import DAYS, MINUTES_OF_DAY, day_after, written_minute

PATH = "alertmanager/alertmanager.yml"

INBOX = "inbox"
"""The receiver that is the console."""
TEAM = "team"
"""The receiver that is people, by all channels that are configured."""

_SHORTEST = timedelta(seconds=1)
"""No wait is shorter, at any pace: alerts of one moment reach Alertmanager one after the other, and
the one that mutes another may be the later. Sending has 10 s at least, whatever the interval."""

_ABOUT = """\
#
# An alert goes through `routes` from top to bottom, up to the first that matches and does not
# `continue`. The watchdog goes to the inbox alone, every minute: whoever stops hearing it knows
# that no other alert would come either. Everything else goes to the inbox at once, and to the team.
"""


def configuration(settings: Settings, pace: Pace) -> str:
    """The text of alertmanager.yml; valid and of one meaning for Alertmanager 0.25 and 0.34."""
    mute = settings.notify.mute
    zone = settings.time_zone.key
    document: dict[str, Any] = {
        "route": _route(mute, pace),
        "inhibit_rules": _inhibit_rules(),
        **({"time_intervals": [_time_interval(one, zone) for one in mute]} if mute else {}),
        "receivers": [
            {
                "name": INBOX,
                "webhook_configs": [{"url": links.inbox(settings), "send_resolved": True}],
            },
            {"name": TEAM} | _channels(settings.notify),
        ],
        "templates": [notifications.PATH.removeprefix("alertmanager/")],
    }
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)
    return f"{HEADER}{_ABOUT}\n{text}"


def _route(mute: Iterable[MuteTime], pace: Pace) -> dict[str, Any]:
    silent = [one.name for one in mute]
    always_silent = [one.name for one in mute if one.severity == Severity.CRITICAL.value]
    return {
        "receiver": TEAM,
        "group_by": ["service", "signal"],
        **_timing(pace, wait=30, interval=5 * 60, repeat=12 * 3600),
        "routes": [
            {
                "matchers": [f'alertname="{WATCHDOG.alert}"'],
                "receiver": INBOX,
                # Told again at the first tick of 30 s that is 50 s or more after the last time:
                # every minute. With 1m and 1m, the time that sending takes would make it two.
                **_timing(pace, wait=0, interval=30, repeat=50),
            },
            {
                "receiver": INBOX,
                "continue": True,
                **_timing(pace, wait=1, interval=15, repeat=3600),
            },
            {
                "matchers": [f'severity="{Severity.CRITICAL}"'],
                "receiver": TEAM,
                **({"mute_time_intervals": always_silent} if always_silent else {}),
                **_timing(pace, wait=10, interval=60, repeat=3600),
            },
            {  # warnings, and what somebody else's rules call something else
                "receiver": TEAM,
                **({"mute_time_intervals": silent} if silent else {}),
            },
        ],
    }


def _timing(pace: Pace, wait: int, interval: int, repeat: int) -> dict[str, str]:
    """In seconds: how long alerts of a group wait for each other at first, and later; and after
    how long an unchanged group is told again."""
    seconds = {"group_wait": wait, "group_interval": interval, "repeat_interval": repeat}
    return {
        name: pace.written(max(timedelta(seconds=span), _SHORTEST * pace.factor)) if span else "0s"
        for name, span in seconds.items()
    }


def _inhibit_rules() -> list[dict[str, Any]]:
    """Who mutes whom. Labels that are missing on both sides count as equal, and no alert mutes
    itself or its like: one that matches both sides is not muted by another that does.

    All labels of all signals are in `equal`, so that what is critical about one container does not
    mute the warning about another. So is the name of the alert, and with it the signal: that a
    signal has no data is other news than that it is bad.
    """
    parts = dict.fromkeys(label for signal in SIGNALS for label in signal.labels)
    return [
        {
            "source_matchers": [f'severity="{Severity.CRITICAL}"'],
            "target_matchers": [f'severity="{Severity.WARNING}"'],
            "equal": ["alertname", *parts],
        },
        {
            "source_matchers": [
                f'alertname="{SERVICE_DOWN.alert}"',
                f'severity="{Severity.CRITICAL}"',
                'service!=""',
            ],
            "target_matchers": [f'alertname!="{WATCHDOG.alert}"'],
            "equal": ["service"],
        },
    ]


def _time_interval(mute: MuteTime, zone: str) -> dict[str, Any]:
    return {
        "name": mute.name,
        "time_intervals": [
            {
                **({"times": [times]} if times else {}),
                **({"weekdays": days} if len(days) < len(DAYS) else {}),
                "location": zone,
            }
            for times, days in _within_days(mute)
        ],
    }


def _within_days(mute: MuteTime) -> Iterator[tuple[dict[str, str], list[str]]]:
    """The parts of a mute time, each within one day: times (none for whole days), and days."""
    days, following = list(mute.days), {day_after(day) for day in mute.days}
    past_midnight = mute.end < mute.start
    first_end = MINUTES_OF_DAY if past_midnight else mute.end
    if (mute.start, first_end) == (0, MINUTES_OF_DAY):
        yield {}, days
    elif mute.start < first_end:
        yield _times(mute.start, first_end), days
    if past_midnight and mute.end > 0:
        yield _times(0, mute.end), [day for day in DAYS if day in following]


def _times(start: int, end: int) -> dict[str, str]:
    return {"start_time": written_minute(start), "end_time": written_minute(end)}


def _channels(notify: Notify) -> dict[str, Any]:
    channels: dict[str, Any] = {}
    if notify.webhook:
        token = notify.webhook.token_file
        secret = {"http_config": {"authorization": {"credentials_file": str(token)}}}
        channels["webhook_configs"] = [
            {"url": notify.webhook.url, "send_resolved": True, **(secret if token else {})}
        ]
    if notify.slack:
        channel = {"channel": notify.slack.channel} if notify.slack.channel else {}
        channels["slack_configs"] = [
            {
                "api_url_file": str(notify.slack.webhook_url_file),
                **channel,
                "send_resolved": True,
                **notifications.SLACK,
            }
        ]
    if notify.email:
        mail = notify.email
        channels["email_configs"] = [
            {
                "to": mail.to,
                "from": mail.sender or getaddresses([mail.to])[0][1],
                "smarthost": mail.smtp,
                **({"auth_username": mail.username} if mail.username else {}),
                **({"auth_password_file": str(mail.password_file)} if mail.password_file else {}),
                "require_tls": mail.require_tls,
                "send_resolved": True,
                **notifications.EMAIL,
            }
        ]
    return channels
