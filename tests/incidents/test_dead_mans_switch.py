"""The dead man's switch: once at the loss, once at its end, until each channel took it."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from mail_server import running_mail_server
from told_alerts import NOON, delivery, watchdog
from vigie.catalogue.signals import WATCHDOG
from vigie.incidents import rounds
from vigie.incidents.channels import ChannelError, channels
from vigie.incidents.dead_mans_switch import DeadMansSwitch
from vigie.incidents.delivery import read
from vigie.incidents.inbox import Inbox
from vigie.incidents.watchdog import Hearing
from vigie.incidents.wording import Message
from vigie.settings import Settings
from webhook_server import running_webhook_server

Opened = Callable[..., Inbox]
SetTo = Callable[[str], Settings]


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


@dataclass
class Listener:
    """A channel that takes every message, but for the next `refusals`."""

    name: str = "slack"
    refusals: int = 0
    heard: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def send(self, message: Message) -> None:
        if self.refusals:
            self.refusals -= 1
            raise ChannelError("it is busy")
        self.heard.append("again" if message.ended else "lost")
        self.texts.append(f"{message.subject}\n{message.text}")


@dataclass
class Watch:
    """A switch whose time goes as the test says."""

    switch: DeadMansSwitch
    inbox: Inbox
    now: float = 0.0

    def wait(self, minutes: float, *, beats: bool = False) -> None:
        """Look, and tell, once a minute; with `beats`, the watchdog is heard each time."""
        for _ in range(round(minutes)):
            self.now += 1
            if beats:
                moment = at(self.now)
                self.inbox.receive(read(delivery(watchdog()), moment), moment)
                self.switch.beat(moment)
            self.switch.look(at(self.now))
            for courier in self.switch.couriers:
                courier.tell(self.switch.heartbeat, at(self.now))


@pytest.fixture
def watch(opened: Opened, set_to: SetTo) -> Callable[..., Watch]:
    def make(
        *listeners: Listener, text: str = "", now: float = 0, inbox: Inbox | None = None
    ) -> Watch:
        inbox = inbox or opened()
        return Watch(DeadMansSwitch(inbox, set_to(text), listeners, at(now)), inbox, now)

    return make


def test_a_start_has_five_minutes_to_hear_it(watch: Callable[..., Watch]) -> None:
    slack = Listener()
    watched = watch(slack)
    watched.wait(5)
    assert slack.heard == []
    watched.wait(1)
    assert slack.heard == ["lost"]


def test_a_loss_and_its_end_are_told_once_each(watch: Callable[..., Watch]) -> None:
    slack = Listener()
    watched = watch(slack)
    watched.wait(30, beats=True)
    watched.wait(60)
    assert (slack.heard, watched.switch.hearing(at(90))) == (["lost"], Hearing.LOST)
    watched.wait(30, beats=True)
    assert (slack.heard, watched.switch.hearing(at(120))) == (["lost", "again"], Hearing.HEARD)
    watched.wait(7)
    assert slack.heard == ["lost", "again", "lost"]


def test_each_channel_is_tried_until_it_takes_it(watch: Callable[..., Watch]) -> None:
    slack, email = Listener(refusals=3), Listener("email")
    watched = watch(slack, email)
    watched.wait(6)
    assert (slack.heard, email.heard) == ([], ["lost"])
    watched.wait(60)
    assert (slack.heard, email.heard) == (["lost"], ["lost"])
    courier, other = watched.switch.couriers
    assert (courier.failed, courier.delivered, other.failed) == (3, 1, 0)


def test_pauses_grow_up_to_five_minutes(watch: Callable[..., Watch]) -> None:
    slack = Listener(refusals=10_000)
    watched = watch(slack)
    watched.wait(6)
    (courier,) = watched.switch.couriers
    tried = [courier.failed]
    for second in range(0, 3600, 5):
        courier.tell(watched.switch.heartbeat, at(6) + timedelta(seconds=second))
        tried.append(courier.failed)
    began = [n * 5 for n, (before, after) in enumerate(pairwise(tried)) if after > before]
    pauses = [after - before for before, after in pairwise([0, *began])]
    assert pauses[:7] == [5, 10, 20, 40, 80, 160, 300]
    assert set(pauses[7:]) == {300}


def test_a_channel_that_missed_the_loss_is_told_of_the_whole(watch: Callable[..., Watch]) -> None:
    slack = Listener(refusals=4)
    watched = watch(slack)
    watched.wait(7)
    watched.wait(30, beats=True)
    assert slack.heard == ["again"]
    assert (
        "whose silence was noticed at 13:06 (Europe/Paris), is heard again since 13:08"
        in (slack.texts[0])
    )


def test_a_restart_repeats_nothing_and_forgets_nothing(
    watch: Callable[..., Watch], opened: Opened
) -> None:
    slack = Listener()
    watched = watch(slack)
    watched.wait(6)
    watched.inbox.close()
    again = watch(slack, now=watched.now + 1)
    again.wait(10)
    assert slack.heard == ["lost"]
    again.wait(1, beats=True)
    assert slack.heard == ["lost", "again"]


def test_a_restart_tells_what_could_not_be_told(watch: Callable[..., Watch]) -> None:
    slack = Listener(refusals=1)
    first = watch(slack)
    first.wait(6)
    first.inbox.close()
    watch(slack, now=7).wait(1)
    assert slack.heard == ["lost"]


def test_a_loss_that_was_over_long_ago_is_no_news_for_a_new_channel(
    watch: Callable[..., Watch],
) -> None:
    first = watch()
    first.wait(6)
    first.wait(1, beats=True)
    first.inbox.close()
    slack = Listener()
    watch(slack, now=60 * 30).wait(3, beats=True)
    assert slack.heard == []


def test_a_machine_that_slept_did_not_listen(watch: Callable[..., Watch]) -> None:
    slack = Listener()
    watched = watch(slack)
    watched.wait(10, beats=True)
    watched.now += 8 * 60
    watched.wait(6)
    assert slack.heard == []
    watched.wait(1)
    assert slack.heard == ["lost"]


def test_a_clock_that_is_set_back_is_no_silence_and_no_hearing(
    watch: Callable[..., Watch],
) -> None:
    slack = Listener()
    watched = watch(slack)
    watched.wait(100, beats=True)
    watched.now = 10
    watched.wait(4, beats=True)
    watched.wait(120)
    assert slack.heard == ["lost"]


def test_while_nothing_can_be_kept_it_goes_on_from_memory(
    watch: Callable[..., Watch], opened: Opened, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    slack = Listener()
    watched = watch(slack, inbox=opened(wait_seconds=0.01))
    watched.wait(1, beats=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        watched.wait(10)
        assert slack.heard == ["lost"]
        assert "The inbox cannot keep what it is told: database is locked." in slack.texts[0]
        assert "the inbox cannot keep that slack was told: database is locked" in caplog.messages
        other.execute("ROLLBACK")
    watched.wait(1)
    kept = watched.inbox.heartbeat(WATCHDOG.name)
    assert kept is not None
    assert kept.is_lost


def test_the_message_says_since_when_what_it_means_and_what_to_do(
    watch: Callable[..., Watch],
) -> None:
    slack = Listener()
    watched = watch(slack)
    watched.wait(3, beats=True)
    watched.wait(6)
    watched.wait(1, beats=True)
    assert slack.texts == [
        "[FIRING] Watchdog lost: no alert would reach you\n"
        "The watchdog, an alert that always fires, has not been heard since 13:03 (Europe/Paris), "
        "for 6 min. Prometheus, Alertmanager, or the way from there to Vigie's inbox is broken: "
        "until it is heard again, nobody may be told of anything.\n"
        "What to do: `vigie status`, then `vigie up`.\n"
        "Runbook: http://localhost:3300/runbooks/watchdog",
        "[RESOLVED] Watchdog heard again\n"
        "The watchdog, whose silence was noticed at 13:09 (Europe/Paris), is heard again since "
        "13:10. Alerts in between may have reached nobody: look at http://localhost:3300",
    ]


def test_the_message_is_in_the_language_and_zone_that_are_set(watch: Callable[..., Watch]) -> None:
    slack = Listener()
    watch(slack, text="language: fr\ntime_zone: America/Montreal\n").wait(6)
    assert slack.texts == [
        "[ALERTE] Veilleur perdu : aucune alerte ne vous parviendrait\n"
        "Le veilleur, une alerte toujours active, ne s'entend plus depuis 07:00 "
        "(America/Montreal), soit 6 min. Prometheus, Alertmanager, ou le chemin jusqu'à la boîte "
        "de réception de Vigie est rompu : tant qu'il ne s'entend pas, personne n'est peut-être "
        "prévenu de rien.\n"
        "Que faire : `vigie status`, puis `vigie up`.\n"
        "Fiche : http://localhost:3300/runbooks/watchdog"
    ]


@pytest.mark.servers
def test_by_the_clock_real_receivers_hear_of_a_real_silence(
    inbox: Inbox, set_to: SetTo, tmp_path: Path
) -> None:
    """At a hundred times the pace: five minutes are three seconds."""
    ended = threading.Event()
    with running_webhook_server() as web, running_mail_server() as mail:
        web.refusals = 2
        (tmp_path / "slack").write_text(web.url)
        settings = set_to(
            "notify:\n  slack: {webhook_url_file: slack}\n"
            f"  email: {{to: a@example.org, smtp: '127.0.0.1:{mail.port}', require_tls: false}}\n"
        )
        switch = DeadMansSwitch(inbox, settings, channels(settings), _now(), pace=100)
        threads = rounds.start(switch.acts(), timedelta(milliseconds=10), ended, _now)
        assert "Watchdog lost" in web.posts.get(timeout=30).body["text"]
        assert "Watchdog lost" in mail.mails.get(timeout=30).message["Subject"]
        assert web.refused == 2
        switch.beat(_now())
        subjects = {web.posts.get(timeout=30).body["text"].splitlines()[0]}
        subjects.add(mail.mails.get(timeout=30).message["Subject"])
        assert subjects == {"*[RESOLVED] Watchdog heard again*", "[RESOLVED] Watchdog heard again"}
        ended.set()
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive()


def _now() -> datetime:
    return datetime.now(UTC)
