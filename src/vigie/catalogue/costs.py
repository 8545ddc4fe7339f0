"""What the calls of the present day cost, as the ledger has them, and what they may cost.

A day begins at midnight in the configured time zone, and so do these.
"""

from vigie.catalogue.metric import Emitter, Label, counter, gauge

CURRENCY = Label("currency", cap=5)

COST_TODAY = gauge(
    "openai_cost_today",
    "Cost of the calls since midnight: told by the provider, computed, or estimated.",
    CURRENCY,
    Label("source", values=("provider", "computed", "estimated")),
    emitter=Emitter.EXPORTER,
)
COST_PROJECTED_TODAY = gauge(
    "openai_cost_projected_today",
    "What the calls of the whole day will have cost at its end, with this probability at most.",
    CURRENCY,
    Label("quantile", values=("0.1", "0.5", "0.9")),
    emitter=Emitter.EXPORTER,
)
BUDGET = gauge(
    "openai_budget",
    "What may be spent in a day before the signal of the daily cost is reached.",
    CURRENCY,
    Label("level", values=("warning", "critical")),
    emitter=Emitter.EXPORTER,
)
BUDGET_EXHAUSTION = gauge(
    "openai_budget_exhaustion_timestamp_seconds",
    "When the day's budget was, or by the projection will be, spent; absent where it will last.",
    Label("level", values=("warning", "critical")),
    emitter=Emitter.EXPORTER,
)
ESTIMATED_RATIO = gauge(
    "openai_cost_today_estimated_ratio",
    "The share of the cost since midnight that is estimated, from 0 to 1.",
    emitter=Emitter.EXPORTER,
)
UNPRICED_CALLS = gauge(
    "openai_calls_today_unpriced",
    "Calls since midnight for which no price is known: cost that the other figures lack.",
    emitter=Emitter.EXPORTER,
)
UNPRICED_TOKENS_RATIO = gauge(
    "openai_tokens_today_unpriced_ratio",
    "The share of the tokens since midnight for which no price is known, from 0 to 1.",
    emitter=Emitter.EXPORTER,
)
CURRENCY_RATE = gauge(
    "openai_currency_rate",
    "What one US dollar is worth in the configured currency.",
    CURRENCY,
    emitter=Emitter.EXPORTER,
)
CURRENCY_RATE_AGE = gauge(
    "openai_currency_rate_age_seconds",
    "Seconds since the day on which the currency's rate was looked up.",
    CURRENCY,
    emitter=Emitter.EXPORTER,
)
LEDGER_ROWS = gauge("vigie_ledger_rows", "Calls in the ledger.", emitter=Emitter.EXPORTER)
LEDGER_OLDEST = gauge(
    "vigie_ledger_oldest_timestamp_seconds",
    "When the oldest call in the ledger ended.",
    emitter=Emitter.EXPORTER,
)
LEDGER_READ_ERRORS = counter(
    "vigie_ledger_read_errors_total",
    "Scrapes at which the ledger could not be read; its figures were absent then.",
    emitter=Emitter.EXPORTER,
)
