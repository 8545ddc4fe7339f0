"""Calls to an OpenAI-compatible provider: latency, tokens, and money with its confidence."""

from vigie.catalogue.metric import AcrossWorkers, Label, counter, gauge, histogram

MODEL = Label("model", cap=50)
OPERATION = Label("operation", values=("chat", "responses", "embeddings"))
CURRENCY = Label("currency", cap=5)
SOURCE = Label("source", values=("provider", "computed", "estimated"))
TOKEN_TYPE = Label("type", values=("input", "output", "cached_input", "reasoning"))

REQUESTS = counter(
    "openai_requests_total",
    "Attempted calls to the provider, by outcome.",
    MODEL,
    OPERATION,
    Label(
        "status",
        values=("ok", "rate_limited", "timeout", "cancelled", "client_error", "server_error"),
    ),
)
REQUEST_DURATION = histogram(
    "openai_request_duration_seconds",
    "Seconds from an attempted call's start to the last byte of its answer.",
    MODEL,
    OPERATION,
    buckets=(0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0),
)
TIME_TO_FIRST_TOKEN = histogram(
    "openai_time_to_first_token_seconds",
    "Seconds from a streamed call's start to its first token.",
    MODEL,
    buckets=(0.05, 0.1, 0.2, 0.4, 0.7, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0),
)
TOKENS = counter(
    "openai_tokens_total",
    "Tokens sent and received; cached_input is part of input, reasoning part of output.",
    MODEL,
    TOKEN_TYPE,
)
COST = counter(
    "openai_cost_total",
    "Cost of calls: told by the provider, computed from its counts, or estimated.",
    MODEL,
    CURRENCY,
    SOURCE,
)
UNPRICED_TOKENS = counter(
    "openai_unpriced_tokens_total",
    "Tokens of models for which no price is known: cost that the other figures lack.",
    MODEL,
    TOKEN_TYPE,
)
RATE_LIMIT_REMAINING = gauge(
    "openai_rate_limit_remaining",
    "What the provider last said is left in the present window.",
    MODEL,
    Label("kind", values=("requests", "tokens")),
    across_workers=AcrossWorkers.LATEST,
)
