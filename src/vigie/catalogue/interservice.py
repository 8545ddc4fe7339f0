"""Calls between our own services, measured by the caller."""

from vigie.catalogue.metric import Label, counter, histogram

CALLER = Label("source", cap=20)
CALLED = Label("target", cap=20)

REQUESTS = counter(
    "interservice_requests_total",
    "Calls from one service to another, by outcome.",
    CALLER,
    CALLED,
    Label("status", values=("ok", "timeout", "refused", "client_error", "server_error")),
)
REQUEST_DURATION = histogram(
    "interservice_request_duration_seconds",
    "Seconds from a call's start to the last byte of its answer, as the caller waited.",
    CALLER,
    CALLED,
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
