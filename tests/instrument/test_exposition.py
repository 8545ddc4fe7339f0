from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from vigie import catalogue
from vigie.instrument.exposition import exposition
from vigie.instrument.meters import meters

OPEN_METRICS = "application/openmetrics-text; version=1.0.0"


def test_no_created_series_whoever_made_the_metric(registry: CollectorRegistry) -> None:
    Counter("theirs_total", "Somebody else's.", registry=registry).inc()
    Histogram("their_seconds", "Somebody else's.", registry=registry).observe(1)
    meters(registry)[catalogue.openai.REQUESTS].child("m", "chat", "ok").inc()
    for accept in ("", OPEN_METRICS):
        text, _ = exposition(accept, registry)
        assert b"theirs_total 1.0" in text
        assert b'openai_requests_total{model="m",operation="chat",status="ok"} 1.0' in text
        assert b"_created" not in text


def test_a_gauge_that_is_called_created_stays(registry: CollectorRegistry) -> None:
    Gauge("plan_created", "When the plan was made.", registry=registry).set(5)
    assert b"\nplan_created 5.0\n" in exposition("", registry)[0]


def test_the_format_is_the_one_that_the_scraper_prefers(registry: CollectorRegistry) -> None:
    meters(registry)[catalogue.coaching.RAG_QUERIES]
    text, content_type = exposition("", registry)
    assert content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert b"# TYPE rag_queries_total counter" in text
    text, content_type = exposition(OPEN_METRICS, registry)
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert b"# TYPE rag_queries counter" in text
    assert text.endswith(b"# EOF\n")


def test_every_metric_of_the_catalogue_is_exposed_under_its_name_and_help(
    registry: CollectorRegistry, exposed: Callable[..., dict[str, float]]
) -> None:
    for metric in catalogue.metrics():
        meters(registry)[metric].child(*("v" for _ in metric.labels))
    text = exposition("", registry)[0].decode()
    for metric in catalogue.metrics():
        assert f"# HELP {metric.name} {metric.help}\n" in text
        assert f"# TYPE {metric.name} {metric.kind.value}\n" in text
