"""Where settings are written: the file, with the line of each key, and the environment."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from vigie.settings.problems import Places, Problem, SettingsError, misspelt, shown

PREFIX = "VIGIE_"
SEPARATOR = "__"
SERVICE_VARIABLE = "VIGIE_SERVICE"
"""What a watched service is called; looks like a misspelt setting, and is none."""

# A threshold's natural spelling, `warning: >500ms`, is not YAML: an unquoted ">" opens a block of
# text. It can mean nothing else there, so it is read as what it says.
_UNQUOTED_LIMIT = re.compile(
    r"""^(\s*(?:warning|critical)\s*:\s*)(>\s*\d[^#"'\n]*?)(\s*(?:\#.*)?)$""", re.MULTILINE
)


def read_file(path: Path, places: Places, problems: list[Problem]) -> dict[str, Any]:
    """The values of a YAML file; records the line of each key.

    Raises `SettingsError` where the file cannot be read at all or is not YAML.
    """
    places.known[()] = f"{path.name}:1"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SettingsError([Problem(str(path), f"cannot be read: {reason}")]) from None
    loader = _Loader(_UNQUOTED_LIMIT.sub(r'\1"\2"\3', text))
    try:
        node = loader.get_single_node()
        if node is None:
            return {}
        if not isinstance(node, yaml.MappingNode):
            found = shown(loader.construct_document(node))
            what = f"the file is {found}: write settings, e.g. time_zone: Europe/Paris"
            raise SettingsError([Problem(f"{path.name}:1", what)])
        _locate(node, (), path.name, places, problems)
        return dict(loader.construct_document(node))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        what = f"the file is not YAML: {error.problem}: write key: value, text in quotation marks"
        raise SettingsError([Problem(f"{path.name}{line}", what)]) from None
    finally:
        loader.dispose()


def read_environment(
    environ: Mapping[str, str],
    known: frozenset[str],
    values: dict[str, Any],
    places: Places,
    problems: list[Problem],
) -> dict[str, str]:
    """Lay the VIGIE_* variables over the file's values; return those that are settings.

    Variables of other purposes share the prefix (VIGIE_STATE, …), so an unknown name is a problem
    only where it has the form of a path or nearly is a setting.
    """
    laid = {}
    for variable in sorted(environ):
        if not variable.startswith(PREFIX) or variable == SERVICE_VARIABLE:
            continue
        path = tuple(variable.removeprefix(PREFIX).lower().split(SEPARATOR))
        if path[0] not in known:
            if len(path) > 1 or get_close_matches(path[0], known, n=1, cutoff=0.85):
                what = f"{'.'.join(path)} is not a setting: {misspelt(path[0], list(known))}"
                problems.append(Problem(variable, what))
            continue
        around = values
        for key in path[:-1]:
            if not isinstance(around.get(key), dict):
                around[key] = {}
            around = around[key]
        around[path[-1]] = laid[variable] = environ[variable]
        places.known[path] = variable
    return laid


def _locate(
    node: yaml.Node, path: tuple[str, ...], file: str, places: Places, problems: list[Problem]
) -> None:
    """Record the line of each key below a node; YAML keeps the last of two equal keys silently."""
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            places.known[(*path, str(index))] = f"{file}:{item.start_mark.line + 1}"
            _locate(item, (*path, str(index)), file, places, problems)
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        here = (*path, str(key.value))
        place = f"{file}:{key.start_mark.line + 1}"
        if here in places.known:
            what = f"{'.'.join(here)} stands twice, first at {places.known[here]}: keep one"
            problems.append(Problem(place, what))
        places.known[here] = place
        _locate(value, here, file, places, problems)


class _Loader(yaml.SafeLoader):
    """Reads an unquoted 22:00 as the text that it is: YAML 1.1 makes 1320 of it, in base 60."""

    def construct_number(self, node: yaml.ScalarNode) -> Any:
        """A number; a text where only base 60 makes one of it."""
        if ":" in node.value:
            return self.construct_scalar(node)
        integer = node.tag == "tag:yaml.org,2002:int"
        return self.construct_yaml_int(node) if integer else self.construct_yaml_float(node)


for _tag in ("int", "float"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _Loader.construct_number)
