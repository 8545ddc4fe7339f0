from collections import Counter
from dataclasses import replace

import pytest

from vigie import catalogue
from vigie.catalogue.metric import Emitter, Kind, Label, Metric, counter, gauge, histogram
from vigie.catalogue.signal import Unit
from vigie.catalogue.signals import BY_NAME, SIGNALS

BY_METRIC = {metric.name: metric for metric in catalogue.metrics()}
OURS = [metric for metric in catalogue.metrics() if metric.emitter is Emitter.APPLICATION]

COUNTER, GAUGE, HISTOGRAM = Kind.COUNTER, Kind.GAUGE, Kind.HISTOGRAM
# What all rooms agree on: docs/reference is rendered from the catalogue, this is what it must hold.
PROMISED = {
    "django_requests_total": (COUNTER, "method endpoint status"),
    "fastapi_requests_total": (COUNTER, "method endpoint status"),
    "django_request_duration_seconds": (HISTOGRAM, "method endpoint"),
    "fastapi_request_duration_seconds": (HISTOGRAM, "method endpoint"),
    "django_requests_in_progress": (GAUGE, ""),
    "fastapi_requests_in_progress": (GAUGE, ""),
    "django_exceptions_total": (COUNTER, "endpoint exception"),
    "fastapi_exceptions_total": (COUNTER, "endpoint exception"),
    "django_auth_failures_total": (COUNTER, "reason"),
    "django_auth_successes_total": (COUNTER, "method"),
    "django_active_users": (GAUGE, ""),
    "security_events_total": (COUNTER, "service pattern"),
    "django_db_connections_active": (GAUGE, "alias"),
    "django_db_connections_max": (GAUGE, "alias"),
    "django_db_query_duration_seconds": (HISTOGRAM, "alias operation"),
    "django_db_errors_total": (COUNTER, "alias kind"),
    "openai_requests_total": (COUNTER, "model operation status"),
    "openai_request_duration_seconds": (HISTOGRAM, "model operation"),
    "openai_time_to_first_token_seconds": (HISTOGRAM, "model"),
    "openai_tokens_total": (COUNTER, "model type"),
    "openai_cost_total": (COUNTER, "model currency source"),
    "openai_unpriced_tokens_total": (COUNTER, "model type"),
    "openai_rate_limit_remaining": (GAUGE, "model kind"),
    "coaching_sessions_total": (COUNTER, "user_type"),
    "coaching_session_duration_seconds": (HISTOGRAM, "user_type"),
    "training_plan_generation_seconds": (HISTOGRAM, "status"),
    "rag_queries_total": (COUNTER, "status"),
    "rag_query_duration_seconds": (HISTOGRAM, ""),
    "interservice_requests_total": (COUNTER, "source target status"),
    "interservice_request_duration_seconds": (HISTOGRAM, "source target"),
    "streamlit_page_load_seconds": (HISTOGRAM, "page"),
    "streamlit_active_sessions": (GAUGE, ""),
    "streamlit_websocket_connections": (GAUGE, ""),
    "streamlit_chat_messages_total": (COUNTER, "role"),
    "streamlit_ui_errors_total": (COUNTER, "page exception"),
    "streamlit_memory_bytes": (GAUGE, ""),
    "container_restarts_total": (COUNTER, "name"),
    "container_state": (GAUGE, "name state"),
    "database_connections_active": (GAUGE, "database engine"),
    "database_connections_max": (GAUGE, "database engine"),
    "database_query_duration_seconds": (HISTOGRAM, "database engine"),
    "database_deadlocks_total": (COUNTER, "database engine"),
    "probe_success": (GAUGE, "source target"),
    "probe_duration_seconds": (GAUGE, "source target"),
    "vigie_internal_errors_total": (COUNTER, "where"),
    "vigie_dropped_records_total": (COUNTER, "where"),
}
CLOSED_SETS = {
    ("django_auth_failures_total", "reason"): "bad_credentials missing_token expired_token "
    "invalid_token inactive_user forbidden throttled",
    ("security_events_total", "pattern"): "brute_force credential_stuffing token_replay path_scan",
    ("django_db_errors_total", "kind"): "deadlock timeout connection",
    ("openai_requests_total", "status"): "ok rate_limited timeout cancelled client_error "
    "server_error",
    ("openai_tokens_total", "type"): "input output cached_input reasoning",
    ("openai_cost_total", "source"): "provider computed estimated",
    ("openai_rate_limit_remaining", "kind"): "requests tokens",
    ("rag_queries_total", "status"): "hit miss error",
    ("interservice_requests_total", "status"): "ok timeout refused client_error server_error",
    ("database_deadlocks_total", "engine"): "postgresql mssql",
}


def test_no_two_metrics_have_the_same_name() -> None:
    counted = Counter(metric.name for metric in catalogue.metrics())
    assert [name for name, times in counted.items() if times > 1] == []


def test_no_family_hides_another_in_the_exposition() -> None:
    """A histogram `x` takes the names x_bucket, x_count and x_sum, a counter `x_total` takes x."""
    taken = Counter[str]()
    for metric in catalogue.metrics():
        name = metric.name.removesuffix("_total")
        suffixes = {
            COUNTER: ("", "_total"),
            GAUGE: ("",),
            HISTOGRAM: ("", "_bucket", "_sum", "_count"),
        }
        taken.update(name + suffix for suffix in suffixes[metric.kind])
    assert [name for name, times in taken.items() if times > 1] == []


@pytest.mark.parametrize("name", PROMISED)
def test_a_promised_metric_is_there_with_its_type_and_labels(name: str) -> None:
    kind, labels = PROMISED[name]
    assert BY_METRIC[name].kind is kind
    assert BY_METRIC[name].label_names == tuple(labels.split())


@pytest.mark.parametrize(("name", "label"), CLOSED_SETS)
def test_a_promised_set_of_label_values_is_closed(name: str, label: str) -> None:
    (found,) = (found for found in BY_METRIC[name].labels if found.name == label)
    assert found.values == tuple(CLOSED_SETS[name, label].split())


@pytest.mark.parametrize(
    ("name", "thresholds"),
    [
        ("django_request_duration_seconds", (0.5, 1.0)),
        ("fastapi_request_duration_seconds", (0.5, 1.0)),
        ("openai_request_duration_seconds", (3.0, 10.0)),
        ("openai_time_to_first_token_seconds", (3.0, 10.0)),
        ("streamlit_page_load_seconds", (2.0, 5.0)),
    ],
)
def test_thresholds_are_bounds_of_buckets_so_that_none_is_interpolated(
    name: str, thresholds: tuple[float, ...]
) -> None:
    assert set(thresholds) <= set(BY_METRIC[name].buckets)


@pytest.mark.parametrize("metric", OURS, ids=lambda metric: metric.name)
def test_names_and_helps_are_as_prometheus_wants_them(metric: Metric) -> None:
    assert metric.name == metric.name.lower()
    assert not metric.name.endswith(("_count", "_sum", "_bucket", "_created", "_milliseconds"))
    assert metric.help.endswith(".")
    assert metric.kind is not HISTOGRAM or metric.name.endswith("_seconds")


@pytest.mark.parametrize("metric", OURS, ids=lambda metric: metric.name)
def test_every_label_is_bounded(metric: Metric) -> None:
    for label in metric.labels:
        assert label.values or 0 < label.cap <= 200
        assert "other" not in label.values, "it is what is outside of the set"


@pytest.mark.parametrize(
    ("name", "unit", "bad_when", "warning", "critical"),
    [
        ("django_response_time", Unit.SECONDS, ">", 0.5, 1.0),
        ("fastapi_openai_latency", Unit.SECONDS, ">", 3.0, 10.0),
        ("streamlit_page_load", Unit.SECONDS, ">", 2.0, 5.0),
        ("service_uptime", Unit.RATIO, "<", 0.99, 0.95),
        ("database_connections", Unit.RATIO, ">", 0.80, 0.95),
        ("openai_daily_cost", Unit.MONEY, ">", 50.0, 100.0),
        ("openai_token_rate", Unit.PER_MINUTE, ">", 1000.0, 2000.0),
        ("auth_failure_rate", Unit.PER_MINUTE, ">", 10.0, 50.0),
        ("memory_available", Unit.RATIO, "<", 0.20, 0.10),
    ],
)
def test_a_signals_thresholds_are_those_that_were_asked_for(
    name: str, unit: Unit, bad_when: str, warning: float, critical: float
) -> None:
    signal = BY_NAME[name]
    assert (signal.unit, signal.bad_when.value) == (unit, bad_when)
    assert (signal.warning, signal.critical) == (warning, critical)


def test_every_signal_has_a_name_of_its_own() -> None:
    assert len(BY_NAME) == len(SIGNALS)


def test_a_signal_whose_critical_limit_is_not_beyond_its_warning_is_refused() -> None:
    below = BY_NAME["service_uptime"]
    with pytest.raises(ValueError, match=r"^service_uptime: critical is not beyond warning$"):
        replace(below, warning=0.9, critical=0.95)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: counter("x", "H."), r"^x: a counter's name, and no other, ends in _total$"),
        (
            lambda: gauge("x_total", "H."),
            r"^x_total: a counter's name, and no other, ends in _total$",
        ),
        (
            lambda: histogram("x", "H.", buckets=()),
            r"^x: a histogram, and nothing else, has buckets$",
        ),
        (lambda: histogram("x", "H.", buckets=(2, 1)), r"^x: buckets rise: \(2, 1\)$"),
    ],
)
def test_a_metric_that_prometheus_would_misread_is_refused(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()  # type: ignore[operator] # a lambda


def test_labels_are_told_in_the_order_of_their_definition() -> None:
    assert counter("x_total", "H.", Label("b"), Label("a")).label_names == ("b", "a")
