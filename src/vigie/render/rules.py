"""coaching_alerts.yml: what Prometheus records and when it alerts; one group for each signal.

A signal's group records the number of events behind its value, where it has a floor, then the
value, then judges that: dashboards, messages and alerts speak of the same figure.
"""

from collections.abc import Iterator
from datetime import timedelta
from textwrap import wrap
from typing import Any

from vigie.catalogue.promql import total
from vigie.catalogue.signal import Heartbeat, Severity, Signal, Unit
from vigie.catalogue.signals import SIGNALS, WATCHDOG
from vigie.catalogue.telemetry import RETENTION
from vigie.render import links, wording
from vigie.render.header import HEADER
from vigie.render.pace import Pace
from vigie.render.yaml_text import yaml_text
from vigie.settings import Settings
from vigie.settings.model import Limits

PATH = "prometheus/rules/coaching_alerts.yml"

ABSENT_FOR = timedelta(minutes=10)
"""How long a signal's data may be missing: a service that has just started is still silent."""

SETTINGS_GROUP = "settings"

_ABOUT = """\
#
# One group for each signal, called after it. `record:` gives its value a name, for the alerts as
# for dashboards: the labels that it has, the signal, and its unit. Where few events make a value
# worthless, `…:events` is their number, and the alerts ask for enough of them.
#
# A counter that appears counts with its whole value (`unless … offset`), if its service was being
# scraped before: `increase()` alone would miss the event with which it appears.
"""


def configuration(settings: Settings, pace: Pace) -> str:
    """The text of the rules; valid and of one meaning for Prometheus 2.42 and 3.x."""
    about = _ABOUT
    if pace.factor != 1:
        about += (
            f"#\n# Every duration here is divided by {pace.factor:g}; what may happen in a minute, "
            "multiplied.\n"
        )
    groups = [_written(group, comment) for group, comment in _groups(settings, pace)]
    return "\n".join((HEADER + about, "groups:\n" + "\n".join(groups)))


def _groups(settings: Settings, pace: Pace) -> Iterator[tuple[dict[str, Any], str]]:
    yield _settings_group(settings), "What vigie.yml says, for the expressions below to refer to."
    for signal in SIGNALS:
        limits = _limits(signal, settings, pace)
        group = {"name": signal.name, "rules": list(_rules(signal, limits, settings, pace))}
        yield group, _comment(signal, limits, settings, pace)
    yield _heartbeat_group(WATCHDOG, settings), WATCHDOG.told.en


def _limits(signal: Signal, settings: Settings, pace: Pace) -> Limits:
    """The limits at this pace: as many times more happens in a minute as the time goes faster."""
    limits = settings.thresholds[signal.name]
    if signal.unit is not Unit.PER_MINUTE:
        return limits
    return Limits(*(limit and limit * pace.factor for limit in (limits.warning, limits.critical)))


def _settings_group(settings: Settings) -> dict[str, Any]:
    kept = {
        "logs": settings.retention.logs,
        "metrics": settings.retention.metrics,
        "traces": settings.retention.traces,
    }
    return {
        "name": SETTINGS_GROUP,
        "rules": [
            {
                "record": RETENTION.name,
                "expr": f"vector({span.total_seconds():.0f})",
                "labels": {"kind": kind},
            }
            for kind, span in kept.items()
        ],
    }


def _rules(
    signal: Signal, limits: Limits, settings: Settings, pace: Pace
) -> Iterator[dict[str, Any]]:
    if signal.floor:
        yield {"record": signal.events_record, "expr": pace.expression(signal.floor.events)}
    value: dict[str, Any] = {"record": signal.record, "expr": pace.expression(signal.expression)}
    if signal.about:
        value["labels"] = {"service": signal.about}
    yield value
    for severity, limit in (
        (Severity.WARNING, limits.warning),
        (Severity.CRITICAL, limits.critical),
    ):
        if limit is not None:
            yield _alert(signal, severity, limit, settings, pace)
    if signal.presence:
        yield _absent_alert(signal, settings, pace)


def _alert(
    signal: Signal, severity: Severity, limit: float, settings: Settings, pace: Pace
) -> dict[str, Any]:
    currency = settings.currency.code
    judged = signal.record
    if signal.unit is Unit.MONEY:  # the limit is an amount of this one
        judged += f'{{currency="{currency}"}}'
    expression = f"{judged} {signal.bad_when} {_number(limit)}"
    if signal.floor:
        same = signal.labels == ("service", *signal.floor.by)
        matched = "" if same else f"on ({', '.join(('service', *signal.floor.by))}) "
        expression += f"\nand {matched}{signal.events_record} >= {signal.floor.at_least}"
    return {
        "alert": signal.alert,
        "expr": expression,
        **({"for": pace.written(signal.hold)} if signal.hold else {}),
        "labels": {"severity": severity.value, "signal": signal.name},
        "annotations": {
            **wording.fires(signal, severity, limit, currency),
            "runbook_url": links.runbook(settings, signal.name),
            "dashboard_url": _dashboard(signal, settings),
        },
    }


def _absent_alert(signal: Signal, settings: Settings, pace: Pace) -> dict[str, Any]:
    """No data while the target answers; while it does not, that is another alert."""
    assert signal.presence is not None
    evidence = signal.presence.evidence or signal.record
    matched = "" if signal.about else "service"
    labels = {"severity": Severity.WARNING.value, "signal": signal.name}
    if signal.about:
        labels["service"] = signal.about
    return {
        "alert": signal.absent_alert,
        "expr": f"{total(signal.presence.targets)} > 0\nunless on ({matched}) {evidence}",
        "for": pace.written(ABSENT_FOR),
        "labels": labels,
        "annotations": {
            **wording.is_absent(signal),
            "runbook_url": links.runbook(settings, signal.name) + "#no-data",
            "dashboard_url": _dashboard(signal, settings),
        },
    }


def _heartbeat_group(heartbeat: Heartbeat, settings: Settings) -> dict[str, Any]:
    rule = {
        "alert": heartbeat.alert,
        "expr": "vector(1)",
        "labels": {"severity": "none", "signal": heartbeat.name, "service": heartbeat.about},
        "annotations": {
            **wording.beats(heartbeat),
            "runbook_url": links.runbook(settings, heartbeat.name),
            "dashboard_url": links.dashboard(settings, heartbeat.dashboard),
        },
    }
    return {"name": heartbeat.name, "rules": [rule]}


def _dashboard(signal: Signal, settings: Settings) -> str:
    url = links.dashboard(settings, signal.dashboard)
    return url if signal.about else url + "?var-service={{ $labels.service | urlquery }}"


def _comment(signal: Signal, limits: Limits, settings: Settings, pace: Pace) -> str:
    side = wording.SIDES[signal.bad_when].en
    said = ", ".join(
        f"{level} {side} {wording.limit_words(signal, limit, settings.currency.code).en}"
        for level, limit in (("warning", limits.warning), ("critical", limits.critical))
        if limit is not None
    )
    held = f", for {pace.written(signal.hold)}" if signal.hold else ""
    floor = f"; from {signal.floor.at_least} {signal.floor.noun.en} on" if signal.floor else ""
    return f"{signal.title.en}: {signal.measured_as.en}; {said}{held}{floor}."


def _number(value: float) -> str:
    return f"{value:.15g}"


def _written(group: dict[str, Any], comment: str) -> str:
    text = yaml_text([group])
    commented = wrap(comment, 96, initial_indent="# ", subsequent_indent="# ")
    return "".join(f"  {line}\n" for line in (*commented, *text.splitlines()))
