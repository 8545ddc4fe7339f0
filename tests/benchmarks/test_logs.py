"""The comparison of log calls compares what it says."""

import json
import logging
import time

import pytest

import logs as benchmark


# The SDK's own handler, in favour of the same one in a package that few have.
@pytest.mark.filterwarnings("ignore:`LoggingHandler`:DeprecationWarning")
@pytest.mark.servers
def test_each_contender_can_take_its_turn() -> None:
    pytest.importorskip("pythonjsonlogger")
    with benchmark.contenders(time.process_time) as contenders:
        for contender in contenders:
            assert contender.run(3) > 0
    assert len({contender.name for contender in contenders}) == len(contenders) == 8


def test_the_event_has_the_fields_that_are_promised() -> None:
    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            kept.append(record)

    from vigie.instrument.logs import JsonFormatter

    kept: list[logging.LogRecord] = []
    benchmark.logging_to(Keep())()
    line = json.loads(JsonFormatter("fastapi").format(kept[0]))
    assert {name: line[name] for name in benchmark.FIELDS if name != "level"} == {
        name: value for name, value in benchmark.FIELDS.items() if name != "level"
    }
