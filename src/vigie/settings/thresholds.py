"""The section `thresholds`: limits that the user sets for the catalogue's signals."""

from collections.abc import Mapping
from typing import Any

from vigie.catalogue.signal import Comparator, Signal
from vigie.catalogue.signals import BY_NAME
from vigie.settings.model import Limits
from vigie.settings.problems import Places, Problem, misspelt, shown
from vigie.settings.quantities import limit, written_limit

_SECTION = "thresholds"
_LEVELS = ("warning", "critical")


def read(given: Any, currency: str, places: Places, problems: list[Problem]) -> dict[str, Limits]:
    """Every signal's limits: the catalogue's, with what the user gave in their place."""
    limits = {name: Limits(signal.warning, signal.critical) for name, signal in BY_NAME.items()}
    if not isinstance(given, Mapping):
        example = 'openai_daily_cost: {warning: ">50€"}'
        what = f"{_SECTION} is {shown(given)}: write signals with their limits, e.g. {example}"
        problems.append(Problem(places.of((_SECTION,)), what))
        return limits
    for name, levels in given.items():
        signal = BY_NAME.get(name)
        path = (_SECTION, str(name))
        if signal is None:
            what = f"{'.'.join(path)} is not a signal: {misspelt(str(name), list(BY_NAME))}"
            problems.append(Problem(places.of(path), what))
        elif not isinstance(levels, Mapping):
            remedy = f"write its limits, e.g. {_example(signal, currency)}"
            what = f"{'.'.join(path)} is {shown(levels)}: {remedy}"
            problems.append(Problem(places.of(path), what))
        else:
            limits[name] = _limits(signal, levels, currency, places, problems)
    return limits


def _limits(
    signal: Signal,
    levels: Mapping[str, Any],
    currency: str,
    places: Places,
    problems: list[Problem],
) -> Limits:
    read = {"warning": signal.warning, "critical": signal.critical}
    before = len(problems)
    for level, text in levels.items():
        path = (_SECTION, signal.name, str(level))
        if level not in _LEVELS:
            what = f"{'.'.join(path)} is not a level: {misspelt(str(level), list(_LEVELS))}"
            problems.append(Problem(places.of(path), what))
            continue
        try:
            read[level] = limit(text, signal, currency)
        except ValueError as error:
            what = f"{'.'.join(path)} is {shown(text)}: {error}"
            problems.append(Problem(places.of(path), what))
    limits = Limits(**read)
    warning, critical = limits.warning, limits.critical
    if len(problems) > before or warning is None or critical is None:
        return limits
    above = signal.bad_when is Comparator.ABOVE
    if not (critical > warning if above else critical < warning):
        what = (
            f'{_SECTION}.{signal.name}: critical is "{written_limit(critical, signal, currency)}": '
            f"write one {'above' if above else 'below'} warning, "
            f'"{written_limit(warning, signal, currency)}"'
        )
        problems.append(Problem(places.of((_SECTION, signal.name, "critical")), what))
    return limits


def _example(signal: Signal, currency: str) -> str:
    usual = {"warning": signal.warning, "critical": signal.critical}
    written = (
        f'{level}: "{written_limit(value, signal, currency)}"'
        for level, value in usual.items()
        if value is not None
    )
    return f"{{{', '.join(written)}}}"
