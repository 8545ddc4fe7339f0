"""What fires here and is unknown to Alertmanager ends, and not a moment too soon."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from told_alerts import NOON, delivery, sent
from vigie.incidents.delivery import read
from vigie.incidents.inbox import Inbox
from vigie.incidents.roll_call import RollCall, alertmanager

WATCHED = {"w": "Watchdog"}


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def tell(inbox: Inbox, *names: str, heard: float = 0) -> None:
    inbox.receive(read(delivery(*map(sent, names)), at(heard)), at(heard))


def firing(inbox: Inbox) -> set[str]:
    return {one.fingerprint for one in inbox.firing()}


def test_what_alertmanager_has_forgotten_ends_when_it_was_first_missed(inbox: Inbox) -> None:
    tell(inbox, "a", "b")
    known = {**WATCHED, "a": "X", "b": "X"}
    call = RollCall(inbox, lambda: known)
    call.look(at(1))
    del known["b"]
    for minute in (2, 3, 4):
        call.look(at(minute))
        assert firing(inbox) == {"a", "b"}
    call.look(at(5))
    assert firing(inbox) == {"a"}
    (over,) = inbox.ended(at(-10))
    assert (over.fingerprint, over.ended, over.heard) == ("b", at(2), at(0))


def test_what_it_knows_again_is_missing_no_more(inbox: Inbox) -> None:
    tell(inbox, "a")
    answers = [WATCHED, WATCHED, {**WATCHED, "a": "X"}, WATCHED, WATCHED, WATCHED]
    call = RollCall(inbox, lambda: answers.pop(0))
    for minute in range(1, 7):
        call.look(at(minute))
    assert firing(inbox) == {"a"}
    assert answers == []


@pytest.mark.parametrize("answer", [None, {}, {"z": "SomebodyElses"}], ids=repr)
def test_one_that_is_silent_or_anothers_ends_nothing(
    inbox: Inbox, answer: dict[str, str] | None
) -> None:
    tell(inbox, "a")
    call = RollCall(inbox, lambda: answer)
    for minute in range(60):
        call.look(at(minute))
    assert firing(inbox) == {"a"}


def test_what_was_told_since_it_was_missed_fires(inbox: Inbox) -> None:
    """As after a restart of Alertmanager, which Prometheus tells again of what fires."""
    tell(inbox, "a")
    call = RollCall(inbox, lambda: WATCHED)
    call.look(at(1))
    tell(inbox, "a", heard=3)
    for minute in (4, 5, 6):
        call.look(at(minute))
        assert firing(inbox) == {"a"}
    call.look(at(7))
    assert firing(inbox) == set()


def test_it_asks_twice_a_minute_and_only_if_something_fires(inbox: Inbox) -> None:
    asked = []
    call = RollCall(inbox, lambda: asked.append(1) or WATCHED)  # type: ignore[func-returns-value]
    call.look(at(0))
    assert asked == []
    tell(inbox, "a")
    for second in range(60, 120):
        call.look(NOON + timedelta(seconds=second))
    assert len(asked) == 2


def test_a_database_that_is_locked_is_asked_later(
    opened: Callable[..., Inbox], path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    inbox = opened(wait_seconds=0.01)
    tell(inbox, "a")
    call = RollCall(inbox, lambda: WATCHED)
    call.look(at(1))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        call.look(at(5))
        other.execute("ROLLBACK")
    assert caplog.messages == [
        "the alerts cannot be compared with Alertmanager's: database is locked"
    ]
    assert firing(inbox) == {"a"}
    call.look(at(6))
    assert firing(inbox) == set()


@contextmanager
def answering(body: bytes) -> Iterator[str]:
    """An HTTP server that always answers this; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/api/v2/alerts" else 404)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 # its name
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.05])
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("body", "known"),
    [
        (b"[]", {}),
        (b'[{"fingerprint": "w", "labels": {"alertname": "Watchdog"}}]', WATCHED),
        (b'[{"fingerprint": "w", "labels": {}}]', {"w": ""}),
        (b"{}", {}),
        (b'{"a": 1}', None),
        (b"<html>", None),
        (b'[{"labels": {}}]', None),
        (b"[[]]", None),
    ],
)
def test_alertmanager_is_asked_by_its_api(body: bytes, known: dict[str, str] | None) -> None:
    with answering(body) as address:
        assert alertmanager(address)() == known


def test_where_nobody_listens_there_is_no_answer(free_port: Callable[[], int]) -> None:
    assert alertmanager(f"http://127.0.0.1:{free_port()}")() is None
