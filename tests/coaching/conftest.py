"""The coaching application as it is run, with the simulated provider."""

import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
import uvicorn

from coaching_application import EXAMPLE, Application, Athlete
from vigie.simulate.provider import create_app


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
