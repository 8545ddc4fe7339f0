"""What tests of several rooms stand on: free ports and a real PostgreSQL."""

import socket
from collections.abc import Callable, Iterator

import pytest

from postgresql_server import running_postgresql


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
