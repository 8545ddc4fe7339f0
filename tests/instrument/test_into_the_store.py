"""The store, in Loki's and Tempo's seats, keeps what is sent and finds it again."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import CollectorRegistry

from running_store import Client, opened, opened_spans, served
from vigie.instrument import logs, traces

pytestmark = pytest.mark.servers


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Client]:
    with (
        opened(tmp_path / "logs") as lines,
        opened_spans(tmp_path / "traces") as spans,
        served(lines, spans) as client,
    ):
        yield client


def counted(store: Client, query: str) -> dict[str, int]:
    """The values of a metric query by their labels' values."""
    result = store.get("/loki/api/v1/query", query=query).json["data"]["result"]
    return {" ".join(each["metric"].values()): int(each["value"][1]) for each in result}


@pytest.mark.parametrize(
    ("path", "stream"), [("", '{service="django"}'), ("/otlp/v1/logs", '{service_name="django"}')]
)
def test_lines_are_found_by_their_fields(
    store: Client, registry: CollectorRegistry, path: str, stream: str
) -> None:
    logs.setup("django", to=store.base + path, stdout=False, registry=registry)
    log = logging.getLogger("coaching.test")
    for number in range(3000):
        log.info("Repas %s n=%d", "réussi" if number % 3 else "manqué", number)
    log.error("Broken")
    logs.shutdown()
    assert counted(store, f"sum(count_over_time({stream}[5m]))") == {"": 3001}
    assert counted(store, f'sum(count_over_time({stream} |= "réussi" [5m]))') == {"": 2000}
    late = f"sum by (event) (count_over_time({stream} | json | n >= 2990 [5m]))"
    assert counted(store, late) == {"Repas": 10}
    errors = f'sum(count_over_time({stream} | json | level="error" [5m]))'
    assert counted(store, errors) == {"": 1}


def test_a_trace_is_found_by_its_id(store: Client, registry: CollectorRegistry) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    traces.setup("django", to=store.base, provider=provider, registry=registry)
    tracer = provider.get_tracer("test")
    with tracer.start_as_current_span("outer") as outer, tracer.start_as_current_span("inner"):
        trace_id = f"{outer.get_span_context().trace_id:032x}"
    traces.shutdown()
    found = store.get(f"/api/traces/{trace_id}")
    assert found.status == 200
    assert '"outer"' in found.text
    assert '"inner"' in found.text
    asked = store.get("/api/search", q='{ resource.service.name = "django" }').json["traces"]
    assert [trace["rootTraceName"] for trace in asked] == ["outer"]
