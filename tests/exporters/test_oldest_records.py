"""Since when lines and traces are kept, asked of the store and of engines that answer anything."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlsplit

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.registry import Collector

from running_store import served
from vigie.exporters.oldest_records import (
    OldestRecord,
    families,
    oldest_line,
    oldest_records,
    oldest_trace,
    reach,
)
from vigie.settings import load
from vigie.store.segments import Lines, LogStore, StoreLimits
from vigie.store.spans import Source, Span, SpanStore

pytestmark = pytest.mark.servers

NOW = datetime(2026, 11, 20, 11, 30, 0, 250_000, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
DAY = timedelta(days=1)
REACH = 20 * DAY


def ns(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // MICROSECOND * 1000


@dataclass
class Kept:
    """A store of lines and one of traces, with a clock that tests set, and where they answer."""

    logs: LogStore
    spans: SpanStore
    url: str
    clock: list[float]

    def line(self, at: datetime, **labels: str) -> None:
        stream = tuple(sorted((labels or {"service": "django", "level": "info"}).items()))
        self.logs.push([Lines(stream, [ns(at)], ["a line"], None, 6)]).result()

    def trace(self, at: datetime, lasts: timedelta = timedelta(seconds=1)) -> None:
        began = ns(at)
        one = Span(trace=f"{began:032x}", span="1" * 16, start=began, end=began + ns_of(lasts))
        self.spans.add([(Source({"service.name": "django"}), one)]).result()

    def flush(self) -> None:
        self.logs.flush()
        self.spans.flush()

    def expire(self, later: timedelta) -> None:
        """Let time pass, and drop what is too old then."""
        self.clock[0] += later.total_seconds()
        self.logs.expire()
        self.spans.expire()


def ns_of(span: timedelta) -> int:
    return span // MICROSECOND * 1000


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    """Empty stores that keep lines for 7 days and traces for 3."""
    clock = [NOW.timestamp()]
    with ExitStack() as stack:
        logs, spans = (
            stack.enter_context(
                closing(
                    kind(
                        tmp_path / kind.__name__,
                        StoreLimits(days * 86_400, idle_seconds=3600),
                        lambda: clock[0],
                    )
                )
            )
            for kind, days in ((LogStore, 7), (SpanStore, 3))
        )
        assert isinstance(spans, SpanStore)
        client = stack.enter_context(served(logs, spans))
        yield Kept(logs, spans, client.base, clock)


@pytest.mark.parametrize("in_segments", [False, True])
def test_the_oldest_line_is_told_to_the_microsecond(kept: Kept, in_segments: bool) -> None:
    first = NOW - 6 * DAY - 7 * MICROSECOND
    for at in (NOW - timedelta(hours=1), first, first + MICROSECOND, NOW - 2 * DAY):
        kept.line(at)
    if in_segments:
        kept.flush()
    assert oldest_line(kept.url, NOW, REACH) == first


def test_a_line_of_any_stream_may_be_the_oldest(kept: Kept) -> None:
    kept.line(NOW - DAY)
    kept.line(NOW - 2 * DAY, service_name="by OTLP")
    kept.line(NOW - 3 * DAY, app="by somebody else")
    kept.line(NOW - DAY / 2, zone="newer")
    assert oldest_line(kept.url, NOW, REACH) == NOW - 3 * DAY


@pytest.mark.parametrize("in_segments", [False, True])
def test_the_oldest_trace_is_told_to_the_second(kept: Kept, in_segments: bool) -> None:
    first = NOW - 2 * DAY - timedelta(seconds=4321)
    # A second's traces, and many more of that day and after it.
    for offset in (0, 0.4, 0.9, 2, 60, 3600, 7200, 40_000, 80_000, 100_000, 172_800):
        kept.trace(first + timedelta(seconds=offset))
    if in_segments:
        kept.flush()
    told = oldest_trace(kept.url, NOW, REACH)
    assert told is not None
    assert timedelta() <= told - first < timedelta(seconds=1)


def test_one_trace_alone_is_told_as_it_began(kept: Kept) -> None:
    for at in (NOW, NOW - timedelta(hours=5), NOW - 2 * DAY - MICROSECOND):
        kept.trace(at, lasts=timedelta(hours=3))
        assert oldest_trace(kept.url, NOW, REACH) == at


def test_what_retention_drops_is_no_longer_the_oldest(kept: Kept) -> None:
    for days in (6, 3, 0):
        kept.line(NOW - days * DAY)
    for days in (2, 1, 0):
        kept.trace(NOW - days * DAY)
    kept.flush()
    assert oldest_line(kept.url, NOW, REACH) == NOW - 6 * DAY
    assert oldest_trace(kept.url, NOW, REACH) == NOW - 2 * DAY
    kept.expire(3 * DAY)
    later = NOW + 3 * DAY
    assert oldest_line(kept.url, later, REACH) == NOW - 3 * DAY
    assert oldest_trace(kept.url, later, REACH) == NOW
    kept.expire(30 * DAY)
    assert oldest_line(kept.url, later, REACH) is None
    assert oldest_trace(kept.url, later, REACH) is None


def test_of_nothing_there_is_no_oldest(kept: Kept) -> None:
    assert oldest_line(kept.url, NOW, REACH) is None
    assert oldest_trace(kept.url, NOW, REACH) is None


def test_what_should_long_be_gone_is_found_as_far_back_as_alerts_need(kept: Kept) -> None:
    kept.line(NOW - 15 * DAY + MICROSECOND)
    kept.trace(NOW - 7 * DAY + timedelta(seconds=1))
    settings = load(environ={}, start=Path("/nonexistent"))
    logs, traces = oldest_records(settings, kept.url, kept.url)
    for record in (logs, traces):
        record.look(NOW)
    assert logs.oldest == NOW - 15 * DAY + MICROSECOND
    assert traces.oldest == NOW - 7 * DAY + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("limits", "days"),
    [
        ("{}", 15),  # twice 7 days, and one
        ('{retention_not_applied: {warning: ">150%", critical: ">400%"}}', 29),
        ('{retention_not_applied: {warning: ">1%", critical: ">2%"}}', 8),
    ],
)
def test_it_looks_as_far_back_as_the_highest_limit_and_a_day(
    tmp_path: Path, limits: str, days: int
) -> None:
    file = tmp_path / "vigie.yml"
    file.write_text(f"thresholds: {limits}\n", encoding="utf-8")
    settings = load(file, environ={})
    assert reach(settings, settings.retention.logs) == days * DAY


Answer: TypeAlias = "tuple[int, bytes | Iterator[bytes]]"
Asked: TypeAlias = "dict[str, str]"


@contextmanager
def engine(answer: Callable[[str, Asked], Answer]) -> Iterator[str]:
    """The address of an engine that answers a path and what is asked with what `answer` says."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            status, body = answer(asked.path, dict(parse_qsl(asked.query)))
            self.send_response(status)
            self.end_headers()
            try:
                for part in (body,) if isinstance(body, bytes) else body:
                    self.wfile.write(part)
            except OSError:
                pass  # whoever asked has left

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=[0.01])
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_no_question_is_longer_than_loki_and_tempo_allow() -> None:
    asked: list[tuple[str, Asked]] = []

    def nothing(path: str, query: Asked) -> Answer:
        asked.append((path, query))
        # As Loki says that there are no labels, and Tempo that there are no traces.
        return 200, json.dumps({"status": "success", "metrics": {}}).encode()

    with engine(nothing) as url:
        assert oldest_line(url, NOW, 100 * DAY) is None
        spans = [(int(one["start"]), int(one["end"])) for _, one in asked]
        assert {path for path, _ in asked} == {"/loki/api/v1/labels"}
        assert spans[0][0] == ns(NOW - 100 * DAY)
        assert spans[-1][1] == ns(NOW)
        assert all(end - start <= ns_of(30 * DAY) for start, end in spans)
        assert [end for _, end in spans[:-1]] == [start for start, _ in spans[1:]]
        asked.clear()
        assert oldest_trace(url, NOW, 10 * DAY) is None
        spans = [(int(one["start"]), int(one["end"])) for _, one in asked]
        assert spans[0][0] <= (NOW - 10 * DAY).timestamp()
        assert spans[-1][1] >= NOW.timestamp()
        assert all(end - start <= 86_400 for start, end in spans)
        assert [end for _, end in spans[:-1]] == [start for start, _ in spans[1:]]


def test_a_trace_that_only_shares_a_block_with_the_asked_time_is_not_taken_for_one_of_it() -> None:
    began = NOW - DAY

    def whole_blocks(_path: str, asked: Asked) -> Answer:
        if int(asked["end"]) < (NOW - 2 * DAY).timestamp():
            return 200, b'{"traces": [], "metrics": {}}'
        trace = {"traceID": "1", "startTimeUnixNano": str(ns(began))}
        return 200, json.dumps({"traces": [trace], "metrics": {}}).encode()

    with engine(whole_blocks) as url:
        assert oldest_trace(url, NOW, REACH) == began


def drops() -> Iterator[bytes]:
    yield b'{"data": '
    while True:
        threading.Event().wait(0.02)
        yield b" "


HOSTILE: dict[str, Callable[[], Answer]] = {
    "an error": lambda: (500, b"panic"),
    "a refusal": lambda: (400, b"the query time range exceeds the limit"),
    "no JSON": lambda: (200, b"<html>Sign in</html>"),
    "nothing": lambda: (200, b""),
    "a list": lambda: (200, b"[]"),
    "null": lambda: (200, b"null"),
    "a number": lambda: (200, b'{"data": 7, "traces": 7}'),
    "labels and traces that are none": lambda: (200, b'{"data": [{}], "traces": [{}]}'),
    "a time that is none": lambda: (
        200,
        b'{"data": {"result": [{"values": [["soon"]]}]}, "traces": [{"startTimeUnixNano": "x"}]}',
    ),
    "a time beyond the calendar": lambda: (
        200,
        b'{"data": ["a"], "traces": [{"startTimeUnixNano": "-99999999999999999999999"}]}',
    ),
    "brackets without end": lambda: (200, b"[" * 1_000_000),
    "no UTF-8": lambda: (200, b'{"data": "\xff'),
    "very much": lambda: (200, iter([b" " * (1 << 20)] * 64)),
    "a drop at a time": lambda: (200, drops()),
}


@pytest.mark.parametrize("what", HOSTILE)
@pytest.mark.parametrize("kind", [oldest_line, oldest_trace])
def test_an_answer_that_is_none_makes_the_oldest_unknown(
    what: str, kind: Callable[..., datetime | None]
) -> None:
    with engine(lambda _path, _asked: HOSTILE[what]()) as url:
        patience = timedelta(seconds=0.3 if what == "a drop at a time" else 60)
        record = OldestRecord("logs", lambda now: kind(url, now, REACH, patience))
        record.oldest = NOW
        record.look(NOW)
        assert Page(record).series == ['vigie_oldest_record_failed_looks{kind="logs"} 1.0']


def test_an_engine_that_takes_a_question_and_is_silent_is_not_waited_for() -> None:
    ended = threading.Event()

    def silence(_path: str, _asked: Asked) -> Answer:
        ended.wait(60)
        return 200, b"{}"

    with engine(silence) as url:
        try:
            with pytest.raises(OSError, match="timed out"):
                oldest_line(url, NOW, REACH, timedelta(seconds=0.2))
        finally:
            ended.set()


class Page(Collector):
    """What is exposed of records."""

    def __init__(self, *records: OldestRecord) -> None:
        self._records = records
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def collect(self) -> Any:
        return families(self._records)

    @property
    def series(self) -> list[str]:
        text = generate_latest(self._registry).decode()
        return [line for line in text.splitlines() if not line.startswith("#")]


def test_what_is_known_is_exposed_and_what_is_not_is_absent_and_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "vigie")
    told: list[datetime | Exception | None] = []

    def ask(_now: datetime) -> datetime | None:
        match told.pop(0):
            case Exception() as error:
                raise error
            case moment:
                return moment

    record = OldestRecord("logs", ask)
    page, now = Page(record), NOW

    def look(answer: datetime | Exception | None, later: timedelta) -> list[str]:
        nonlocal now
        now += later
        told[:] = [answer]
        record.look(now)
        return ["not asked"] if told else page.series

    known = 'vigie_oldest_record_timestamp_seconds{kind="logs"} 1.79517420025e+09'
    failed = 'vigie_oldest_record_failed_looks{kind="logs"} '
    away = ConnectionRefusedError("Connection refused")
    soon, later = timedelta(seconds=30), timedelta(minutes=5)
    assert page.series == []
    assert look(None, timedelta()) == [failed + "0.0"]
    assert look(away, soon / 2) == ["not asked"]
    assert look(away, soon / 2) == [failed + "1.0"]
    assert caplog.messages == []  # an engine may be starting
    assert look(NOW, soon) == [known, failed + "0.0"]
    assert look(away, later - soon) == ["not asked"]
    assert look(away, soon) == [failed + "1.0"]
    assert look(away, soon) == [failed + "2.0"]
    assert look(away, soon) == [failed + "3.0"]
    assert look(NOW, soon) == [known, failed + "0.0"]
    assert look(None, later) == [failed + "0.0"]
    assert caplog.messages == [
        "nobody tells how old the oldest of the logs is: Connection refused",
        "how old the oldest of the logs is, is told again",
    ]


def test_at_a_pace_it_asks_so_many_times_more_often() -> None:
    asked: list[datetime] = []

    def ask(now: datetime) -> datetime:
        asked.append(now)
        return now

    record = OldestRecord("traces", ask, pace=20)
    for seconds in (0, 14, 15, 29, 30):
        record.look(NOW + timedelta(seconds=seconds))
    assert [(at - NOW).total_seconds() for at in asked] == [0, 15, 30]


def test_a_clock_that_was_set_back_delays_nothing() -> None:
    asked: list[datetime] = []

    def ask(now: datetime) -> datetime:
        asked.append(now)
        return now

    record = OldestRecord("logs", ask)
    record.look(NOW)
    record.look(NOW - DAY)
    assert asked == [NOW, NOW - DAY]
