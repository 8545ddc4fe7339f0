"""What a person reads in an alert, in English and French: annotations, as Prometheus' templates.

The values are filled in by Prometheus when an alert fires; limits are written here. `value` is for
programs: the number alone, in the signal's unit.
"""

import re

from vigie.catalogue.signal import Comparator, Heartbeat, Severity, Signal, Unit
from vigie.catalogue.words import Words
from vigie.settings.quantities import currency_sign, written

SEVERITIES = {
    Severity.WARNING: Words("warning", "avertissement"),
    Severity.CRITICAL: Words("critical", "critique"),
}
SIDES = {
    Comparator.ABOVE: Words("above", "au-dessus de"),
    Comparator.BELOW: Words("below", "en dessous de"),
}


def fires(signal: Signal, severity: Severity, limit: float, currency: str) -> dict[str, str]:
    """The texts of an alert that a limit is passed."""
    value, written_limit = _value(signal.unit, currency), limit_words(signal, limit, currency)
    severities, sides = SEVERITIES[severity], SIDES[signal.bad_when]
    texts = _annotations(
        _summary(signal),
        Words(
            f"{_capital(signal.measured_as.en)}: {value.en} "
            f"({severities.en} {sides.en} {written_limit.en}){_events(signal).en}.",
            f"{_capital(signal.measured_as.fr)} : {value.fr} "
            f"({severities.fr} {sides.fr} {written_limit.fr}){_events(signal).fr}.",
        ),
    )
    return {**texts, "value": '{{ $value | printf "%.6g" }}'}


def is_absent(signal: Signal) -> dict[str, str]:
    """The texts of an alert that a signal has no data."""
    return _annotations(
        Words(
            f"{signal.title.en}: no data from {_label('service')}",
            f"{signal.title.fr} : aucune donnée de {_label('service')}",
        ),
        Words(
            f"{_label('service')} answers, but what this is measured by is missing: "
            "if it went bad, nobody would be told.",
            f"{_label('service')} répond, mais ce qui sert à cette mesure manque : "
            "en cas de problème, personne ne serait prévenu.",
        ),
    )


def beats(heartbeat: Heartbeat) -> dict[str, str]:
    """The texts of the alert that always fires."""
    return _annotations(heartbeat.title, heartbeat.told)


def limit_words(signal: Signal, limit: float, currency: str) -> Words:
    """A limit with its unit: 500ms and 500 ms."""
    text = written(limit, signal.unit, currency)
    return Words(text, re.sub(r"(\d)(ms|s|%|€)$", r"\1 \2", text.replace(".", ",")))


def _annotations(summary: Words, description: Words) -> dict[str, str]:
    return {
        "summary": summary.en,
        "summary_fr": summary.fr,
        "description": description.en,
        "description_fr": description.fr,
    }


def _summary(signal: Signal) -> Words:
    if signal.about:  # the title says whose it is
        return signal.title
    where = ", ".join(_label(name) for name in ("service", *signal.where))
    return Words(f"{signal.title.en}: {where}", f"{signal.title.fr} : {where}")


def _value(unit: Unit, currency: str) -> Words:
    match unit:
        case Unit.SECONDS:
            return _said("humanizeDuration", r' | reReplaceAll "([0-9])([a-z]+)" "$1 $2"')
        case Unit.RATIO:
            return _said("humanizePercentage", ' | reReplaceAll "%" " %"')
        case Unit.MONEY:
            sign = currency_sign(currency)
            amount = _said('printf "%.2f"')
            return Words(amount.en + sign, f"{amount.fr} {sign.strip()}")
        case Unit.PER_MINUTE:
            rate = _said('printf "%.1f" | reReplaceAll "[.]0$" ""')
            return Words(f"{rate.en}/min", f"{rate.fr}/min")
        case Unit.COUNT:
            number = '{{ $value | printf "%.0f" }}'
            return Words(number, number)


def _said(function: str, then_in_french: str = "") -> Words:
    """The value through a template's function; in French with a decimal comma."""
    comma = ' | reReplaceAll "[.]" ","'
    return Words(
        f"{{{{ $value | {function} }}}}", f"{{{{ $value | {function}{comma}{then_in_french} }}}}"
    )


def _events(signal: Signal) -> Words:
    """On how many events the value stands: 14 of 220 requests."""
    floor = signal.floor
    if floor is None:
        return Words("", "")
    events = f"{signal.events_record}{{%s}}"
    whole = _queried(events, floor.by)
    if not floor.shared:
        return Words(f", over {whole} {floor.noun.en}", f", sur {whole} {floor.noun.fr}")
    part = _queried(f"{signal.record}{{%s}} * {events}", floor.by)
    return Words(f", {part} of {whole} {floor.noun.en}", f", {part} sur {whole} {floor.noun.fr}")


def _queried(promql: str, by: tuple[str, ...]) -> str:
    """What a query answers for the alert's own labels; in `promql`, %s is where these belong."""
    labels = ("service", *by)
    query = promql.replace("%s", ",".join(f"{label}=%q" for label in labels))
    values = " ".join(f"$labels.{label}" for label in labels * promql.count("%s"))
    asked = f"printf `{query}` {values} | query"
    return f'{{{{ with {asked} }}}}{{{{ . | first | value | printf "%.0f" }}}}{{{{ end }}}}'


def _label(name: str) -> str:
    return f"{{{{ $labels.{name} }}}}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
