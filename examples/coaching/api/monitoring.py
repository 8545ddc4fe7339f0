"""What Vigie adds to the coach."""

from vigie.instrument.asgi import PrometheusMiddleware, metrics_endpoint
from vigie.instrument.coaching import track_coaching_session, track_rag_query, track_training_plan
from vigie.instrument.feature import feature
from vigie.instrument.httpx import instrument as instrument_httpx
from vigie.instrument.logs import setup as setup_logs
from vigie.instrument.openai import instrument as instrument_openai
from vigie.instrument.traces import setup as setup_traces

__all__ = [
    "PrometheusMiddleware",
    "feature",
    "instrument_httpx",
    "instrument_openai",
    "metrics_endpoint",
    "setup_logs",
    "setup_traces",
    "track_coaching_session",
    "track_rag_query",
    "track_training_plan",
]
