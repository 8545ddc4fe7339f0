"""The coaching application as it is run: real processes, on free ports, with the simulator."""

import os
import re
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from types import ModuleType
from typing import Any

import httpx
import pytest
import uvicorn

from vigie.simulate.provider import create_app

EXAMPLE = Path(__file__).parents[2] / "examples" / "coaching"
PASSWORD = "Marathon-de-Paris-2026"
READY = re.compile(r"(?:Listening at:|Uvicorn running on) (http://\S+?:\d+)")


class Service:
    """A process whose output is read line by line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._addresses: Queue[str] = Queue()
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.url = self._addresses.get(timeout=60)
        if not self.url:
            raise RuntimeError("the service ended:\n" + "".join(self.lines))

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self.lines.append(line)
            if found := READY.search(line):
                self._addresses.put(found[1])
        self._addresses.put("")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)
        self._reader.join()


@contextmanager
def running(folder: str, command: list[str], environ: dict[str, str]) -> Iterator[Service]:
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=EXAMPLE / folder,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        service = Service(process)
        yield service
        service.stop()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


@dataclass
class Athlete:
    """A user who is logged in."""

    id: int
    username: str
    access: str
    refresh: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access}"}


class Application:
    """Starts the services with settings of a test's own; they end with the fixture."""

    def __init__(self, folder: Path, provider_url: str, stack: ExitStack) -> None:
        self.secret_file = folder / "coaching.key"
        self.secret_file.write_text(secrets.token_urlsafe(48) + "\n")
        self._folder = folder
        self._stack = stack
        self._clients: dict[str, httpx.Client] = {}
        self.environ = {
            **{name: value for name, value in os.environ.items() if "OPENAI" not in name},
            "COACHING_SECRET_KEY_FILE": str(self.secret_file),
            "COACHING_STATE": str(folder),
            "OPENAI_BASE_URL": f"{provider_url}/v1",
        }

    @property
    def secret(self) -> str:
        return self.secret_file.read_text().strip()

    def start_django(self, **environ: str) -> Service:
        environ = {**self.environ, **environ}
        self.manage("migrate", "--noinput", **environ)
        command = ["gunicorn", "--bind", "127.0.0.1:0", "--workers", "1", "--threads", "8"]
        service = self._start("django_app", [*command, "coaching.wsgi:application"], environ)
        self.environ["COACHING_DJANGO_URL"] = service.url
        return service

    def start_api(self, **environ: str) -> Service:
        command = ["uvicorn", "api_service:app", "--host", "127.0.0.1", "--port", "0"]
        service = self._start("api", command, {**self.environ, **environ})
        self.environ["COACHING_API_URL"] = service.url
        return service

    def start_ui(self) -> Service:
        command = ["uvicorn", "server:app", "--host", "127.0.0.1", "--port", "0"]
        return self._start("ui", command, self.environ)

    def _start(self, folder: str, command: list[str], environ: dict[str, str]) -> Service:
        return self._stack.enter_context(running(folder, command, environ))

    def manage(self, *arguments: str, **environ: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=EXAMPLE / "django_app",
            env={**self.environ, **environ},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    @property
    def django(self) -> httpx.Client:
        return self._client("COACHING_DJANGO_URL")

    @property
    def api(self) -> httpx.Client:
        return self._client("COACHING_API_URL")

    def _client(self, variable: str) -> httpx.Client:
        url = self.environ[variable]
        if url not in self._clients:
            client = httpx.Client(base_url=url, timeout=60)
            self._clients[url] = self._stack.enter_context(client)
        return self._clients[url]

    def new_athlete(self, username: str = "") -> Athlete:
        username = username or f"athlete-{secrets.token_hex(4)}"
        credentials = {"username": username, "password": PASSWORD}
        created = self.django.post("/api/v1/auth/register/", json=credentials)
        assert created.status_code == 201, created.text
        tokens = self.django.post("/api/v1/auth/login/", json=credentials).json()
        return Athlete(created.json()["id"], username, tokens["access"], tokens["refresh"])

    def shell(self, code: str) -> str:
        """Run code in Django, as an administrator would."""
        return self.manage("shell", "--no-imports", "-c", code)


@pytest.fixture(scope="session")
def provider() -> Iterator[httpx.Client]:
    """The simulated provider, thirty times faster than the real one; healthy."""
    server = uvicorn.Server(uvicorn.Config(create_app(speed=30), log_level="error", lifespan="off"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with httpx.Client(base_url=url, timeout=30) as client:
            yield client
        server.should_exit = True
        thread.join()


@pytest.fixture
def faults(provider: httpx.Client) -> Iterator[Callable[..., None]]:
    """A function that makes the provider ill until the test is over."""

    def make_ill(**faults: Any) -> None:
        provider.post("/faults", json=faults).raise_for_status()

    yield make_ill
    provider.delete("/faults").raise_for_status()


@pytest.fixture
def unstarted(tmp_path: Path, provider: httpx.Client) -> Iterator[Application]:
    """An application of the test's own, of which nothing runs yet."""
    with ExitStack() as stack:
        yield Application(tmp_path, str(provider.base_url).rstrip("/"), stack)


@pytest.fixture(scope="session")
def application(
    tmp_path_factory: pytest.TempPathFactory, provider: httpx.Client
) -> Iterator[Application]:
    """Django and FastAPI, shared by the tests that leave them as they were."""
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("coaching")
        whole = Application(folder, str(provider.base_url).rstrip("/"), stack)
        whole.start_django()
        whole.start_api()
        yield whole


@pytest.fixture
def athlete(application: Application) -> Athlete:
    return application.new_athlete()


@pytest.fixture
def module_of(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], ModuleType]]:
    """A function that imports a module as its service does: from the service's own folder."""
    before = set(sys.modules)

    def load(service: str, name: str) -> ModuleType:
        monkeypatch.syspath_prepend(str(EXAMPLE / service))
        return __import__(name, fromlist=["*"])

    yield load
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(EXAMPLE)):
            del sys.modules[name]
