"""The plug-in that lives in supervisord, with supervisord's own processes."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

# supervisor ships no types.
from supervisor import events  # type: ignore[import-untyped]
from supervisor.options import ProcessConfig  # type: ignore[import-untyped]
from supervisor.process import Subprocess  # type: ignore[import-untyped]
from supervisor.states import ProcessStates  # type: ignore[import-untyped]

from vigie.stack.deaths import LONGEST_PAUSE_SECONDS, Deaths


@pytest.fixture
def plugged_in() -> Iterator[Deaths]:
    """The plug-in; who hears supervisord's events is the process's own, not the test's."""
    before = list(events.callbacks)
    yield Deaths(None)
    events.callbacks[:] = before


@pytest.mark.parametrize(
    ("failures", "seconds"), [(1, 1), (12, 12), (30, 30), (31, 30), (5000, 30)]
)
def test_the_pause_before_the_next_start_grows_to_half_a_minute(
    plugged_in: Deaths, failures: int, seconds: int
) -> None:
    process = Subprocess(ProcessConfig(None, **dict.fromkeys(ProcessConfig.req_param_names, "x")))
    for _ in range(failures):
        process.change_state(ProcessStates.STARTING)
        process.change_state(ProcessStates.BACKOFF)
    assert process.delay - time.time() == pytest.approx(seconds, abs=0.9)
    assert process.backoff <= LONGEST_PAUSE_SECONDS  # so that it is never given up
