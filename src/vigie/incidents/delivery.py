"""Alertmanager's webhook, version 4, read into alerts.

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from vigie.catalogue.signals import WATCHDOG
from vigie.incidents.alert import Alert, Status

LONGEST_TEXT = 4_000
"""Characters of a label, an annotation or an address that are kept."""


class BadDeliveryError(ValueError):
    """What was sent is no delivery of Alertmanager's; `str()` says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What was told at once. `beats`: the watchdog was among it. `truncated` alerts were left out,
    because the receiver's `max_alerts` is lower than their number."""

    alerts: tuple[Alert, ...]
    beats: bool
    truncated: int = 0


def read(body: bytes, now: datetime) -> Delivery:
    """What a request's body tells, heard at `now`. Raises BadDeliveryError."""
    try:
        sent = _Sent.model_validate_json(body)
    except ValidationError as error:
        raise BadDeliveryError(_explained(error)) from None
    beats = any(one.status is Status.FIRING and _is_watchdog(one) for one in sent.alerts)
    try:
        alerts = tuple(_alert(one, now) for one in sent.alerts if not _is_watchdog(one))
    except OverflowError:
        raise BadDeliveryError("alerts: a time is before the year 1 or after 9999") from None
    return Delivery(alerts, beats, sent.truncated_alerts)


class _SentAlert(BaseModel):
    status: Status
    labels: dict[str, str]
    annotations: dict[str, str] = {}
    starts_at: AwareDatetime = Field(alias="startsAt")
    ends_at: AwareDatetime = Field(alias="endsAt")
    generator_url: str = Field(alias="generatorURL", default="")
    fingerprint: Annotated[str, Field(min_length=1, max_length=64)]


class _Sent(BaseModel):
    version: Literal["4"]
    alerts: list[_SentAlert]
    truncated_alerts: int = Field(alias="truncatedAlerts", default=0)


def _is_watchdog(one: _SentAlert) -> bool:
    return one.labels.get("alertname") == WATCHDOG.alert


def _alert(one: _SentAlert, now: datetime) -> Alert:
    started = one.starts_at.astimezone(UTC)
    ended = None
    if one.status is Status.RESOLVED:
        ended = max(one.ends_at.astimezone(UTC), started)
    return Alert(
        fingerprint=_kept(one.fingerprint),
        started=started,
        ended=ended,
        heard=now,
        labels={_kept(name): _kept(text) for name, text in sorted(one.labels.items())},
        annotations={_kept(name): _kept(text) for name, text in sorted(one.annotations.items())},
        generator_url=_kept(one.generator_url),
    )


def _kept(text: str) -> str:
    """What databases can hold: PostgreSQL refuses the character 0."""
    text = text.replace("\0", "")
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"


def _explained(error: ValidationError) -> str:
    """The first things that are wrong, each with its place."""
    found = error.errors(include_url=False, include_input=False)
    said = [f"{'.'.join(map(str, one['loc'])) or 'the body'}: {one['msg']}" for one in found[:3]]
    more = f" (and {len(found) - 3} more)" if len(found) > 3 else ""
    return "; ".join(said) + more
