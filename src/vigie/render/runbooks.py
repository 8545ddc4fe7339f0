"""docs/runbooks: a page for each signal, in English and in French, as the catalogue has it."""

from vigie.catalogue.runbook import Runbook
from vigie.catalogue.signal import Heartbeat, Signal
from vigie.catalogue.signals import SIGNALS, WATCHDOG
from vigie.catalogue.words import Words
from vigie.render.wording import SEVERITIES, SIDES, limit_words
from vigie.settings.model import Currency
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
_ABSENT = Words(
    "No data\n\nThe alert `{alert}` says that a target answers, but lacks what this signal is "
    "measured by. The usual causes: the instrument was removed from the service (a middleware, an "
    "import), or the exporter changed its names. Look at the target's page:",
    "Absence de données\n\nL'alerte `{alert}` dit qu'une cible répond, mais sans ce qui sert à "
    "mesurer ce signal. Les causes habituelles : l'instrument a été retiré du service (un "
    "intergiciel, un import), ou l'exportateur a changé de noms. Voir la page de la cible :",
)


def pages() -> dict[str, str]:
    """Path below `docs/` → Markdown."""
    about: list[Signal | Heartbeat] = [*SIGNALS, WATCHDOG]
    return {
        "runbooks/README.md": _index(about),
        **{f"runbooks/{one.name}.md": _page(one) for one in about},
    }


def _page(one: Signal | Heartbeat) -> str:
    parts = [
        _HEADER,
        f"# {one.title.en} · {one.title.fr}",
        f"`{one.name}` · [English](#english) · [Français](#français) · [all · toutes](README.md)",
    ]
    for language, name in _LANGUAGES.items():
        parts += [f"## {name}", _measured(one, language), *_runbook(one.runbook, language)]
        if isinstance(one, Signal) and one.presence:
            absent: str = getattr(_ABSENT, language)
            parts.append(f"### {absent.format(alert=one.absent_alert)}")
            parts.append(f"```promql\n{one.presence.targets}\n```")
    return "\n\n".join(parts) + "\n"


def _runbook(runbook: Runbook, language: str) -> list[str]:
    parts: list[str] = []
    for field, heading in _HEADINGS.items():
        text: str = getattr(getattr(runbook, field), language)
        parts += [f"### {getattr(heading, language)}", text]
        if field == "diagnosis" and "```promql" in text:
            parts.append(getattr(_QUERIES, language))
    return parts


def _measured(one: Signal | Heartbeat, language: str) -> str:
    """How it is measured and judged, with the limits that hold where vigie.yml sets no others."""
    if isinstance(one, Heartbeat):
        told: str = getattr(one.told, language)
        return told
    currency = Currency().code
    side = getattr(SIDES[one.bad_when], language)
    limits = ", ".join(
        f"{getattr(SEVERITIES[severity], language)} {side} "
        f"{getattr(limit_words(one, limit, currency), language)}"
        for severity in SEVERITIES
        if (limit := getattr(one, severity.value)) is not None
    )
    measured: str = getattr(one.measured_as, language)
    held = written_duration(one.hold) if one.hold else ""
    if language == "fr":
        held = held.replace("m", " min").replace("h", " h")
    if language == "en":
        text = f"Alert `{one.alert}`: {measured}; {limits}"
        text += f", for {held}" if held else ""
        text += f". Judged from {one.floor.at_least} {one.floor.noun.en} on" if one.floor else ""
    else:
        text = f"Alerte `{one.alert}` : {measured} ; {limits}"
        text += f", pendant {held}" if held else ""
        text += f". Jugé à partir de {one.floor.at_least} {one.floor.noun.fr}" if one.floor else ""
    return f"{text}."


def _index(about: list[Signal | Heartbeat]) -> str:
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
