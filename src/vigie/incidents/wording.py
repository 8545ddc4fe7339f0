"""What people read of alerts and of the watchdog, in English and French; times in their zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from vigie.catalogue.signal import Unit
from vigie.catalogue.signals import BY_NAME, WATCHDOG
from vigie.catalogue.words import Words
from vigie.incidents.alert import Alert
from vigie.incidents.watchdog import Heartbeat
from vigie.render import links
from vigie.render.wording import limit_words
from vigie.settings import Settings

_MONTHS = Words(
    "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
    "janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc.",
)


@dataclass(frozen=True, slots=True)
class Message:
    """What is said: `subject` and `text` for people, the rest for programs. `began` is when the
    silence was noticed, `ended` when it was over."""

    subject: str
    text: str
    began: datetime
    ended: datetime | None
    runbook_url: str
    console_url: str


def watchdog_message(beat: Heartbeat, settings: Settings, trouble: str = "") -> Message:
    """That the watchdog is lost or, once it has recovered, heard again.

    `beat.lost` is known; `trouble` is why the inbox itself cannot keep anything.
    """
    assert beat.lost is not None
    language, zone = settings.language, settings.time_zone
    silent = beat.lost
    if beat.is_lost:  # a listener that started since then has not heard it either
        silent = min(beat.last_sign, beat.lost)
    since = moment(silent, beat.lost, zone, language)
    runbook, console = links.runbook(settings, WATCHDOG.name), links.console(settings)
    if beat.recovered is None:
        lasts = duration(beat.lost - silent, language)
        subject, said = _LOST_SUBJECT, _LOST
        reason = _of(_TROUBLE, language).format(trouble=trouble) if trouble else ""
        text = _of(said, language).format(
            since=since, zone=zone.key, lasts=lasts, reason=reason, runbook=runbook
        )
    else:
        subject, said = _AGAIN_SUBJECT, _AGAIN
        text = _of(said, language).format(
            since=since,
            until=moment(beat.recovered, beat.lost, zone, language),
            zone=zone.key,
            console=console,
        )
    return Message(_of(subject, language), text, beat.lost, beat.recovered, runbook, console)


_LOST_SUBJECT = Words(
    "[FIRING] Watchdog lost: no alert would reach you",
    "[ALERTE] Veilleur perdu : aucune alerte ne vous parviendrait",
)
_LOST = Words(
    "The watchdog, an alert that always fires, has not been heard since {since} ({zone}), for "
    "{lasts}. Prometheus, Alertmanager, or the way from there to Vigie's inbox is broken: until it "
    "is heard again, nobody may be told of anything.{reason}\n"
    "What to do: `vigie status`, then `vigie up`.\n"
    "Runbook: {runbook}",
    "Le veilleur, une alerte toujours active, ne s'entend plus depuis {since} ({zone}), soit "
    "{lasts}. Prometheus, Alertmanager, ou le chemin jusqu'à la boîte de réception de Vigie est "
    "rompu : tant qu'il ne s'entend pas, personne n'est peut-être prévenu de rien.{reason}\n"
    "Que faire : `vigie status`, puis `vigie up`.\n"
    "Fiche : {runbook}",
)
_TROUBLE = Words(
    " The inbox cannot keep what it is told: {trouble}.",
    " La boîte de réception ne peut rien garder : {trouble}.",
)
_AGAIN_SUBJECT = Words("[RESOLVED] Watchdog heard again", "[RÉSOLU] Veilleur de nouveau entendu")
_AGAIN = Words(
    "The watchdog, whose silence was noticed at {since} ({zone}), is heard again since {until}. "
    "Alerts in between may have reached nobody: look at {console}",
    "Le veilleur, dont le silence a été remarqué à {since} ({zone}), s'entend de nouveau depuis "
    "{until}. Les alertes d'entre-temps n'ont peut-être prévenu personne : voir {console}",
)


def value(alert: Alert, language: str, currency: str) -> str:
    """The alert's value with its unit, to three digits or so; empty where none was told."""
    number, signal = alert.value, BY_NAME.get(alert.signal)
    if number is None:
        return ""
    if signal is None:
        return f"{number:g}"
    match signal.unit:
        case Unit.MONEY:
            number = round(number, 2)
        case Unit.RATIO:
            number = round(number, 4)
        case Unit.PER_MINUTE | Unit.COUNT:
            number = round(number, 1) if abs(number) < 1000 else round(number)
        case Unit.SECONDS:
            number = float(f"{number:.3g}")
    return _of(limit_words(signal, number, currency), language)


def duration(span: timedelta, language: str = "en") -> str:
    """In the two largest units that say something: 12 s, 3 min, 2 h 5 min, 4 d 1 h."""
    seconds = max(int(span.total_seconds()), 0)
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if minutes < 1:
        return f"{seconds} s"
    if hours < 1:
        return f"{minutes} min"
    if days < 1:
        return f"{hours} h {minutes % 60} min"
    return f"{days} {'j' if language == 'fr' else 'd'} {hours % 24} h"


def moment(at: datetime, now: datetime, zone: ZoneInfo, language: str = "en") -> str:
    """A time of day; with its date where it is not today's, with its year where not this one's."""
    local, today = at.astimezone(zone), now.astimezone(zone)
    written = f"{local:%H:%M}"
    if local.date() == today.date():
        return written
    month = _of(_MONTHS, language).split()[local.month - 1]
    year = f" {local.year}" if local.year != today.year else ""
    return f"{local.day} {month}{year} {written}"


def _of(words: Words, language: str) -> str:
    said: str = words.fr if language == "fr" else words.en
    return said
