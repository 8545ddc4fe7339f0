"""What every HTTP service of ours is watched for; Django and FastAPI differ in the prefix only."""

from dataclasses import dataclass

from vigie.catalogue.metric import Label, Metric, counter, gauge, histogram

METHOD = Label(
    "method",
    values=("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"),
)
ENDPOINT = Label("endpoint", cap=200)
STATUS = Label("status", cap=60)
EXCEPTION = Label("exception", cap=50)

REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

UNMATCHED = "unmatched"
"""The one `endpoint` of all requests whose path is no route of the application."""

CANCELLED = "499"
"""The `status` of a request that its client gave up before the answer was whole (nginx's code)."""


@dataclass(frozen=True, slots=True)
class HttpMetrics:
    """The metrics of one kind of HTTP service."""

    requests: Metric
    duration: Metric
    in_progress: Metric
    exceptions: Metric


def http_metrics(prefix: str, title: str) -> HttpMetrics:
    """The four families of an HTTP service, their names starting with `prefix`."""
    return HttpMetrics(
        requests=counter(
            f"{prefix}_requests_total",
            f"HTTP requests that {title} answered, by route template and status code.",
            METHOD,
            ENDPOINT,
            STATUS,
        ),
        duration=histogram(
            f"{prefix}_request_duration_seconds",
            f"Seconds from {title}'s first sight of a request to the last byte of its answer.",
            METHOD,
            ENDPOINT,
            buckets=REQUEST_BUCKETS,
        ),
        in_progress=gauge(
            f"{prefix}_requests_in_progress", f"HTTP requests that {title} is answering now."
        ),
        exceptions=counter(
            f"{prefix}_exceptions_total",
            f"Exceptions that left {title}'s own code unhandled.",
            ENDPOINT,
            EXCEPTION,
            rare=True,
        ),
    )
