"""Since when lines and traces are kept: whoever keeps them is asked now and then.

Only Loki's and Tempo's public HTTP APIs are used, so it does not matter whether the embedded store
answers or they do. Who asks has a thread for it (`OldestRecord.look`); a scrape is answered with
what was told last. What could not be asked is not known: its series is gone until it is told again,
and `OLDEST_RECORD_FAILED_LOOKS` says so.
"""

from __future__ import annotations

import json
import logging
import math
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from prometheus_client.core import GaugeMetricFamily

from vigie.catalogue.signals.telemetry import RETENTION_NOT_APPLIED
from vigie.catalogue.telemetry import OLDEST_RECORD, OLDEST_RECORD_FAILED_LOOKS
from vigie.settings import Settings

log = logging.getLogger("vigie")

ASK_EVERY = timedelta(minutes=5)
ASK_AGAIN = timedelta(seconds=30)
"""How often is asked while nothing is known: an engine starts, or has not been told anything."""
PATIENCE = timedelta(seconds=60)
"""How long one look may take, whatever its pace."""

_SAID_AT = 2
"""So many looks in a row fail before it is logged: at a start, one may."""
_ANSWER_SECONDS = 10.0
_LARGEST_ANSWER = 8 << 20
_LONGEST_LOG_QUERY = timedelta(days=30)
"""Loki's `max_query_length` is an hour more."""
_LONGEST_SEARCH = timedelta(days=1)
"""Tempo's `search.max_duration` is a week."""
_MARGIN = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NS = 10**9

# The engines are this machine's: what is set for the web's proxies is not for them.
_WITHOUT_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class OldestRecord:
    """The oldest record of one kind, as last told.

    `ask` says it as of a time: None where nothing is kept; it may raise anything. `pace` divides
    the time between looks. `failed_looks` is how many in a row failed; None before the first.
    """

    def __init__(
        self, kind: str, ask: Callable[[datetime], datetime | None], pace: float = 1
    ) -> None:
        self.kind = kind
        self.oldest: datetime | None = None
        self.failed_looks: int | None = None
        self._ask = ask
        self._pace = pace
        self._asked: datetime | None = None

    def look(self, now: datetime) -> None:
        """Ask, if it is time."""
        every = (ASK_AGAIN if self.oldest is None else ASK_EVERY) / self._pace
        if self._asked is not None and abs(now - self._asked) < every:
            return
        self._asked = now
        failed = self.failed_looks or 0
        try:
            self.oldest = self._ask(now)
        except Exception as error:  # an answer may be anything
            self.oldest = None
            self.failed_looks = failed + 1
            if self.failed_looks == _SAID_AT:
                log.warning("nobody tells how old the oldest of the %s is: %s", self.kind, error)
            return
        if failed >= _SAID_AT:
            log.info("how old the oldest of the %s is, is told again", self.kind)
        self.failed_looks = 0


def oldest_records(
    settings: Settings, logs: str, traces: str, pace: float = 1
) -> tuple[OldestRecord, OldestRecord]:
    """Those of the lines that are kept at the address `logs`, and of the traces at `traces`."""
    kept = settings.retention
    of_lines, of_traces = reach(settings, kept.logs), reach(settings, kept.traces)
    return (
        OldestRecord("logs", lambda now: oldest_line(logs, now, of_lines), pace),
        OldestRecord("traces", lambda now: oldest_trace(traces, now, of_traces), pace),
    )


def reach(settings: Settings, retention: timedelta) -> timedelta:
    """How far back is looked: as far as it takes for the alert of the highest limit, and a day.

    What is older than that has the age that the reach has, or is not seen if nothing came after.
    """
    limits = settings.thresholds[RETENTION_NOT_APPLIED.name]
    return retention * max(1.0, limits.warning or 0, limits.critical or 0) + _MARGIN


def families(records: Iterable[OldestRecord]) -> Iterator[GaugeMetricFamily]:
    """What is known, as metrics; what is not known, and what nothing is kept of, has no series."""
    oldest, failed = (
        GaugeMetricFamily(metric.name, metric.help, labels=metric.label_names)
        for metric in (OLDEST_RECORD, OLDEST_RECORD_FAILED_LOOKS)
    )
    for record in records:
        if (known := record.oldest) is not None:
            oldest.add_metric([record.kind], known.timestamp())
        if record.failed_looks is not None:
            failed.add_metric([record.kind], record.failed_looks)
    yield oldest
    yield failed


def oldest_line(
    base_url: str, now: datetime, reach: timedelta, patience: timedelta = PATIENCE
) -> datetime | None:
    """When the oldest line of the time `reach` before `now` is from, by Loki's API; None: none.

    Each stream has a label, and a selector has to name one: Loki says which there are. Raises what
    the connection and the answer give reason to.
    """
    loki = _Engine(base_url, patience)

    def first(label: str, start: int, end: int) -> int | None:
        found = loki.ask(
            "/loki/api/v1/query_range",
            query=f'{{{label}=~".+"}}',
            start=start,
            end=end,
            direction="forward",
            limit=1,
        )["data"]["result"]
        return min((int(at) for stream in found for at, *_ in stream["values"]), default=None)

    longest = _LONGEST_LOG_QUERY // timedelta(seconds=1) * _NS
    for start, end in _windows(_nanoseconds(now - reach), _nanoseconds(now), longest):
        earliest: int | None = None
        # Where there is nothing, Loki leaves `data` out.
        for label in loki.ask("/loki/api/v1/labels", start=start, end=end).get("data") or ():
            before = end if earliest is None else earliest
            if before > start and (at := first(label, start, before)) is not None:
                earliest = at if earliest is None else min(at, earliest)
        if earliest is not None:
            return _moment(earliest)
    return None


def oldest_trace(
    base_url: str, now: datetime, reach: timedelta, patience: timedelta = PATIENCE
) -> datetime | None:
    """When the oldest trace of the time `reach` before `now` began, by Tempo's API; None: none.

    Tempo tells any trace of a span of time, not its first. So it is asked day by day, then half by
    half: none is older than the one that is told by more than a second. Raises what the connection
    and the answer give reason to.
    """
    tempo = _Engine(base_url, patience)

    def some(start: int, end: int) -> int | None:
        """When one of the traces between these seconds began, in nanoseconds."""
        asked = tempo.ask("/api/search", q="{}", start=start, end=end, limit=1, spss=1)
        began = [int(one["startTimeUnixNano"]) for one in asked.get("traces") or ()]
        return min(began, default=None)

    since, until = math.floor((now - reach).timestamp()), math.ceil(now.timestamp())
    for lower, upper in _windows(since, until, _LONGEST_SEARCH // timedelta(seconds=1)):
        if (began := some(lower, upper)) is not None:
            return _moment(_first(some, lower, began))
    return None


def _first(some: Callable[[int, int], int | None], lower: int, began: int) -> int:
    """When the first one began, none being older than `lower`; `began` is when one of them did."""
    while (upper := -(-began // _NS)) - lower > 1:
        middle = (lower + upper) // 2
        at = some(lower, middle)
        if at is None or at >= began:  # Tempo may tell one that only shares a block with that time
            lower = middle
        else:
            began = at
    return began


class _Engine:
    """Answers in JSON, and all that it is asked within `patience`."""

    def __init__(self, base_url: str, patience: timedelta) -> None:
        self._base_url = base_url
        self._until = time.monotonic() + patience.total_seconds()

    def ask(self, path: str, **asked: str | int) -> Any:
        """What it answers; a status that is no success is an `OSError`."""
        url = f"{self._base_url}{path}?{urlencode(asked)}"
        with _WITHOUT_PROXY.open(url, timeout=min(self._left(), _ANSWER_SECONDS)) as answer:
            body = b""
            while part := answer.read1(1 << 16):
                body += part
                self._left()
                if len(body) > _LARGEST_ANSWER:
                    raise ValueError(f"{path} answers with more than {_LARGEST_ANSWER} bytes")
        return json.loads(body)

    def _left(self) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("it takes too long to answer")
        return left


def _windows(start: int, end: int, longest: int) -> Iterator[tuple[int, int]]:
    """The time from `start` to `end` in parts, the oldest first."""
    while start < end:
        yield start, min(start + longest, end)
        start += longest


def _nanoseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def _moment(nanoseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=nanoseconds // 1000)
