"""What every HTTP service counts of a request, in as few steps as can be."""

from __future__ import annotations

from bisect import bisect_left

from vigie.catalogue.http import CANCELLED, METHOD, HttpMetrics
from vigie.instrument.cells import indivisible
from vigie.instrument.meters import Counter, Gauge, Histogram, Meters

__all__ = ["CANCELLED", "HttpMeters", "Tally", "is_method"]


class HttpMeters:
    """The four families of one HTTP service, for the life of a request.

    `in_progress.inc()` when it begins; then either `tally(…).add(seconds)` when it has been
    answered, or `in_progress.dec()` if it is not to be counted at all.
    """

    def __init__(self, http: HttpMetrics, meters: Meters) -> None:
        self.in_progress: Gauge = meters[http.in_progress].child()
        self._requests = meters[http.requests]
        self._durations = meters[http.duration]
        self._exceptions = meters[http.exceptions]

    def tally(self, method: str, endpoint: str, status: int | str) -> Tally:
        """What counts the requests that were answered so.

        `endpoint` is a route's template, `status` a code or CANCELLED. The tally
        may be kept and used again, if `is_method(method)`: a client can make up ever new others.
        """
        return Tally(
            self.in_progress,
            self._requests.child(method, endpoint, str(status)),
            self._durations.child(method, endpoint),
        )

    def count_exception(self, endpoint: str, error: BaseException) -> None:
        """Count an exception that left the service's own code."""
        self._exceptions.child(endpoint, type(error).__name__).inc()


def is_method(method: str) -> bool:
    """Whether it is one of HTTP's own methods; all others are counted as one."""
    return method in METHOD.values


class Tally:
    """The series of one method, endpoint and status, added to together."""

    __slots__ = (
        "_bounds",
        "_buckets_at",
        "_duration",
        "_durations",
        "_gauges",
        "_in_progress_at",
        "_request_at",
        "_requests",
        "_seconds_at",
    )

    def __init__(self, in_progress: Gauge, request: Counter, duration: Histogram) -> None:
        self._gauges, self._in_progress_at = in_progress.cells, in_progress.at
        self._requests, self._request_at = request.cells, request.at
        self._duration = duration
        self._durations, self._seconds_at = duration.cells, duration.sum_at
        self._bounds, self._buckets_at = duration.bounds, duration.buckets_at

    def seen_in(self, trace_id: str, seconds: float) -> None:
        """Remember the trace of a request that took so long; nothing where it has none."""
        self._duration.seen_in(trace_id, seconds)

    @indivisible
    def add(self, seconds: float) -> None:
        """Count one request that is over, and took so long."""
        bucket_at = self._buckets_at[bisect_left(self._bounds, seconds)]
        durations = self._durations.values
        durations[self._seconds_at] += seconds
        durations[bucket_at] += 1.0
        self._requests.values[self._request_at] += 1.0
        self._gauges.values[self._in_progress_at] -= 1.0
