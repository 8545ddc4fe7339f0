"""What is wrong with the settings: findings with a place and a remedy.

Every message reads `place: path is value: what to write instead`, the place being `file:line` or
the name of a variable.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

_REMEDIES = {
    "int_parsing": "write a whole number",
    "int_type": "write a whole number",
    "int_from_float": "write a whole number",
    "bool_parsing": "write true or false",
    "bool_type": "write true or false",
    "string_type": "write text, in quotation marks",
    "path_type": "write the path of a file",
    "decimal_parsing": "write a number",
    "decimal_type": "write a number",
    "date_parsing": "write a date as year-month-day, e.g. 2026-11-01",
    "date_from_datetime_parsing": "write a date as year-month-day, e.g. 2026-11-01",
    "date_type": "write a date as year-month-day, e.g. 2026-11-01",
    "model_type": "write a mapping of settings",
    "dict_type": "write a mapping of settings",
    "greater_than": "write a number above {gt}",
    "greater_than_equal": "write a number from {ge} on",
    "less_than_equal": "write a number up to {le}",
    "literal_error": "write {expected}",
    "decimal_max_places": "write {decimal_places} decimals at most",
    "finite_number": "write a number",
    "string_too_short": "write a name",
    "tuple_type": "write a list",
    "string_pattern_mismatch": "write it in its usual form",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding: where, and what is wrong with the remedy."""

    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}"


class SettingsError(ValueError):
    """The settings cannot be used; its text is all problems, one a line."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=_reading_order))
        super().__init__("\n".join(map(str, self.problems)))


def _reading_order(problem: Problem) -> tuple[bool, int]:
    """The file's from top to bottom, then the variables'."""
    _, _, line = problem.place.rpartition(":")
    return (not line.isdigit(), int(line) if line.isdigit() else 0)


@dataclass(slots=True)
class Places:
    """Where each setting was written: a path of keys → `file:line` or a variable's name."""

    known: dict[tuple[str, ...], str] = field(default_factory=dict)

    def of(self, path: tuple[str, ...]) -> str:
        """The place of a setting, or of the nearest part that was written around it."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.known:
                return self.known[path[:length]]
        return "settings"


def problems_in(error: ValidationError, model: type[BaseModel], places: Places) -> list[Problem]:
    """What pydantic refused, in our words."""
    return [
        Problem(places.of(tuple(map(str, finding["loc"]))), _explained(finding, model))
        for finding in error.errors(include_url=False)
    ]


def misspelt(name: str, known: Iterator[str] | list[str]) -> str:
    """The remedy for an unknown name: the nearest known one, or all of them."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1, cutoff=0.6)
    return f'did you mean "{near[0]}"?' if near else f"write one of {', '.join(names)}"


def _explained(finding: Any, model: type[BaseModel]) -> str:
    path = ".".join(map(str, finding["loc"]))
    kind, context = finding["type"], finding.get("ctx", {})
    around = _model_at(model, finding["loc"][:-1])
    if kind == "extra_forbidden" and around is not None:
        known = [info.alias or name for name, info in around.model_fields.items()]
        return f"{path} is not a setting: {misspelt(finding['loc'][-1], known)}"
    if kind == "missing":
        return f"{path} is missing: write it{_example(around, finding['loc'])}"
    if kind == "value_error":
        said = str(context["error"])
        return said if not path else f"{path} is {shown(finding['input'])}: {said}"
    usual = _REMEDIES.get(kind)
    remedy = usual.format(**context) if usual else finding["msg"]
    return f"{path} is {shown(finding['input'])}: {remedy}{_example(around, finding['loc'])}"


def shown(value: object) -> str:
    """A value as the user wrote it, shortened; a mapping or list only by its kind."""
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "empty"
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _example(model: type[BaseModel] | None, loc: tuple[str | int, ...]) -> str:
    info = model.model_fields.get(str(loc[-1])) if model is not None else None
    return f", e.g. {info.examples[0]}" if info is not None and info.examples else ""


def _model_at(model: type[BaseModel], loc: tuple[str | int, ...]) -> type[BaseModel] | None:
    """The section that a path leads to; a key of a mapping or list leads to its values."""
    found: Any = model
    for key in loc:
        if isinstance(found, type) and issubclass(found, BaseModel):
            info = found.model_fields.get(str(key))
            found = _plain(info.annotation) if info is not None else None
        elif get_origin(found) is dict:
            found = _plain(get_args(found)[1])
        elif get_origin(found) is tuple:
            found = _plain(get_args(found)[0])
        else:
            return None
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def _plain(annotation: Any) -> Any:
    """An annotation without its metadata and without `| None`."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, UnionType):
        return next(part for part in get_args(annotation) if part is not type(None))
    return annotation
