"""The signals, one file per subject, with the thresholds that the user asked for as defaults."""

from vigie.catalogue.signals import (
    ai,
    containers,
    database,
    engines,
    host,
    money,
    requests,
    security,
    services,
    telemetry,
)

SIGNALS = (
    requests.DJANGO_RESPONSE_TIME,
    ai.FASTAPI_OPENAI_LATENCY,
    requests.STREAMLIT_PAGE_LOAD,
    services.SERVICE_UPTIME,
    services.SERVICE_DOWN,
    requests.HTTP_ERROR_RATE,
    requests.INTERSERVICE_TIMEOUTS,
    ai.OPENAI_ERROR_RATE,
    ai.OPENAI_TOKEN_RATE,
    money.OPENAI_DAILY_COST,
    money.OPENAI_PROJECTED_COST,
    money.OPENAI_COST_BLIND,
    security.AUTH_FAILURE_RATE,
    security.SECURITY_EVENTS,
    database.DATABASE_CONNECTIONS,
    database.DATABASE_DEADLOCKS,
    host.MEMORY_AVAILABLE,
    host.DISK_SPACE,
    containers.CONTAINER_RESTARTS,
    containers.CONTAINERS_WITHOUT_NAMES,
    telemetry.DROPPED_TELEMETRY,
    telemetry.RETENTION_NOT_APPLIED,
    engines.PROMETHEUS_RULE_FAILURES,
    engines.PROMETHEUS_SCRAPE_FAILURES,
    engines.NOTIFICATION_FAILURES,
)

BY_NAME = {signal.name: signal for signal in SIGNALS}

SERVICE_DOWN = services.SERVICE_DOWN
"""The one that explains all others of its service."""

WATCHDOG = engines.WATCHDOG
