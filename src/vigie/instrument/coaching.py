"""What coaching itself does: sessions, training plans, answers with retrieval.

    with track_training_plan():
        plan = write_plan(…)

    with track_rag_query() as query:
        documents = search(…)
        query.hits = len(documents)

None of these raises by itself; what the block raises passes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from prometheus_client import REGISTRY, CollectorRegistry

from vigie.catalogue import coaching as catalogue
from vigie.catalogue.metric import OTHER
from vigie.instrument.guard import guarded
from vigie.instrument.meters import meters

__all__ = ["RagQuery", "track_coaching_session", "track_rag_query", "track_training_plan"]

_WHERE = "coaching"


@dataclass(slots=True)
class RagQuery:
    """A search in the training documents; set `hits` to the number found."""

    hits: int = 0


def track_coaching_session(
    user_type: str, duration: float, *, registry: CollectorRegistry = REGISTRY
) -> None:
    """Count a coaching session that has ended after `duration` seconds."""
    with guarded(_WHERE):
        ours = meters(registry)
        ours[catalogue.SESSIONS].child(user_type).inc()
        # A clock that was set back makes a session of negative length.
        ours[catalogue.SESSION_DURATION].child(user_type).observe(max(duration, 0.0))


@contextmanager
def track_training_plan(*, registry: CollectorRegistry = REGISTRY) -> Iterator[None]:
    """Take the time of the block that writes a training plan: ok, or error where it raises."""
    started = time.perf_counter()
    status = OTHER  # given up: cancelled, or the program's end
    try:
        yield
        status = "ok"
    except Exception:
        status = "error"
        raise
    finally:
        with guarded(_WHERE):
            generation = meters(registry)[catalogue.TRAINING_PLAN_GENERATION].child(status)
            generation.observe(time.perf_counter() - started)


@contextmanager
def track_rag_query(*, registry: CollectorRegistry = REGISTRY) -> Iterator[RagQuery]:
    """Take the time of the block that searches: a hit, a miss, or error where it raises."""
    started = time.perf_counter()
    query = RagQuery()
    status = OTHER
    try:
        yield query
        status = "hit" if query.hits else "miss"
    except Exception:
        status = "error"
        raise
    finally:
        with guarded(_WHERE):
            ours = meters(registry)
            ours[catalogue.RAG_QUERIES].child(status).inc()
            ours[catalogue.RAG_QUERY_DURATION].child().observe(time.perf_counter() - started)
