"""A scripted provider whose clients are all watched."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry

from scripted_provider import Provider, http_of_the_sdk
from vigie.instrument.ledger import ledger_writer
from vigie.instrument.openai import instrument, uninstrument


@pytest.fixture(autouse=True)
def settings_of_a_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The environment of a watched service: its ledger is in the folder, its costs in dollars."""
    monkeypatch.setenv("VIGIE_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("VIGIE_CURRENCY__CODE", "USD")
    return tmp_path / "state"


@pytest.fixture
def provider() -> Iterator[Provider]:
    """The provider behind the SDK's own HTTP library."""
    registry = CollectorRegistry()
    instrument(registry=registry)
    yield Provider(http_of_the_sdk(), registry)
    ended(registry)


@pytest.fixture(params=["its own", "httpx"])
def any_provider(request: pytest.FixtureRequest) -> Iterator[Provider]:
    """The provider behind each of the HTTP libraries that the SDK takes."""
    registry = CollectorRegistry()
    instrument(registry=registry)
    yield Provider(httpx if request.param == "httpx" else http_of_the_sdk(), registry)
    ended(registry)


def ended(registry: CollectorRegistry) -> None:
    """Put all back, and end the ledger's thread: it would look for the next test's ledger."""
    uninstrument()
    ledger_writer(registry).close(within_seconds=0)
