"""The panels that ask for logs, asked of a store: each is answered, and shows what was logged."""

from __future__ import annotations

import json
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator

import pytest
import uvicorn

from named_series import PANELS
from panel_answers import answer_of_seat
from vigie.catalogue.panel import Panel, Store
from vigie.store.segments import LogStore, StoreLimits
from vigie.store.wire.app import logs_app

pytestmark = pytest.mark.servers

LOGGED = [
    ("django", "warning", "Auth failure reason=bad_credentials ip=203.0.113.7"),
    ("django", "warning", '{"message": "Auth failure reason=expired_token ip=203.0.113.7"}'),
    ("django", "warning", "Auth failure reason=missing_token ip=2001:db8::1"),
    ("django", "warning", "Attack pattern=brute_force ip=203.0.113.7"),
    ("django", "warning", "Slow request GET /api/v1/plans/ 200 seconds=1.204 request_id=a1"),
    ("fastapi", "info", "OpenAI call model=gpt-4o-mini outcome=ok seconds=0.812"),
    ("fastapi", "error", "it broke"),
]

OF_LOGS = [(board, panel) for board, panel in PANELS if panel.store is Store.LOGS]
each_panel = pytest.mark.parametrize(
    "panel", [panel for _, panel in OF_LOGS], ids=[f"{b.uid}-{p.title.en}" for b, p in OF_LOGS]
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a store that has these lines, a few seconds old."""
    opened = LogStore(tmp_path_factory.mktemp("store"), StoreLimits())
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()  # from now on, who asks waits for the answer
        server = uvicorn.Server(uvicorn.Config(logs_app(opened), log_level="warning"))
        serving = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        serving.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            push(url)
            yield url
        finally:
            server.should_exit = True
            serving.join()
            opened.close()


def push(url: str) -> None:
    now = time.time_ns() - 5 * 10**9
    streams = [
        {
            "stream": {"service": service, "level": level},
            "values": [[str(now + number), line]],
        }
        for number, (service, level, line) in enumerate(LOGGED)
    ]
    request = urllib.request.Request(
        f"{url}/loki/api/v1/push",
        json.dumps({"streams": streams}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.status == 204


@each_panel
def test_a_panel_is_answered_and_shows_something(panel: Panel, store: str) -> None:
    assert answer_of_seat(store, panel)


def titled(title: str) -> Panel:
    (found,) = [panel for _, panel in OF_LOGS if panel.title.en == title]
    return found


def test_addresses_are_counted_however_their_line_is_written(store: str) -> None:
    counted = {
        one["metric"]["ip"]: one["value"][1]
        for one in answer_of_seat(store, titled("Refusals by source address"))
    }
    assert counted == {"203.0.113.7": "2", "2001:db8::1": "1"}


def test_lines_are_those_of_the_chosen_services_levels_and_text(store: str) -> None:
    def lines(**chosen: str) -> list[str]:
        streams = answer_of_seat(store, titled("Logs"), **chosen)
        return sorted(line for stream in streams for _, line in stream["values"])

    assert lines() == sorted(line for _, _, line in LOGGED)
    assert lines(service="fastapi", level="error|critical") == ["it broke"]
    assert lines(search="model=gpt-4o-mini") == [LOGGED[5][2]]
    assert lines(search='"message": "Auth') == [LOGGED[1][2]]
