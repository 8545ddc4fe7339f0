"""docs/runbooks: a page for each signal, in English and in French, as the catalogue has it.

The console shows the same, by `measured` and `sections`, with the limits that are set.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from vigie.catalogue.signal import Heartbeat, Signal
from vigie.catalogue.signals import SIGNALS, WATCHDOG
from vigie.catalogue.words import Words
from vigie.render.wording import SEVERITIES, SIDES, limit_words
from vigie.settings.model import Currency, Limits
from vigie.settings.quantities import written_duration

_HEADER = (
    "<!-- Written by `vigie render` from src/vigie/catalogue/signals: change that instead. -->"
)

_LANGUAGES = {"en": "English", "fr": "Français"}
_HEADINGS = {
    "meaning": Words("Meaning", "Signification"),
    "impact": Words("Impact", "Conséquences"),
    "diagnosis": Words("Diagnosis", "Diagnostic"),
    "mitigation": Words("Mitigation", "Remèdes"),
}
_QUERIES = Words(
    "Queries go into <http://localhost:9090>, or: "
    "`curl -sG http://localhost:9090/api/v1/query --data-urlencode 'query=…'`",
    "Les requêtes se tapent dans <http://localhost:9090>, ou : "
    "`curl -sG http://localhost:9090/api/v1/query --data-urlencode 'query=…'`",
)
_NO_DATA = Words("No data", "Absence de données")
_ABSENT = Words(
    "The alert `{alert}` says that a target answers, but lacks what this signal is "
    "measured by. The usual causes: the instrument was removed from the service (a middleware, an "
    "import), or the exporter changed its names. Look at the target's page:",
    "L'alerte `{alert}` dit qu'une cible répond, mais sans ce qui sert à "
    "mesurer ce signal. Les causes habituelles : l'instrument a été retiré du service (un "
    "intergiciel, un import), ou l'exportateur a changé de noms. Voir la page de la cible :",
)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a runbook in one language; alerts lead to `anchor`, the same in both."""

    anchor: str
    title: str
    markdown: str


def pages() -> dict[str, str]:
    """Path below `docs/` → Markdown."""
    return {
        "runbooks/README.md": _index(ALL),
        **{f"runbooks/{one.name}.md": _page(one) for one in ALL},
    }


ALL: tuple[Signal | Heartbeat, ...] = (*SIGNALS, WATCHDOG)
"""What has a runbook."""


def measured(
    one: Signal | Heartbeat, language: str, limits: Limits | None = None, currency: str = ""
) -> str:
    """How it is measured and judged, in Markdown: by `limits`, or else those that hold where
    vigie.yml sets no others."""
    if isinstance(one, Heartbeat):
        told: str = getattr(one.told, language)
        return told
    limits = limits or Limits(one.warning, one.critical)
    side = getattr(SIDES[one.bad_when], language)
    said = ", ".join(
        f"{getattr(SEVERITIES[severity], language)} {side} "
        f"{getattr(limit_words(one, limit, currency or Currency().code), language)}"
        for severity in SEVERITIES
        if (limit := getattr(limits, severity.value)) is not None
    )
    how: str = getattr(one.measured_as, language)
    held = written_duration(one.hold) if one.hold else ""
    if language == "fr":
        held = held.replace("m", " min").replace("h", " h")
    if language == "en":
        text = f"Alert `{one.alert}`: {how}; {said}"
        text += f", for {held}" if held else ""
        text += f". Judged from {one.floor.at_least} {one.floor.noun.en} on" if one.floor else ""
    else:
        text = f"Alerte `{one.alert}` : {how} ; {said}"
        text += f", pendant {held}" if held else ""
        text += f". Jugé à partir de {one.floor.at_least} {one.floor.noun.fr}" if one.floor else ""
    return f"{text}."


def sections(one: Signal | Heartbeat, language: str) -> Iterator[Section]:
    """What to do about it, from top to bottom."""
    for field, heading in _HEADINGS.items():
        text: str = getattr(getattr(one.runbook, field), language)
        yield Section(field, getattr(heading, language), text)
    if isinstance(one, Signal) and one.presence:
        absent: str = getattr(_ABSENT, language)
        told = f"{absent.format(alert=one.absent_alert)}\n\n```promql\n{one.presence.targets}\n```"
        yield Section("no-data", getattr(_NO_DATA, language), told)


def _page(one: Signal | Heartbeat) -> str:
    parts = [
        _HEADER,
        f"# {one.title.en} · {one.title.fr}",
        f"`{one.name}` · [English](#english) · [Français](#français) · [all · toutes](README.md)",
    ]
    for language, name in _LANGUAGES.items():
        parts += [f"## {name}", measured(one, language)]
        for section in sections(one, language):
            parts += [f"### {section.title}", section.markdown]
            if section.anchor == "diagnosis" and "```promql" in section.markdown:
                parts.append(getattr(_QUERIES, language))
    return "\n\n".join(parts) + "\n"


def _index(about: tuple[Signal | Heartbeat, ...]) -> str:
    rows = "\n".join(
        f"| [{one.name}]({one.name}.md) | `{one.alert}` | {one.title.en} | {one.title.fr} |"
        for one in about
    )
    return (
        f"{_HEADER}\n\n# Runbooks · Fiches d'intervention\n\n"
        "What each alert means, and what to do about it.\n\n"
        "Ce que veut dire chaque alerte, et quoi faire.\n\n"
        f"| signal | alert | | |\n| --- | --- | --- | --- |\n{rows}\n"
    )
