import asyncio
import logging
from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry, Counter

from vigie.instrument.guard import count_failure, guarded
from vigie.instrument.meters import meters

Exposed = Callable[..., dict[str, float]]


def test_what_fails_in_a_guarded_block_is_counted_and_goes_no_further(
    registry: CollectorRegistry, exposed: Exposed
) -> None:
    for _ in range(2):
        with guarded("here", meters(registry)):
            raise RuntimeError
    assert exposed() == {"vigie_internal_errors_total{where=here}": 2.0}


def test_what_works_in_a_guarded_block_leaves_nothing(
    registry: CollectorRegistry, exposed: Exposed
) -> None:
    with guarded("here", meters(registry)):
        pass
    assert exposed() == {}


@pytest.mark.parametrize("passing", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_who_wants_to_stop_is_not_stopped(
    registry: CollectorRegistry, passing: type[BaseException]
) -> None:
    with pytest.raises(passing), guarded("here", meters(registry)):
        raise passing


def test_the_first_failure_of_a_place_is_logged_with_its_traceback_the_rest_are_counted(
    registry: CollectorRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(3):
        count_failure("a place of this test", RuntimeError(f"number {number}"), meters(registry))
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.getMessage() == (
        "vigie failed in a place of this test; the request went on, later failures are only counted"
    )
    assert "number 0" in caplog.text


def test_a_registry_that_cannot_count_failures_leaves_them_in_the_log(
    registry: CollectorRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    Counter("vigie_internal_errors_total", "Somebody else's.", registry=registry)
    with guarded("another place of this test", meters(registry)):
        raise RuntimeError
    assert "vigie could not count a failure in another place of this test" in caplog.text
