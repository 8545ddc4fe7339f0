"""The inbox, on real SQLite files: what is kept, what is not kept twice, and what happens when it
cannot be kept."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from told_alerts import NOON, delivery, sent, watchdog
from vigie.catalogue.signals import WATCHDOG
from vigie.incidents.delivery import read
from vigie.incidents.inbox import Inbox, Journal, NoInboxError, Told, UnavailableError, database
from vigie.incidents.schema import NewerInboxError
from vigie.incidents.watchdog import Heartbeat

Opened = Callable[..., Inbox]


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def tell(inbox: Inbox, *alerts: dict[str, Any], heard: float = 1) -> None:
    inbox.receive(read(delivery(*alerts), at(heard)), at(heard))


def fingerprints(journal: Journal) -> tuple[list[str], list[str]]:
    """What fires, and what ended ever."""
    ended = journal.ended(at(-1_000_000))
    return [one.fingerprint for one in journal.firing()], [one.fingerprint for one in ended]


def test_what_is_told_is_there_after_a_restart(opened: Opened) -> None:
    first = opened()
    tell(first, sent("a"), sent("b", ended=at(3)), heard=4)
    first.close()
    again = opened()
    assert fingerprints(again) == (["a"], ["b"])
    (fires,) = again.firing()
    assert fires == read(delivery(sent("a")), at(4)).alerts[0]


def test_repeats_and_retries_create_nothing_twice(inbox: Inbox) -> None:
    for heard in (1, 1, 60, 120):
        tell(inbox, sent("a"), sent("a"), sent("b", ended=at(3)), heard=heard)
    assert fingerprints(inbox) == (["a"], ["b"])
    assert inbox.firing()[0].heard == at(120)
    assert inbox.extent().alerts == 2


def test_the_end_changes_the_same_row_and_keeps_the_last_words(inbox: Inbox) -> None:
    tell(inbox, sent("a"))
    tell(inbox, sent("a", ended=at(9), annotations={"summary": "over", "value": "0.4"}), heard=9)
    assert inbox.firing() == []
    (one,) = inbox.ended(at(0))
    assert (one.ended, one.summary(), one.value) == (at(9), "over", 0.4)
    assert inbox.extent().alerts == 1


def test_an_end_that_overtakes_its_beginning_stays(inbox: Inbox) -> None:
    tell(inbox, sent("a", ended=at(3)), heard=3)
    tell(inbox, sent("a"), heard=3.1)
    assert fingerprints(inbox) == ([], ["a"])


def test_a_new_time_of_an_alert_is_a_row_of_its_own(inbox: Inbox) -> None:
    tell(inbox, sent("a"))
    tell(inbox, sent("a", started=at(30)), heard=30)
    assert fingerprints(inbox) == (["a"], ["a"])
    assert inbox.ended(at(0))[0].ended == at(30)


def test_lists_are_in_the_order_in_which_one_looks(inbox: Inbox) -> None:
    early, late = sent("early", started=at(-9)), sent("late")
    tell(inbox, early, late, sent("x", ended=at(1)), sent("y", ended=at(2)), heard=5)
    assert fingerprints(inbox) == (["late", "early"], ["y", "x"])
    tell(inbox, sent("mild", started=at(9), labels={"severity": "warning"}), heard=9)
    assert fingerprints(inbox)[0] == ["late", "early", "mild"]
    assert [one.fingerprint for one in inbox.ended(at(1.5))] == ["y"]


def test_a_large_delivery_is_kept_whole(inbox: Inbox) -> None:
    tell(inbox, *(sent(f"f{n}") for n in range(1200)))
    tell(inbox, *(sent(f"f{n}", ended=at(2)) for n in range(1200)), heard=2)
    assert inbox.firing_by_severity() == {}
    assert inbox.extent().alerts == 1200


def test_severities_are_counted(inbox: Inbox) -> None:
    assert (inbox.extent().alerts, inbox.extent().oldest) == (0, None)
    tell(inbox, sent("a"), sent("b"), sent("c", labels={"severity": "info"}))
    tell(inbox, sent("d", started=at(-5), ended=at(1)))
    assert inbox.firing_by_severity() == {"critical": 2, "info": 1}
    assert inbox.extent().oldest == at(-5)


def test_the_file_is_its_owners_alone(inbox: Inbox, path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_old_alerts_go_when_new_ones_come(opened: Opened) -> None:
    inbox = opened(retention=timedelta(days=1))
    tell(inbox, sent("old", ended=at(1)), sent("silent"), heard=1)
    tell(inbox, sent("new", started=at(2000)), heard=2000)
    assert fingerprints(inbox) == (["new"], [])


def test_too_many_alerts_make_room_by_what_ended_first(opened: Opened) -> None:
    inbox = opened(most_alerts=3)
    for minute, name in enumerate("abcd"):
        tell(inbox, sent(name, ended=at(minute)), heard=minute)
    tell(inbox, sent("fires"), heard=5)
    assert inbox.extent().alerts == 5  # room is made now and then
    tell(inbox, sent("later", started=at(90)), heard=90)
    assert fingerprints(inbox) == (["later", "fires"], ["d"])


def test_room_is_made_sooner_where_many_come(opened: Opened) -> None:
    inbox = opened(most_alerts=10)
    tell(inbox, sent("a"))
    tell(inbox, *(sent(f"f{n}", ended=at(1)) for n in range(1000)), heard=2)
    assert inbox.extent().alerts == 10


def test_a_locked_database_keeps_nothing_of_a_delivery_and_recovers(
    opened: Opened, path: Path
) -> None:
    inbox = opened(wait_seconds=0.05)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(UnavailableError, match=r"^database is locked$"):
            tell(inbox, sent("a"))
        assert inbox.trouble == "database is locked"
        assert inbox.firing() == []  # whoever reads does not wait
        other.execute("ROLLBACK")
    tell(inbox, sent("a"))
    assert (fingerprints(inbox), inbox.trouble) == ((["a"], []), "")


def test_a_full_disk_keeps_nothing_of_a_delivery_and_recovers(opened: Opened, path: Path) -> None:
    opened().close()
    writer, pages = database(path, writes=True), [20]

    @event.listens_for(writer, "connect")
    def limit(connection: sqlite3.Connection, _record: object) -> None:
        # What SQLite does at its own limit is what it does where the disk has no more room.
        connection.execute(f"PRAGMA max_page_count = {pages[0]}")

    with closing(Inbox(writer, database(path, writes=False))) as inbox:
        tell(inbox, sent("a"))
        large = [sent(f"f{n}", annotations={"summary": "x" * 4000}) for n in range(50)]
        with pytest.raises(UnavailableError, match=r"^database or disk is full$"):
            tell(inbox, *large)
        assert inbox.trouble == "database or disk is full"
        assert fingerprints(inbox) == (["a"], [])
        pages[0] = 10_000
        writer.dispose()
        tell(inbox, *large)
        assert (len(inbox.firing()), inbox.trouble) == (51, "")


def test_whoever_only_reads_needs_no_console_and_changes_nothing(
    opened: Opened, path: Path
) -> None:
    inbox = opened()
    tell(inbox, sent("a"))
    with closing(Journal.open(path)) as reader:
        tell(inbox, sent("b"))
        assert len(reader.firing()) == 2
    inbox.close()
    with closing(Journal.open(path)) as reader:
        assert len(reader.firing()) == 2


def test_where_nothing_was_kept_there_is_nothing_to_read(path: Path) -> None:
    with pytest.raises(NoInboxError, match=r"^there is no inbox at .*incidents.sqlite3$"):
        Journal.open(path)
    assert not path.parent.exists()
    path.parent.mkdir()
    path.touch()
    with pytest.raises(NoInboxError, match=r"^there is nothing in .*incidents.sqlite3$"):
        Journal.open(path)


def test_what_is_no_database_is_said_to_be_none(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("Dear diary, " * 1000)
    for open_ in (Inbox.open, Journal.open):
        with pytest.raises(UnavailableError, match=r"^file is not a database$"):
            open_(path)


def test_a_newer_vigies_inbox_is_left_alone_with_what_to_do(opened: Opened, path: Path) -> None:
    opened().close()
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("UPDATE vigie_incidents SET version = 9")
    for open_ in (Inbox.open, Journal.open):
        with pytest.raises(NewerInboxError) as refused:
            open_(path)
        assert str(refused.value) == (
            f"the alerts in {path} are of version 9, and this Vigie knows versions up to 1: "
            "install the Vigie that wrote them (pip install -U vigie), or name another folder: "
            "--state DIR"
        )


def test_the_watchdog_is_kept_as_a_heartbeat_and_not_as_an_alert(inbox: Inbox) -> None:
    assert inbox.heartbeat(WATCHDOG.name) is None
    tell(inbox, watchdog())
    assert inbox.heartbeat(WATCHDOG.name) == Heartbeat(listening=at(1), heard=at(1))
    inbox.keep_heartbeat(WATCHDOG.name, Heartbeat(at(0), at(1), at(7), at(8)))
    tell(inbox, watchdog(), heard=9)
    assert inbox.heartbeat(WATCHDOG.name) == Heartbeat(at(0), at(9), at(7), at(8))
    assert inbox.extent().alerts == 0


def test_what_channels_were_told_is_kept(inbox: Inbox) -> None:
    inbox.keep_told("watchdog", "slack", Told(at(1), recovered=False))
    inbox.keep_told("watchdog", "email", Told(at(1), recovered=False))
    inbox.keep_told("watchdog", "slack", Told(at(1), recovered=True))
    assert inbox.told("watchdog") == {"slack": Told(at(1), True), "email": Told(at(1), False)}
    assert inbox.told("another") == {}
