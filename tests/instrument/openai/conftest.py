"""A scripted provider whose clients are all watched."""

from collections.abc import Iterator

import httpx
import pytest
from prometheus_client import CollectorRegistry

from scripted_provider import Provider, http_of_the_sdk
from vigie.instrument.openai import instrument, uninstrument


@pytest.fixture
def provider() -> Iterator[Provider]:
    """The provider behind the SDK's own HTTP library."""
    registry = CollectorRegistry()
    instrument(registry=registry)
    yield Provider(http_of_the_sdk(), registry)
    uninstrument()


@pytest.fixture(params=["its own", "httpx"])
def any_provider(request: pytest.FixtureRequest) -> Iterator[Provider]:
    """The provider behind each of the HTTP libraries that the SDK takes."""
    registry = CollectorRegistry()
    instrument(registry=registry)
    yield Provider(httpx if request.param == "httpx" else http_of_the_sdk(), registry)
    uninstrument()
