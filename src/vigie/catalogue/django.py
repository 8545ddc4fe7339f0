"""Django: requests, who fails to log in and why, and the database as the application sees it."""

from vigie.catalogue.http import http_metrics
from vigie.catalogue.metric import AcrossWorkers, Label, counter, gauge, histogram

HTTP = http_metrics("django", "Django")

ALIAS = Label("alias", cap=10)

AUTH_FAILURES = counter(
    "django_auth_failures_total",
    "Refused authentications and authorisations, by reason.",
    Label(
        "reason",
        values=(
            "bad_credentials",
            "missing_token",
            "expired_token",
            "invalid_token",
            "inactive_user",
            "forbidden",
            "throttled",
        ),
    ),
)
AUTH_SUCCESSES = counter(
    "django_auth_successes_total",
    "Successful logins, by the way taken: a session, a token, or the refresh of a token.",
    Label("method", values=("session", "token", "refresh")),
)
# Whichever worker answers a scrape computes these two for all of them: another worker's value is
# that of an earlier scrape, however high it was.
ACTIVE_USERS = gauge(
    "django_active_users",
    "Distinct users seen in the last 5 minutes.",
    across_workers=AcrossWorkers.LATEST,
)
SECURITY_EVENTS = counter(
    "security_events_total",
    "Patterns of attack seen in the requests of a service.",
    Label("service", cap=20),
    Label("pattern", values=("brute_force", "credential_stuffing", "token_replay", "path_scan")),
)
DB_CONNECTIONS_ACTIVE = gauge(
    "django_db_connections_active", "Database connections that Django holds open.", ALIAS
)
DB_CONNECTIONS_MAX = gauge(
    "django_db_connections_max",
    "Database connections that Django may hold open: its pool, or the server's limit.",
    ALIAS,
    across_workers=AcrossWorkers.LATEST,
)
DB_QUERY_DURATION = histogram(
    "django_db_query_duration_seconds",
    "Seconds that Django waited for a statement.",
    ALIAS,
    Label(
        "operation",
        values=("select", "insert", "update", "delete", "transaction", "schema"),
    ),
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0),
)
DB_ERRORS = counter(
    "django_db_errors_total",
    "Statements that the database refused or lost.",
    ALIAS,
    Label("kind", values=("deadlock", "timeout", "connection")),
)
