"""The coaching application for tests: its real processes, on free ports."""

import os
import re
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

EXAMPLE = Path(__file__).parents[2] / "examples" / "coaching"
PASSWORD = "Marathon-de-Paris-2026"
READY = re.compile(r"(?:Listening at:|Uvicorn running on) (http://\S+?:\d+)")


class Service:
    """A process whose output is read line by line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lines: list[str] = []
        self._ended = False
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.url = self.line_with(READY)[1]

    def line_with(self, pattern: str | re.Pattern[str]) -> re.Match[str]:
        """The first line, written already or yet to come, in which the pattern is found."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._ended or self._find(pattern), timeout=60):
                raise TimeoutError(f"no line with {pattern} in:\n{self.output}")
        found = self._find(pattern)
        if found is None:
            raise RuntimeError(f"the service ended without a line with {pattern}:\n{self.output}")
        return found

    @property
    def output(self) -> str:
        return "".join(self._lines)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)
        self._reader.join()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            with self._changed:
                self._lines.append(line)
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _find(self, pattern: str | re.Pattern[str]) -> re.Match[str] | None:
        return next((found for line in self._lines if (found := re.search(pattern, line))), None)


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
    with process:
        try:
            service = Service(process)
            try:
                yield service
            except BaseException:
                print(service.output)  # pytest shows it with the failure
                raise
            service.stop()
        finally:
            process.kill()


@contextmanager
def nobody() -> Iterator[str]:
    """The address of a port that is taken, but on which nobody listens."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{silent.getsockname()[1]}"


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
    """The services, started one by one; they end with the stack."""

    def __init__(self, folder: Path, provider_url: str, stack: ExitStack) -> None:
        secret_file = folder / "coaching.key"
        self.secret = secrets.token_urlsafe(48)
        secret_file.write_text(self.secret + "\n")
        self._stack = stack
        self.environ = {
            **{name: value for name, value in os.environ.items() if "OPENAI" not in name},
            "COACHING_SECRET_KEY_FILE": str(secret_file),
            "COACHING_STATE": str(folder),
            "VIGIE_STATE": str(folder / "vigie"),
            "OPENAI_BASE_URL": f"{provider_url}/v1",
        }
        self.django: httpx.Client
        self.api: httpx.Client
        self.services: dict[str, Service] = {}

    def start_django(self, *, migrated: bool = True, **environ: str) -> None:
        self.environ |= environ
        if migrated:
            self.manage("migrate", "--noinput")
        command = ["gunicorn", "--bind", "127.0.0.1:0", "--workers", "1", "--threads", "8"]
        self.django = self._start("django_app", [*command, "coaching.wsgi:application"])
        self.environ["COACHING_DJANGO_URL"] = str(self.django.base_url)

    def start_api(self, **environ: str) -> None:
        self.environ |= environ
        self.api = self._start("api", _uvicorn("api_service:app"))
        self.environ["COACHING_API_URL"] = str(self.api.base_url)

    def start_ui(self) -> httpx.Client:
        return self._start("ui", _uvicorn("server:app"))

    @contextmanager
    def another_api(self, **environ: str) -> Iterator[httpx.Client]:
        """One more FastAPI, with settings of its own."""
        with (
            running("api", _uvicorn("api_service:app"), self.environ | environ) as service,
            httpx.Client(base_url=service.url, timeout=60) as client,
        ):
            yield client

    def manage(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=EXAMPLE / "django_app",
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def shell(self, code: str) -> str:
        """Run code in Django, as an administrator would."""
        return self.manage("shell", "--no-imports", "-c", code)

    def new_athlete(self) -> Athlete:
        username = f"athlete-{secrets.token_hex(4)}"
        credentials = {"username": username, "password": PASSWORD}
        created = self.django.post("/api/v1/auth/register/", json=credentials)
        assert created.status_code == 201, created.text
        tokens = self.django.post("/api/v1/auth/login/", json=credentials).json()
        return Athlete(created.json()["id"], username, tokens["access"], tokens["refresh"])

    def _start(self, folder: str, command: list[str]) -> httpx.Client:
        service = self._stack.enter_context(running(folder, command, self.environ))
        self.services[folder] = service
        return self._stack.enter_context(httpx.Client(base_url=service.url, timeout=60))


def _uvicorn(app: str) -> list[str]:
    return ["uvicorn", app, "--host", "127.0.0.1", "--port", "0"]
