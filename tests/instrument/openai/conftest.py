"""A scripted provider whose clients are all watched."""

from collections.abc import Iterator

import httpx
import httpx2
import pytest
from prometheus_client import CollectorRegistry

from scripted_provider import Provider
from vigie.instrument.openai import instrument, uninstrument


@pytest.fixture
def provider() -> Iterator[Provider]:
    """The provider behind httpx2, the SDK's own HTTP client since version 3."""
    registry = CollectorRegistry()
    instrument(registry=registry)
    yield Provider(httpx2, registry)
    uninstrument()


@pytest.fixture(params=[httpx2, httpx], ids=["httpx2", "httpx"])
def any_provider(request: pytest.FixtureRequest) -> Iterator[Provider]:
    """The provider behind each of the HTTP clients that the SDK takes."""
    registry = CollectorRegistry()
    instrument(registry=registry)
    yield Provider(request.param, registry)
    uninstrument()
