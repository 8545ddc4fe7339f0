"""What tests of several rooms stand on: free ports and a real PostgreSQL."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from postgresql_server import running_postgresql


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files of this folder first: they take longest, and two run side by side."""
    items.sort(key=lambda item: item.path.parent != Path(__file__).parent)


@pytest.fixture(scope="session", autouse=True)
def home_of_no_one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """No test writes to the home of whoever runs it, even where it names no state folder."""
    folder = tmp_path_factory.mktemp("home")
    before = os.environ.get("VIGIE_STATE")
    os.environ["VIGIE_STATE"] = str(folder)
    yield folder
    if before is None:
        del os.environ["VIGIE_STATE"]
    else:
        os.environ["VIGIE_STATE"] = before


@pytest.fixture
def free_port() -> Callable[[], int]:
    """A function that names a port on which nothing listens."""

    def choose() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    return choose


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real PostgreSQL server, for the length of the session."""
    with running_postgresql(tmp_path_factory.mktemp("postgresql")) as url:
        yield url
