"""A FastAPI application that is measured, and what must be true after each test."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from vigie import catalogue
from vigie.instrument.asgi import PrometheusMiddleware
from vigie.instrument.meters import meters


@pytest.fixture
def app(registry: CollectorRegistry) -> FastAPI:
    measured = FastAPI()
    measured.add_middleware(PrometheusMiddleware, registry=registry)
    return measured


@pytest.fixture(autouse=True)
def nothing_stays_in_progress(registry: CollectorRegistry) -> Iterator[None]:
    """Whatever a test does, the gauge is at zero after it."""
    yield
    (in_progress,) = meters(registry)[catalogue.fastapi.HTTP.in_progress].collect()
    assert [sample.value for sample in in_progress.samples] == [0.0]
