"""The traffic as a process, against a stand-in for the two APIs and a real Streamlit page."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

pytestmark = pytest.mark.servers

ID = str(uuid.uuid4())


@dataclass
class StandIn:
    """Django's and FastAPI's contract, just far enough; `seen` is what was asked and answered."""

    seen: list[tuple[str, str, int]] = field(default_factory=list)
    accounts: dict[str, str] = field(default_factory=dict)

    def app(self) -> Starlette:
        methods = ["GET", "POST", "PATCH", "DELETE"]
        return Starlette(routes=[Route("/{path:path}", self._answer, methods=methods)])

    async def _answer(self, request: Request) -> Response:
        body: Any = await request.json() if await request.body() else {}
        response = self._respond(request, body)
        path = request.url.path.replace(ID, "{id}")
        path = "/api/v1/plans/{other}/" if len(path) == len(f"/api/v1/plans/{ID}/") else path
        if body.get("stream"):
            path += " (stream)"
        self.seen.append((request.method, path, response.status_code))
        return response

    def _respond(self, request: Request, body: dict[str, Any]) -> Response:
        path, method = request.url.path, request.method
        if path.startswith("/health"):
            return JSONResponse({"status": "ok"})
        if path == "/api/v1/auth/register/":
            self.accounts[body["username"]] = body["password"]
            return JSONResponse({"username": body["username"]}, 201)
        if path == "/api/v1/auth/login/":
            if self.accounts.get(body["username"]) != body["password"]:
                return JSONResponse({}, 401)
            return JSONResponse({"access": "valid", "refresh": "renewable"})
        if path == "/api/v1/auth/refresh/":
            return JSONResponse({"access": "valid", "refresh": "renewable"})
        if request.headers.get("authorization") != "Bearer valid":
            return JSONResponse({}, 401)
        if path == "/api/v1/stats/":
            return JSONResponse({}, 403)
        if path == "/api/v1/profile/":
            return JSONResponse({}, 405 if method == "DELETE" else 200)
        if path in ("/api/v1/plans/", "/api/v1/sessions/"):
            listed = {"results": [{"id": ID}]}
            return JSONResponse({"id": ID}, 201) if method == "POST" else JSONResponse(listed)
        if path.startswith("/api/v1/chat"):
            if body.get("model") == "gpt-9":
                return JSONResponse({}, 422)
            if body.get("stream"):
                lines = ['event: text\ndata: {"text": "Courez"}\n\n'] * 20
                lines.append(f'event: done\ndata: {{"session_id": "{ID}"}}\n\n')
                return StreamingResponse(iter(lines), media_type="text/event-stream")
            return JSONResponse({"answer": "Courez", "session_id": ID, "sources": []})
        if path in ("/api/v1/ask", "/api/v1/plans/generate"):
            return JSONResponse({"answer": "…"}, 201 if "plans" in path else 200)
        return JSONResponse({"id": ID}, 200 if ID in path else 404)


@contextmanager
def serving(stand_in: StandIn, port: int) -> Iterator[str]:
    config = uvicorn.Config(
        stand_in.app(), log_level="critical", ws="none", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", port)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def traffic(log: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "vigie.simulate.traffic", *options],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


FIRST_ROUND = {
    ("POST", "/api/v1/auth/register/", 201),
    ("POST", "/api/v1/auth/login/", 200),
    ("POST", "/api/v1/auth/login/", 401),
    ("POST", "/api/v1/auth/refresh/", 200),
    ("GET", "/api/v1/profile/", 200),
    ("GET", "/api/v1/profile/", 401),
    ("DELETE", "/api/v1/profile/", 405),
    ("GET", "/api/v1/sessions/", 200),
    ("GET", "/api/v1/sessions/", 401),
    ("POST", "/api/v1/sessions/", 201),
    ("PATCH", "/api/v1/sessions/{id}/", 200),
    ("GET", "/api/v1/sessions/{id}/", 200),
    ("GET", "/api/v1/plans/", 200),
    ("POST", "/api/v1/plans/", 201),
    ("GET", "/api/v1/plans/{id}/", 200),
    ("GET", "/api/v1/plans/{other}/", 404),
    ("GET", "/api/v1/stats/", 403),
}
FIRST_ROUND_OF_AI = {
    ("POST", "/api/v1/chat", 200),
    ("POST", "/api/v1/chat", 422),
    ("POST", "/api/v1/chat (stream)", 200),
    ("POST", "/api/v1/chat/{id}/end", 200),
    ("POST", "/api/v1/ask", 200),
    ("POST", "/api/v1/ask", 401),
    ("POST", "/api/v1/plans/generate", 201),
}


def test_everything_is_used_once_at_the_start_and_outages_are_waited_out(
    small_page: Any,
    free_port: Callable[[], int],
    tmp_path: Path,
    wait_until: Callable[..., None],
) -> None:
    django, fastapi = StandIn(), StandIn()
    port, log = free_port(), tmp_path / "log"
    with serving(django, free_port()) as django_url:
        with (
            serving(fastapi, port) as fastapi_url,
            traffic(
                log,
                *("--django", django_url, "--fastapi", fastapi_url),
                *("--streamlit", small_page.url, "--users", "4", "--tokens-per-minute", "100000"),
            ) as process,
        ):
            wait_until(
                lambda: (
                    set(django.seen) >= FIRST_ROUND
                    and set(fastapi.seen) >= FIRST_ROUND_OF_AI
                    and any(told.startswith("logout") for told in small_page.told)
                ),
                "the first round lacks something",
            )
            first_output = log.read_text()
        # The traffic was ended with the first block; the next one meets a service that is down.
        with traffic(
            log,
            *("--django", django_url, "--fastapi", f"http://127.0.0.1:{port}"),
            *("--streamlit", small_page.url, "--users", "4", "--tokens-per-minute", "100000"),
        ) as process:
            wait_until(lambda: "waiting for FastAPI" in log.read_text(), "it did not wait")
            with serving(fastapi, port):
                wait_until(lambda: "4 users" in log.read_text(), "it did not go on")
                asked = len(fastapi.seen)
                wait_until(lambda: len(fastapi.seen) > asked + 3, "the AI is not used")
            wait_until(lambda: "does not answer" in log.read_text(), "the outage was not seen")
            with serving(fastapi, port):
                wait_until(lambda: "answers again" in log.read_text(), "it did not come back")
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=30) == 0
        output = log.read_text()

    assert first_output.splitlines()[0].startswith("4 users of http://127.0.0.1:")
    assert output.count("does not answer") <= 2
    assert "Traceback" not in first_output + output
    assert "requests in" in output.splitlines()[-1]
    passwords = list(django.accounts.values())
    assert len(set(passwords)) == len(passwords) >= 4
    assert min(map(len, passwords)) >= 24
    logins = [told.split() for told in small_page.told if told.startswith("login")]
    assert all(django.accounts[user] == password for _, user, password, _ in logins)


def test_it_ends_by_itself_after_its_seconds(
    small_page: Any, free_port: Callable[[], int], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with (
        serving(StandIn(), free_port()) as django,
        serving(StandIn(), free_port()) as fastapi,
        traffic(
            log,
            *("--django", django, "--fastapi", fastapi, "--streamlit", small_page.url),
            *("--seconds", "2"),
        ) as process,
    ):
        assert process.wait(timeout=60) == 0
    assert ", 0 of them not answered or answered with a server error" in log.read_text()


def test_at_a_faster_pace_much_more_happens(
    small_page: Any, free_port: Callable[[], int], tmp_path: Path, wait_until: Callable[..., None]
) -> None:
    django, log = StandIn(), tmp_path / "log"
    with (
        serving(django, free_port()) as django_url,
        serving(StandIn(), free_port()) as fastapi_url,
        traffic(
            log,
            *("--django", django_url, "--fastapi", fastapi_url, "--streamlit", small_page.url),
            *("--users", "3", "--pace", "100"),
        ),
    ):
        # By the clock it takes them minutes.
        wait_until(lambda: len(django.seen) > 300, "they do not hurry")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--users", "2"), "argument --users: '2': write a number of users from 3 on"),
        (("--users", "many"), "argument --users: 'many': write a number of users from 3 on"),
        (("--pace", "0.5"), "argument --pace: '0.5': write a number from 1 on"),
        (("--pace", "nan"), "argument --pace: 'nan': write a number from 1 on"),
        (("--pace", "fast"), "argument --pace: 'fast': write a number from 1 on"),
        (
            ("--django", "localhost:8002"),
            "argument --django: 'localhost:8002': write a URL, e.g. http://127.0.0.1:8002",
        ),
    ],
)
def test_wrong_options_are_refused_with_what_to_write(
    tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    log = tmp_path / "log"
    with traffic(log, *options) as process:
        assert process.wait(timeout=30) == 2
    assert log.read_text().splitlines()[-1].endswith(message)


def test_it_can_be_ended_while_it_waits_for_services(
    free_port: Callable[[], int], tmp_path: Path, wait_until: Callable[..., None]
) -> None:
    log = tmp_path / "log"
    with traffic(log, "--django", f"http://127.0.0.1:{free_port()}") as process:
        wait_until(lambda: "waiting for Django" in log.read_text(), "it did not wait")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
