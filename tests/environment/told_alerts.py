"""What Alertmanager posts to the inbox, as its webhook has it in version 4."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from vigie.catalogue.signals import WATCHDOG

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
NEVER = "0001-01-01T00:00:00Z"


def sent(
    fingerprint: str = "f1",
    *,
    started: datetime = NOON,
    ended: datetime | None = None,
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    generator: str = "http://box:9090/graph?g0.expr=service%3Ax%3Aseconds+%3E+1&g0.tab=1",
) -> dict[str, Any]:
    """One alert, which fires unless it `ended`."""
    usual = {
        "alertname": "DjangoResponseTime",
        "service": "django",
        "severity": "critical",
        "signal": "django_response_time",
    }
    told = {
        "summary": "Django response time: django",
        "summary_fr": "Temps de réponse de Django : django",
        "description": "95th percentile over 5 minutes: 1.02s (critical above 1s).",
        "description_fr": "95e centile sur 5 minutes : 1,02 s (critique au-dessus de 1 s).",
        "value": "1.0234",
        "runbook_url": "http://localhost:3300/runbooks/django_response_time",
        "dashboard_url": "http://localhost:3300/d/vigie-overview?var-service=django",
    }
    return {
        "status": "resolved" if ended else "firing",
        "labels": usual if labels is None else labels,
        "annotations": told if annotations is None else annotations,
        "startsAt": started.isoformat(),
        "endsAt": ended.isoformat() if ended else NEVER,
        "generatorURL": generator,
        "fingerprint": fingerprint,
    }


def watchdog() -> dict[str, Any]:
    """The alert that always fires."""
    labels = {"alertname": WATCHDOG.alert, "severity": "none", "service": "prometheus"}
    return sent("watchdog", started=NOON - timedelta(days=1), labels=labels, annotations={})


def delivery(*alerts: dict[str, Any], **more: Any) -> bytes:
    """The body of a request that tells these alerts."""
    firing = any(one["status"] == "firing" for one in alerts)
    return json.dumps(
        {
            "version": "4",
            "groupKey": '{}:{alertname="X"}',
            "truncatedAlerts": 0,
            "status": "firing" if firing else "resolved",
            "receiver": "inbox",
            "groupLabels": {},
            "commonLabels": {},
            "commonAnnotations": {},
            "externalURL": "http://box:9093",
            "alerts": alerts,
            **more,
        }
    ).encode()
