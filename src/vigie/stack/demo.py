"""The coaching application of `examples/coaching`, as components: what `vigie up --demo` adds."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import vigie
from vigie.catalogue.scrape import STORE
from vigie.settings import Service, Settings
from vigie.settings.sources import SERVICE_VARIABLE
from vigie.stack.components import (
    PYTHON,
    Component,
    address,
    of_costs,
    settings_environment,
    settled,
    url,
)
from vigie.stack.errors import RequestError
from vigie.stack.state import State

SOURCE = Path(vigie.__file__).parents[2] / "examples" / "coaching"

OPENAI_KEY = "OPENAI_API_KEY"
OPENAI_KEY_FILE = "OPENAI_API_KEY_FILE"
OPENAI_URL = "OPENAI_BASE_URL"
DATABASE_URL = "COACHING_DATABASE_URL"

BUSY = ("--users", "10", "--tokens-per-minute", "800")
"""How the traffic is for drills: enough of everything for most signals to be judged, and just below
the tokens at which Vigie warns."""


@dataclass(frozen=True, slots=True)
class Demo:
    """The components; the environment to start them in, from which secrets have been taken; and
    the address of the real AI provider, where each call costs money, if that is used."""

    components: list[Component]
    environ: Mapping[str, str]
    real_provider: str


def coaching(
    settings: Settings,
    state: State,
    environ: Mapping[str, str],
    *,
    source: Path = SOURCE,
    pace: float = 1,
    store: str = STORE,
) -> Demo:
    """Django, FastAPI and Streamlit, the provider's simulator, and the traffic.

    Where `environ` has an OpenAI key, the real provider is used, and there is no simulator and no
    traffic: synthetic chats are not worth real money. At a faster `pace` there is more traffic, and
    faults can be switched on. `store` is the component that keeps logs and traces. Raises
    RequestError when the example is not there, or the settings place one of its services elsewhere.
    """
    if not source.is_dir():
        raise RequestError(
            f"the demo is not there: {source} does not exist\n"
            "an installed Vigie does not hold it: run ./vigie up --demo in a clone of its "
            "repository"
        )
    place = _Place(settings, state, source, pace, store)
    key = environ.get(OPENAI_KEY)
    provider = f"http://{address(settings.here, settings.ports.simulator)}/v1"
    env = place.environment() | {OPENAI_URL: provider}
    if key:
        key_file = state.secret_file("openai_api_key")
        state.write(key_file, key)
        env |= {OPENAI_KEY_FILE: str(key_file)}
        env |= {OPENAI_URL: environ.get(OPENAI_URL, "https://api.openai.com/v1")}
    database = environ.get(DATABASE_URL)
    components = [
        place.django(env | ({DATABASE_URL: database} if database else {})),
        place.fastapi(env),
        place.streamlit(env),
    ]
    if not key:
        components = [place.simulator(), *components, place.traffic(env)]
    # The last one is a folder of somebody else's workers.
    taken = {*_DECIDING, "PROMETHEUS_MULTIPROC_DIR"}
    rest = {name: value for name, value in environ.items() if name not in taken}
    return Demo(components, rest, real_provider=env[OPENAI_URL] if key else "")


def asked_before(environ: Mapping[str, str], running: Iterable[Component]) -> dict[str, str]:
    """`environ`, with the provider and the database of the demo that runs in place of its own: what
    a demo talks to is decided with `--demo`, and by nobody in passing."""
    asked = {name: value for name, value in environ.items() if name not in _DECIDING}
    for one in running:
        if key_file := one.env.get(OPENAI_KEY_FILE):
            asked[OPENAI_KEY] = Path(key_file).read_text(encoding="utf-8")
            asked[OPENAI_URL] = one.env[OPENAI_URL]
        if database := one.env.get(DATABASE_URL):
            asked[DATABASE_URL] = database
    return asked


_DECIDING = (OPENAI_KEY, OPENAI_URL, DATABASE_URL)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the demo's parts are, and where they find each other."""

    settings: Settings
    state: State
    source: Path
    pace: float
    store: str

    def environment(self) -> dict[str, str]:
        """What the three services read (see their `environment.py`), secrets as files."""
        secret = self.state.secret("coaching_secret_key", lambda: secrets.token_urlsafe(48))
        here, ports = self.settings.here, self.settings.ports
        return {
            "COACHING_SECRET_KEY_FILE": str(secret),
            "COACHING_STATE": str(self.state.data("django")),
            "COACHING_ALLOWED_HOSTS": f"127.0.0.1,localhost,[::1],{address(here)}",
            "COACHING_DJANGO_URL": self.reached("django"),
            "COACHING_API_URL": self.reached("fastapi"),
            "COACHING_UI_URL": self.reached("streamlit"),
            "VIGIE_LOGS_URL": f"http://{address(here, ports.logs)}",
            "VIGIE_TRACES_URL": f"http://{address(here, ports.otlp)}",
            **({"COACHING_FAULTS": "1"} if self.pace > 1 else {}),
            **settings_environment(self.settings, self.state),
        }

    def simulator(self) -> Component:
        port = self.settings.ports.simulator
        here = address(self.settings.here, port)
        return Component(
            name="simulator",
            title="Simulator",
            purpose="the AI provider, OpenAI-compatible",
            command=(
                *(*PYTHON, "-m", "vigie.simulate"),
                *("--host", self.settings.bind, "--port", str(port)),
                *("--invoice", str(self.state.data("simulator") / "invoice.sqlite3")),
            ),
            cwd=str(self.state.folder),
            bind=self.settings.bind,
            port=port,
            setting="ports.simulator",
            url=url(self.settings.here, port),
            ready_url=f"http://{here}/health",
        )

    def django(self, env: Mapping[str, str]) -> Component:
        folder = self.source / "django_app"
        return self._service(
            "django",
            title="Django",
            purpose="users, login, training plans",
            folder=folder,
            env=env,
            prepare=(*PYTHON, "manage.py", "migrate", "--noinput", "--verbosity", "0"),
            command=(
                *(*PYTHON, "-m", "gunicorn", "--bind", self._listening("django")),
                *("--workers", "1", "--threads", "8", "coaching.wsgi:application"),
            ),
            health="/health/",
        )

    def fastapi(self, env: Mapping[str, str]) -> Component:
        return self._service(
            "fastapi",
            title="FastAPI",
            purpose="the AI: chat, plans, retrieval",
            folder=self.source / "api",
            env=env,
            command=self._uvicorn("api_service:app", "fastapi"),
            health="/health",
        )

    def streamlit(self, env: Mapping[str, str]) -> Component:
        return self._service(
            "streamlit",
            title="Streamlit",
            purpose="the coaching application's pages",
            folder=self.source / "ui",
            env=env,
            command=self._uvicorn("server:app", "streamlit"),
            health="/_stcore/health",
        )

    def traffic(self, env: Mapping[str, str]) -> Component:
        return Component(
            name="traffic",
            title="Traffic",
            purpose="simulated users",
            command=(
                *(*PYTHON, "-m", "vigie.simulate.traffic"),
                *("--django", self.reached("django")),
                *("--fastapi", self.reached("fastapi")),
                *("--streamlit", self.reached("streamlit")),
                *("--provider", env[OPENAI_URL].removesuffix("/v1")),
                *(("--pace", f"{self.pace:g}", *BUSY) if self.pace > 1 else ()),
            ),
            cwd=str(self.state.folder),
            after=("simulator", "django", "fastapi", "streamlit"),
        )

    def reached(self, name: str) -> str:
        """The address at which one service finds another: never a name that may resolve twice."""
        return f"http://{address(self.settings.here, self._of(name).port)}"

    def _service(
        self,
        name: str,
        *,
        title: str,
        purpose: str,
        folder: Path,
        env: Mapping[str, str],
        command: tuple[str, ...],
        health: str,
        prepare: tuple[str, ...] = (),
    ) -> Component:
        return Component(
            name=name,
            title=title,
            purpose=purpose,
            command=command,
            cwd=str(folder),
            env={**env, SERVICE_VARIABLE: name},
            bind=self.settings.bind,
            port=self._of(name).port,
            setting=f"services.{name}.url",
            url=self._of(name).url,
            ready_url=self.reached(name) + health,
            after=(self.store,),  # it logs from its first moment on
            prepare=prepare,
            settled=settled(*of_costs(self.settings)),
        )

    def _uvicorn(self, application: str, name: str) -> tuple[str, ...]:
        return (
            *(*PYTHON, "-m", "uvicorn", application),
            *("--host", self.settings.bind, "--port", str(self._of(name).port)),
            # Requests are measured, not written down.
            "--no-access-log",
            # Whoever still streams at the end is cut off.
            *("--timeout-graceful-shutdown", "2"),
        )

    def _listening(self, name: str) -> str:
        return address(self.settings.bind, self._of(name).port)

    def _of(self, name: str) -> Service:
        """The service as the settings have it; the demo can only run it on this machine."""
        service = self.settings.services.get(name)
        if service is None:
            raise RequestError(
                f"the demo runs {name}, but vigie.yml names no service {name}\n"
                f"name it: services: {{{name}: {{url: http://localhost:PORT}}}}"
            )
        if service.host not in ("localhost", "127.0.0.1", "::1", self.settings.here):
            raise RequestError(
                f"services.{name}.url is {service.url}, but the demo runs on this machine\n"
                f"write http://localhost:{service.port}, or leave out --demo"
            )
        return service
