"""What the calls of the present day cost, as the ledger has them, and what they may cost.

A day begins at midnight in the configured time zone, and so do these.
"""

from vigie.catalogue.metric import Emitter, Label, gauge

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
