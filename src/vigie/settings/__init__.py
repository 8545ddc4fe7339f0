"""vigie.yml and VIGIE_* variables, read into one frozen `Settings`.

Everything has a default, so no file is needed. A variable names a setting by its path, in capitals
with two underscores between the parts (VIGIE_PORTS__PROMETHEUS=9091), and wins over the file.
All problems of both are reported at once, each with its place, the value found, and what to write
instead.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from vigie.settings import costs, notify, sources, thresholds
from vigie.settings.model import Currency, Service, Settings
from vigie.settings.problems import Places, Problem, SettingsError, problems_in

__all__ = ["FILE_NAME", "Service", "Settings", "SettingsError", "load"]

FILE_NAME = "vigie.yml"
FILE_VARIABLE = "VIGIE_SETTINGS"
"""Names the file, for the commands as for the processes that they start."""

_COACHING = {
    "django": "http://localhost:8002",
    "fastapi": "http://localhost:8000",
    "streamlit": "http://localhost:8501",
}
"""The services that are watched where none are named."""


def load(
    path: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    start: Path | None = None,
) -> Settings:
    """The settings of `path`, else of $VIGIE_SETTINGS, else of the first vigie.yml in `start` (by
    default the current folder) or a folder above it; without one, the defaults.

    Raises `SettingsError` with every problem of the file and the variables.
    """
    if path is None and environ.get(FILE_VARIABLE):
        path = Path(environ[FILE_VARIABLE])
    found = path or _nearest(start or Path.cwd())
    places = Places()
    problems: list[Problem] = []
    values = sources.read_file(found, places, problems) if found else {}
    values.setdefault("services", {name: {"url": url} for name, url in _COACHING.items()})
    known = frozenset(Settings.model_fields)
    variables = sources.read_environment(environ, known, values, places, problems)
    given = values.get("thresholds", {})
    limits = thresholds.read(given, _currency_code(values), places, problems)
    services = _with_usual_parts(values["services"])
    try:
        settings = Settings.model_validate(
            {**values, "services": services, "thresholds": limits},
            context={"folder": found.resolve().parent if found else Path.cwd()},
        )
    except ValidationError as error:
        problems += problems_in(error, Settings, places)
    else:
        problems += costs.problems_of(settings, places)
        problems += notify.problems_of(settings, places)
    if problems:
        raise SettingsError(problems)
    settings._path = found
    settings._variables = variables
    settings._places = places
    return settings


def _with_usual_parts(services: Any) -> Any:
    """A service called after its kind need not name it, nor where that kind is usually scraped."""
    if not isinstance(services, Mapping):
        return services
    whole = {}
    for name, given in services.items():
        whole[name] = given
        if isinstance(given, Mapping):
            kind = given.get("kind", name if name in _COACHING else None)
            usual = {"metrics_path": "/metrics/" if kind == "django" else "/metrics"}
            whole[name] = {**usual, **({"kind": kind} if kind else {}), **given}
    return whole


def _nearest(folder: Path) -> Path | None:
    for candidate in (folder.resolve(), *folder.resolve().parents):
        if (candidate / FILE_NAME).is_file():
            return candidate / FILE_NAME
    return None


def _currency_code(values: Mapping[str, object]) -> str:
    given = values.get("currency")
    code = given.get("code") if isinstance(given, Mapping) else None
    known = isinstance(code, str) and len(code) == 3 and code.isupper()
    return str(code) if known else Currency().code
