import gc
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType, ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from vigie import catalogue
from vigie.catalogue.metric import AcrossWorkers, Label, Metric, counter, gauge, histogram
from vigie.instrument.cells import under_lock
from vigie.instrument.http import HttpMeters
from vigie.instrument.meters import Counter, Histogram, Meters, meters
from vigie.instrument.workers import Memory, WorkerFolder

Exposed = Callable[..., dict[str, float]]

CLOSED = counter("closed_total", "Two closed labels.", Label("a", ("x", "y")), Label("b", ("z",)))
CAPPED = counter("capped_total", "One capped label.", Label("user", cap=3))
MIXED = counter("mixed_total", "Both.", Label("kind", ("x", "y")), Label("user", cap=3))


def test_a_registry_has_one_set_of_instruments_however_often_it_is_asked(
    registry: CollectorRegistry,
) -> None:
    assert meters(registry) is meters(registry)
    assert meters(registry)[CAPPED] is meters(registry)[CAPPED]
    assert meters(registry)[CAPPED].child("u") is meters(registry)[CAPPED].child("u")
    assert meters(CollectorRegistry()) is not meters(registry)


def test_series_of_closed_labels_exist_from_the_start(
    registry: CollectorRegistry, exposed: Exposed
) -> None:
    meters(registry)[CLOSED]
    assert exposed() == {"closed_total{a=x,b=z}": 0.0, "closed_total{a=y,b=z}": 0.0}


def test_a_metric_without_labels_exists_from_the_start(
    registry: CollectorRegistry, exposed: Exposed
) -> None:
    meters(registry)[gauge("plain", "No label.")]
    assert exposed() == {"plain": 0.0}


def test_a_value_outside_a_closed_set_is_other(
    registry: CollectorRegistry, exposed: Exposed
) -> None:
    meters(registry)[CLOSED].child("w", "z").inc()
    assert exposed()["closed_total{a=other,b=z}"] == 1.0


def test_values_beyond_a_cap_are_other_and_those_below_it_stay(
    registry: CollectorRegistry, exposed: Exposed
) -> None:
    for user in ("a", "b", "c", "d", "e", "a"):
        meters(registry)[CAPPED].child(user).inc()
    assert exposed() == {
        "capped_total{user=a}": 2.0,
        "capped_total{user=b}": 1.0,
        "capped_total{user=c}": 1.0,
        "capped_total{user=other}": 2.0,
    }


def test_a_wrong_number_of_values_is_an_error_that_names_the_labels(
    registry: CollectorRegistry,
) -> None:
    with pytest.raises(ValueError, match=r"^mixed_total takes \('kind', 'user'\), not \('x',\)$"):
        meters(registry)[MIXED].child("x")


def test_a_counter_does_not_fall(registry: CollectorRegistry, exposed: Exposed) -> None:
    child = meters(registry)[CAPPED].child("a")
    with pytest.raises(ValueError, match=r"^a counter only rises: -1$"):
        child.inc(-1)
    assert exposed() == {"capped_total{user=a}": 0.0}


def test_a_gauge_rises_falls_and_is_set(registry: CollectorRegistry, exposed: Exposed) -> None:
    child = meters(registry)[gauge("level", "A level.")].child()
    child.set(7)
    child.inc(2)
    child.dec()
    assert exposed() == {"level": 8.0}


def test_an_event_on_a_buckets_bound_is_in_that_bucket(
    registry: CollectorRegistry, exposed: Exposed
) -> None:
    child = meters(registry)[histogram("wait_seconds", "Waits.", buckets=(0.5, 1.0))].child()
    for seconds in (0.25, 0.5, 0.75, 1.0, 3.0):
        child.observe(seconds)
    assert exposed() == {
        "wait_seconds_bucket{le=0.5}": 2.0,
        "wait_seconds_bucket{le=1.0}": 4.0,
        "wait_seconds_bucket{le=+Inf}": 5.0,
        "wait_seconds_count": 5.0,
        "wait_seconds_sum": 5.5,
    }


@given(st.lists(st.tuples(st.text(), st.text(), st.integers(0, 9))))
def test_whatever_the_labels_nothing_is_lost_and_series_stay_few(
    events: list[tuple[str, str, int]],
) -> None:
    registry = CollectorRegistry()
    mixed = meters(registry)[MIXED]
    for kind, user, amount in events:
        mixed.child(kind, user).inc(amount)
    (family,) = mixed.collect()
    assert sum(sample.value for sample in family.samples) == sum(event[2] for event in events)
    assert len(family.samples) <= (2 + 1) * (3 + 1)
    assert {sample.labels["kind"] for sample in family.samples} <= {"x", "y", "other"}


def bytes_held_by(root: object) -> int:
    """What an object and all that it leads to take, but for classes, functions and modules."""
    shared = (type, FunctionType, ModuleType)
    held, seen, size = [root], {id(root)}, 0
    while held:
        size += sys.getsizeof(held[-1])
        for found in gc.get_referents(held.pop()):
            if id(found) not in seen and not isinstance(found, shared):
                seen.add(id(found))
                held.append(found)
    return size


@pytest.mark.servers  # for its seconds
@pytest.mark.parametrize(
    "metric",
    [
        pytest.param(catalogue.fastapi.HTTP.requests, id="paths"),
        pytest.param(catalogue.coaching.SESSIONS, id="users"),
        pytest.param(catalogue.openai.REQUEST_DURATION, id="models"),
    ],
)
def test_100000_paths_users_and_models_leave_few_series_and_no_more_memory(
    registry: CollectorRegistry, exposed: Exposed, metric: Metric
) -> None:
    meter = meters(registry)[metric]

    def count(numbers: range) -> None:
        for number in numbers:
            child = meter.child(*(f"{label.name}-{number}" for label in metric.labels))
            child.inc() if isinstance(child, Counter) else child.observe(1.0)

    count(range(1000))  # past every cap
    series, size = set(exposed()), bytes_held_by(meter)
    count(range(1000, 100_000))
    assert set(exposed()) == series
    assert bytes_held_by(meter) < size + 1000
    of_each = len(metric.buckets) + 3 if metric.buckets else 1
    assert len(series) <= of_each * (sum(label.cap for label in metric.labels) + 1)


@pytest.fixture
def impatient() -> Iterator[None]:
    """Threads that are changed as often as can be."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.parametrize("where", ["memory", "file"])
def test_threads_that_contend_lose_no_event(
    registry: CollectorRegistry, exposed: Exposed, impatient: None, tmp_path: Path, where: str
) -> None:
    mine = Meters(registry, WorkerFolder(tmp_path) if where == "file" else Memory())
    http = HttpMeters(catalogue.fastapi.HTTP, mine)
    start = threading.Barrier(4)

    def serve() -> None:
        start.wait()
        for number in range(10_000):
            http.in_progress.inc()
            http.tally("GET", f"/{number % 20}", 200).add(0.5)
            mine[CAPPED].child("all").inc(2)

    threads = [threading.Thread(target=serve) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    series = exposed()
    endpoints = [f"/{number}" for number in range(20)]
    for endpoint in endpoints:
        labels = f"endpoint={endpoint},method=GET"
        assert series[f"fastapi_requests_total{{{labels},status=200}}"] == 2000.0
        assert series[f"fastapi_request_duration_seconds_count{{{labels}}}"] == 2000.0
        assert series[f"fastapi_request_duration_seconds_sum{{{labels}}}"] == 1000.0
    assert series["fastapi_requests_in_progress"] == 0.0
    assert series["capped_total{user=all}"] == 80_000.0


def test_without_a_gil_each_update_has_a_lock(impatient: None) -> None:
    total = [0]

    @under_lock
    def slow_increment() -> None:
        before = total[0]
        for _ in range(20):  # where threads may change
            pass
        total[0] = before + 1

    threads = [
        threading.Thread(target=lambda: [slow_increment() for _ in range(2000)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert total == [8000]


def test_a_gauge_is_brought_up_to_date_at_each_scrape(
    registry: CollectorRegistry, exposed: Exposed
) -> None:
    level = meters(registry)[gauge("level", "A level.")].child()
    meters(registry).before_scrape("level", level.inc)
    assert [exposed()["level"], exposed()["level"]] == [1.0, 2.0]


def test_a_refresh_that_fails_is_counted_and_the_others_are_done(
    registry: CollectorRegistry, exposed: Exposed
) -> None:
    level = meters(registry)[gauge("level", "A level.")].child()
    meters(registry).before_scrape("broken", lambda: 1 / 0)  # type: ignore[arg-type,return-value]
    meters(registry).before_scrape("level", level.inc)
    assert exposed("level") == {"level": 1.0}
    assert exposed("vigie") == {"vigie_internal_errors_total{where=refresh:broken}": 2.0}


def test_a_latest_gauge_and_all_other_kinds_can_be_made(registry: CollectorRegistry) -> None:
    for across in AcrossWorkers:
        meters(registry)[gauge(f"g_{across}", "A gauge.", across_workers=across)].child().set(3)
    for metric in catalogue.metrics():
        assert meters(registry)[metric].metric is metric
    assert isinstance(
        meters(registry)[catalogue.openai.REQUEST_DURATION].child("m", "chat"), Histogram
    )
