"""The signals, with the thresholds that the user asked for as defaults."""

from vigie.catalogue.signal import Comparator, Signal, Unit

SIGNALS = (
    Signal(
        "django_response_time",
        "Django response time",
        "95th percentile over 5 minutes",
        Unit.SECONDS,
        Comparator.ABOVE,
        warning=0.5,
        critical=1.0,
    ),
    Signal(
        "fastapi_openai_latency",
        "OpenAI latency",
        "95th percentile over 5 minutes",
        Unit.SECONDS,
        Comparator.ABOVE,
        warning=3.0,
        critical=10.0,
    ),
    Signal(
        "streamlit_page_load",
        "Streamlit page load",
        "95th percentile over 5 minutes",
        Unit.SECONDS,
        Comparator.ABOVE,
        warning=2.0,
        critical=5.0,
    ),
    Signal(
        "service_uptime",
        "Service uptime",
        "share of successful scrapes over 1 hour, per service",
        Unit.RATIO,
        Comparator.BELOW,
        warning=0.99,
        critical=0.95,
    ),
    Signal(
        "database_connections",
        "Database connections",
        "share of the pool in use",
        Unit.RATIO,
        Comparator.ABOVE,
        warning=0.80,
        critical=0.95,
    ),
    Signal(
        "openai_daily_cost",
        "OpenAI daily cost",
        "since midnight in the configured time zone",
        Unit.MONEY,
        Comparator.ABOVE,
        warning=50.0,
        critical=100.0,
    ),
    Signal(
        "openai_token_rate",
        "OpenAI token rate",
        "tokens per minute over 5 minutes",
        Unit.PER_MINUTE,
        Comparator.ABOVE,
        warning=1000.0,
        critical=2000.0,
    ),
    Signal(
        "auth_failure_rate",
        "Authentication failures",
        "failures per minute over 5 minutes",
        Unit.PER_MINUTE,
        Comparator.ABOVE,
        warning=10.0,
        critical=50.0,
    ),
    Signal(
        "memory_available",
        "Memory available",
        "share of the host's memory",
        Unit.RATIO,
        Comparator.BELOW,
        warning=0.20,
        critical=0.10,
    ),
)

BY_NAME = {signal.name: signal for signal in SIGNALS}
