"""Prometheus and Alertmanager about themselves, in their own names."""

from vigie.catalogue.metric import Emitter, Label, counter, gauge

RULE_GROUP = Label("rule_group", cap=200)

RULE_FAILURES = counter(
    "prometheus_rule_evaluation_failures_total",
    "Rules that could not be evaluated.",
    RULE_GROUP,
    emitter=Emitter.EXPORTER,
)
RULES_MISSED = counter(
    "prometheus_rule_group_iterations_missed_total",
    "Times that a group of rules was not evaluated, because the one before had not ended.",
    RULE_GROUP,
    emitter=Emitter.EXPORTER,
)
SAMPLES_REPEATED = counter(
    "prometheus_target_scrapes_sample_duplicate_timestamp_total",
    "Samples refused: another value for the same series and time is there.",
    emitter=Emitter.EXPORTER,
)
SAMPLES_OUT_OF_BOUNDS = counter(
    "prometheus_target_scrapes_sample_out_of_bounds_total",
    "Samples refused: their time is too old or in the future.",
    emitter=Emitter.EXPORTER,
)
SAMPLES_OUT_OF_ORDER = counter(
    "prometheus_target_scrapes_sample_out_of_order_total",
    "Samples refused: later ones of the same series are there.",
    emitter=Emitter.EXPORTER,
)
SCRAPES_TOO_LARGE = counter(
    "prometheus_target_scrapes_exceeded_sample_limit_total",
    "Scrapes refused: they held more samples than the limit allows.",
    emitter=Emitter.EXPORTER,
)
ALERTS_UNSENT = counter(
    "prometheus_notifications_errors_total",
    "Alerts that Prometheus could not hand to Alertmanager.",
    Label("alertmanager", cap=5),
    emitter=Emitter.EXPORTER,
)
OLDEST_SAMPLE = gauge(
    "prometheus_tsdb_lowest_timestamp_seconds",
    "Unix time of the oldest sample stored; far in the future while there is none.",
    emitter=Emitter.EXPORTER,
)
ALERTS = gauge(
    "ALERTS",
    "1 for each alert that is pending or firing.",
    *(Label("alertname"), Label("alertstate", values=("pending", "firing"))),
    *(Label("severity", values=("warning", "critical", "none")), Label("signal")),
    emitter=Emitter.RULES,
)
ALERTS_SINCE = gauge(
    "ALERTS_FOR_STATE",
    "Unix time since when an alert has been pending or firing.",
    *(Label("alertname"), Label("severity", values=("warning", "critical", "none"))),
    Label("signal"),
    emitter=Emitter.RULES,
)
NOTIFICATIONS = counter(
    "alertmanager_notifications_total",
    "Attempts to notify a receiver.",
    Label("integration", cap=20),
    emitter=Emitter.EXPORTER,
)
NOTIFICATIONS_FAILED = counter(
    "alertmanager_notifications_failed_total",
    "Notifications that a receiver did not take, however often they were tried.",
    Label("integration", cap=20),
    emitter=Emitter.EXPORTER,
)
