"""A provider on a port, a provider driven by hand, and a clock that nobody waits for."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import openai
import pytest
import uvicorn

from vigie.simulate.provider import Provider, create_app

NOON = 1_796_040_000.0  # 2026-11-30T12:00:00Z


class HandClock:
    """Time that passes only when somebody sleeps, and then at once.

    At `stops_at` it stands still for good, and `stopped` tells so: what happens at that moment can
    be looked at as long as one likes.
    """

    def __init__(self, start: float = NOON, stops_at: float = float("inf")) -> None:
        self.time = start
        self.stops_at = stops_at
        self.stopped = asyncio.Event()

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        if self.time + seconds >= self.stops_at:
            self.time = self.stops_at
            self.stopped.set()
            await asyncio.Event().wait()
        self.time += seconds
        await asyncio.sleep(0)


@dataclass(slots=True)
class Answered:
    """What a client received."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    parts: list[bytes] = field(default_factory=list)
    ended: bool = False

    @property
    def json(self) -> Any:
        return json.loads(b"".join(self.parts))

    @property
    def text(self) -> str:
        return b"".join(self.parts).decode()

    @property
    def events(self) -> list[Any]:
        """The data of a stream's events, without the last [DONE]."""
        lines = self.text.splitlines()
        data = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
        return [json.loads(each) for each in data if each != "[DONE]"]


async def ask(
    app: Provider,
    method: str,
    path: str,
    body: Any = None,
    *,
    headers: dict[str, str] | None = None,
    leaves: asyncio.Event | None = None,
) -> Answered:
    """Send one request by hand; the client goes away when `leaves` is set."""
    parts = urlsplit(path)
    given = {"authorization": "Bearer sk-test"} if headers is None else headers
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    answered = Answered()
    asked = False

    async def receive() -> dict[str, Any]:
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "http.request", "body": raw, "more_body": False}
        await (leaves or asyncio.Event()).wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            answered.status = message["status"]
            answered.headers = {k.decode(): v.decode() for k, v in message["headers"]}
        else:
            answered.parts.append(message["body"])
            answered.ended = not message.get("more_body", False)

    scope = {
        "type": "http",
        "method": method,
        "path": parts.path,
        "query_string": parts.query.encode(),
        "headers": [(k.encode(), v.encode()) for k, v in given.items()],
    }
    await app(scope, receive, send)
    return answered


@dataclass(frozen=True)
class Served:
    """A provider that listens on a port."""

    url: str
    app: Provider

    def client(self, **options: Any) -> openai.OpenAI:
        return self._sdk.with_options(**options)

    def async_client(self) -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(base_url=f"{self.url}/v1", api_key="sk-test", max_retries=0)

    @cached_property
    def _sdk(self) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key="sk-test", max_retries=0)

    def post(self, path: str, body: Any) -> httpx.Response:
        return httpx.post(self.url + path, json=body)

    def invoice(self) -> Any:
        return httpx.get(f"{self.url}/invoice?detail=requests").json()


@contextmanager
def serving(**options: Any) -> Iterator[Served]:
    app = create_app(**options)
    config = uvicorn.Config(
        app, log_level="critical", lifespan="off", ws="none", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield Served(f"http://127.0.0.1:{listener.getsockname()[1]}", app)
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def serve() -> Callable[..., AbstractContextManager[Served]]:
    """Serve a provider on a free port; takes what `create_app` takes."""
    return serving


@pytest.fixture(scope="session")
def one_provider() -> Iterator[Served]:
    with serving(speed=1e6) as served:
        yield served


@pytest.fixture
def provider(one_provider: Served) -> Served:
    """A provider on a free port that answers at once, and that has sold nothing yet."""
    one_provider.app.shop = create_app(speed=1e6).shop
    return one_provider


@pytest.fixture
def hand_clock() -> Callable[..., HandClock]:
    return HandClock


@pytest.fixture
def by_hand() -> Callable[..., Any]:
    """Send one request to an application: `await by_hand(app, method, path, body)`."""
    return ask


@dataclass
class SmallPage:
    """`small_page.py`, served; `told` is what it has told in this test."""

    url: str
    told_file: Path
    told_before: int = 0

    @property
    def told(self) -> list[str]:
        return self.told_file.read_text(encoding="utf-8").splitlines()[self.told_before :]


@pytest.fixture(scope="session")
def one_small_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallPage]:
    folder = tmp_path_factory.mktemp("small_page")
    script = Path(__file__).with_name("small_page.py")
    (folder / "server.py").write_text(
        f"from streamlit.starlette import App\n\napp = App({str(script)!r})\n"
    )
    told_file = folder / "told"
    told_file.touch()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "server:app", "--fd", str(listener.fileno())],
            cwd=folder,
            env=os.environ | {"SMALL_PAGE_TELLS": str(told_file)},
            pass_fds=[listener.fileno()],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        wait_until(lambda: answers(f"{url}/_stcore/health"), "Streamlit did not start")
        yield SmallPage(url, told_file)
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def small_page(one_small_page: SmallPage) -> SmallPage:
    """A real Streamlit server with a small page, in a process of its own."""
    one_small_page.told_before = 0
    one_small_page.told_before = len(one_small_page.told)
    return one_small_page


def answers(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:  # not yet
        return False


def wait_until(come_true: Callable[[], bool], otherwise: str, seconds: float = 60.0) -> None:
    """Look again and again, for what another process does in its own time."""
    deadline = time.monotonic() + seconds
    while not come_true():
        assert time.monotonic() < deadline, otherwise
        threading.Event().wait(0.1)


@pytest.fixture(name="wait_until")
def wait_until_fixture() -> Callable[..., None]:
    return wait_until
