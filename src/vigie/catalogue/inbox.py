"""The inbox of alerts: what it was told, what it holds, and whether it still hears the watchdog."""

from vigie.catalogue.metric import Emitter, Label, counter, gauge

DELIVERIES = counter(
    "vigie_inbox_deliveries_total",
    "Deliveries from Alertmanager: stored, refused as no such thing, or not storable just then.",
    Label("result", values=("stored", "refused", "unavailable")),
    emitter=Emitter.EXPORTER,
)
FIRING = gauge(
    "vigie_inbox_alerts_firing",
    "Alerts that fire, by the last that was told of them.",
    Label("severity", values=("critical", "warning")),
    emitter=Emitter.EXPORTER,
)
STORED = gauge(
    "vigie_inbox_alerts_stored",
    "Alerts in the inbox, firing and ended.",
    emitter=Emitter.EXPORTER,
)
OLDEST = gauge(
    "vigie_inbox_oldest_timestamp_seconds",
    "When the oldest alert in the inbox began; absent while it is empty.",
    emitter=Emitter.EXPORTER,
)
WATCHDOG_HEARD = gauge(
    "vigie_inbox_watchdog_heard_timestamp_seconds",
    "When the watchdog was last heard; 0 if never.",
    emitter=Emitter.EXPORTER,
)
WATCHDOG_LOST = gauge(
    "vigie_inbox_watchdog_lost",
    "1 while the watchdog is no longer heard: then no other alert would arrive either.",
    emitter=Emitter.EXPORTER,
)
WATCHDOG_MESSAGES = counter(
    "vigie_inbox_watchdog_messages_total",
    "Attempts to say that the watchdog is lost, or heard again, by each channel that is on.",
    Label("channel", values=("slack", "email", "webhook")),
    Label("result", values=("delivered", "failed")),
    emitter=Emitter.EXPORTER,
)
