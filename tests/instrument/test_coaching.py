"""The application's own metrics."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry, Counter

from vigie.instrument.coaching import (
    track_coaching_session,
    track_rag_query,
    track_training_plan,
)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def test_a_session_is_counted_with_its_length(registry: CollectorRegistry) -> None:
    track_coaching_session("web_user", 90.0, registry=registry)
    track_coaching_session("web_user", -3.0, registry=registry)
    labels = {"user_type": "web_user"}
    assert registry.get_sample_value("coaching_sessions_total", labels) == 2
    assert registry.get_sample_value("coaching_session_duration_seconds_count", labels) == 2
    assert registry.get_sample_value("coaching_session_duration_seconds_sum", labels) == 90


def test_ten_thousand_user_types_leave_a_bounded_number_of_series(
    registry: CollectorRegistry,
) -> None:
    for number in range(10_000):
        track_coaching_session(f"user {number}", 1.0, registry=registry)
    families = {family.name: family for family in registry.collect()}
    sessions = [s for s in families["coaching_sessions"].samples if s.name.endswith("_total")]
    assert len(sessions) == 21
    other = registry.get_sample_value("coaching_sessions_total", {"user_type": "other"})
    assert other == 10_000 - 20


def plans(registry: CollectorRegistry) -> dict[str, float | None]:
    name = "training_plan_generation_seconds_count"
    return {
        status: registry.get_sample_value(name, {"status": status})
        for status in ("ok", "error", "other")
    }


def test_a_plan_is_timed_by_its_outcome(registry: CollectorRegistry) -> None:
    with track_training_plan(registry=registry):
        pass
    with pytest.raises(ZeroDivisionError), track_training_plan(registry=registry):
        _ = 1 / 0
    assert plans(registry) == {"ok": 1, "error": 1, "other": None}


def test_a_cancelled_plan_is_no_error(registry: CollectorRegistry) -> None:
    with pytest.raises(asyncio.CancelledError), track_training_plan(registry=registry):
        raise asyncio.CancelledError
    assert plans(registry) == {"ok": 0, "error": 0, "other": 1}


def test_a_tracker_decorates_a_function_too(registry: CollectorRegistry) -> None:
    @track_training_plan(registry=registry)
    def write() -> str:
        return "plan"

    assert [write(), write()] == ["plan", "plan"]
    assert plans(registry)["ok"] == 2


def test_a_search_is_a_hit_a_miss_or_an_error(registry: CollectorRegistry) -> None:
    for hits in (3, 1, 0):
        with track_rag_query(registry=registry) as query:
            query.hits = hits
    with pytest.raises(KeyError), track_rag_query(registry=registry):
        raise KeyError
    counted = {
        status: registry.get_sample_value("rag_queries_total", {"status": status})
        for status in ("hit", "miss", "error")
    }
    assert counted == {"hit": 2, "miss": 1, "error": 1}
    assert registry.get_sample_value("rag_query_duration_seconds_count") == 4


def test_a_registry_that_is_taken_breaks_nothing() -> None:
    registry = CollectorRegistry()
    Counter("coaching_sessions", "somebody else's", registry=registry)
    track_coaching_session("web_user", 1.0, registry=registry)
