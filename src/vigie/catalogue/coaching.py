"""What coaching itself does: sessions, training plans, answers with retrieval."""

from vigie.catalogue.metric import Label, counter, histogram

USER_TYPE = Label("user_type", cap=20)

SESSIONS = counter(
    "coaching_sessions_total", "Coaching sessions that came to their end.", USER_TYPE
)
SESSION_DURATION = histogram(
    "coaching_session_duration_seconds",
    "Seconds from a coaching session's first message to its end.",
    USER_TYPE,
    buckets=(1.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0),
)
TRAINING_PLAN_GENERATION = histogram(
    "training_plan_generation_seconds",
    "Seconds to write a training plan, by outcome.",
    Label("status", values=("ok", "error")),
    buckets=(0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 40.0, 80.0),
)
RAG_QUERIES = counter(
    "rag_queries_total",
    "Searches in the training documents: whether anything was found.",
    Label("status", values=("hit", "miss", "error")),
)
RAG_QUERY_DURATION = histogram(
    "rag_query_duration_seconds",
    "Seconds to search the training documents.",
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0),
)
