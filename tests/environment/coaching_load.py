"""What comes to the coaching application beside the demo's own traffic, at rates that can be set.

Floors of events are reached by it, and attacks are a part of it. It is bounded: whoever does not
answer is not asked more and more.
"""

from __future__ import annotations

import asyncio
import http.client
import secrets
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import httpx

from coaching_application import PASSWORD
from vigie.simulate.streamlit_session import StreamlitError, StreamlitSession

# As in vigie.simulate.visitors, which cannot be imported here: locust would patch this process.
USERNAME, PASSWORD_FIELD = "Nom d'utilisateur / Username", "Mot de passe / Password"
LOG_IN, PLANS, COACH = "Se connecter / Log in", "Plans", "Coach"

UNPRICED_MODEL = "coach-internal-1"

_MOST_AT_ONCE = 40
_QUESTION = "Comment se construit une séance de fractionné ?"
_LONG_QUESTION = " ".join([_QUESTION] * 80)


@dataclass
class Load:
    """Requests a second, by what is asked; a rate of 0 is silence."""

    django: str
    fastapi: str
    streamlit: str
    asks: float = 0.0
    """Answered from the documents, by a model that has a price."""
    unpriced_chats: float = 0.0
    """Long questions to a model that has none."""
    long_chats: float = 0.0
    """Long questions of one conversation, which the model is told again each time."""
    knocks: float = 0.0
    """Requests to FastAPI without a token: cheap, and refused."""
    bad_logins: float = 0.0
    looks: bool = False
    """Whether somebody goes to and fro between the screen's pages."""
    _username: str = field(init=False)
    _token: str = field(init=False)
    _conversation: str | None = field(init=False, default=None)

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """It comes, from an account of its own, until the block ends."""
        self._log_in()
        ended = threading.Event()
        threads = [threading.Thread(target=lambda: asyncio.run(self._go_on(ended)))]
        if self.looks:
            threads.append(threading.Thread(target=self._look, args=[ended]))
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            ended.set()
            for thread in threads:
                thread.join()

    async def _ask(self, client: httpx.AsyncClient) -> None:
        await self._coach(client, "ask", {"question": _QUESTION})

    async def _unpriced_chat(self, client: httpx.AsyncClient) -> None:
        await self._coach(client, "chat", {"message": _LONG_QUESTION, "model": UNPRICED_MODEL})

    async def _long_chat(self, client: httpx.AsyncClient) -> None:
        said = {"message": _LONG_QUESTION, "session_id": self._conversation}
        answered = await self._coach(client, "chat", said)
        if answered.is_success:
            self._conversation = answered.json()["session_id"]

    async def _knock(self, client: httpx.AsyncClient) -> None:
        await client.post(f"{self.fastapi}/api/v1/ask", json={"question": _QUESTION})

    async def _bad_login(self, client: httpx.AsyncClient) -> None:
        guessed = {"username": f"somebody-{secrets.token_hex(4)}", "password": "123456"}
        await client.post(f"{self.django}/api/v1/auth/login/", json=guessed)

    async def _coach(self, client: httpx.AsyncClient, path: str, body: object) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._token}"}
        return await client.post(f"{self.fastapi}/api/v1/{path}", json=body, headers=headers)

    def _log_in(self) -> None:
        self._username = f"athlete-{secrets.token_hex(4)}"
        credentials = {"username": self._username, "password": PASSWORD}
        with httpx.Client(base_url=self.django, timeout=60) as client:
            client.post("/api/v1/auth/register/", json=credentials).raise_for_status()
            answered = client.post("/api/v1/auth/login/", json=credentials).raise_for_status()
            self._token = answered.json()["access"]

    async def _go_on(self, ended: threading.Event) -> None:
        acts: dict[str, Callable[[httpx.AsyncClient], Awaitable[None]]] = {
            "asks": self._ask,
            "unpriced_chats": self._unpriced_chat,
            "long_chats": self._long_chat,
            "knocks": self._knock,
            "bad_logins": self._bad_login,
        }
        limits = httpx.Limits(max_connections=None)
        async with (
            httpx.AsyncClient(timeout=60, limits=limits) as client,
            asyncio.TaskGroup() as group,
        ):
            for name, act in acts.items():
                group.create_task(self._again_and_again(name, act, client, ended))

    async def _again_and_again(
        self,
        name: str,
        act: Callable[[httpx.AsyncClient], Awaitable[None]],
        client: httpx.AsyncClient,
        ended: threading.Event,
    ) -> None:
        under_way: set[asyncio.Task[None]] = set()

        async def once() -> None:
            with suppress(httpx.HTTPError):
                await act(client)

        while not ended.is_set():
            rate = getattr(self, name)
            if rate and len(under_way) < _MOST_AT_ONCE:
                task = asyncio.create_task(once())
                under_way.add(task)
                task.add_done_callback(under_way.discard)
            await asyncio.sleep(1 / rate if rate else 0.2)
        for task in under_way:
            task.cancel()

    def _look(self, ended: threading.Event) -> None:
        while not ended.is_set():
            session = StreamlitSession(self.streamlit, run_seconds=20)
            try:
                session.open()
                session.write(USERNAME, self._username)
                session.write(PASSWORD_FIELD, PASSWORD)
                session.press(LOG_IN)
                while not ended.is_set():
                    for page in (PLANS, COACH):
                        session.go(page)
                        ended.wait(1)
            except StreamlitError:
                ended.wait(1)
            finally:
                session.close()


def scan_paths(url: str, clients: range, paths: int = 20) -> None:
    """Ask for so many paths that do not exist from each of these addresses, 127.0.0.N."""
    host, port = url.removeprefix("http://").split(":")
    for number in clients:
        address = (f"127.0.0.{number}", 0)
        connection = http.client.HTTPConnection(host, int(port), 30, source_address=address)
        for path in range(paths):
            connection.request("GET", f"/wp-{number}-{path}.php")
            connection.getresponse().read()
        connection.close()
