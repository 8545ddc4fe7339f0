"""A receiver, `logging` as it was before each test, and a function that sets it up for it."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from record_receiver import RecordReceiver, receiving
from vigie.instrument import logs


@pytest.fixture
def receiver() -> Iterator[RecordReceiver]:
    with receiving() as running:
        yield running


@pytest.fixture
def set_up(
    registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., logging.Logger]]:
    """A function that calls `logs.setup`, and returns a logger; undone behind the test."""
    monkeypatch.delenv("VIGIE_LOGS_URL", raising=False)

    def start(service: str = "django", **more: Any) -> logging.Logger:
        logs.setup(service, registry=registry, **more)
        return logging.getLogger("coaching.test")

    yield start
    logs.shutdown()
