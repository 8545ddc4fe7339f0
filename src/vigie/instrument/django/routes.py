"""Django's routes as people read them: the value of the label `endpoint`."""

from __future__ import annotations

import re
from typing import Any

from django.conf import settings
from django.conf.urls.i18n import is_language_prefix_patterns_used

from vigie.catalogue.http import UNMATCHED

_LOOKS_LIKE_A_REGEX = re.compile(r"[\\^$(\[|]|[.)\]][*+?{]")
_QUANTIFIER = re.compile(r"(?:[*+?]|\{\d*,?\d*\})[?+]?")
_GROUP_NAME = re.compile(r"\?P<(\w+)>")
_GROUP_PREFIX = re.compile(r"\?(?:[aiLmsux-]*:|<?[=!]|#|P=|[aiLmsux]+\))")


def endpoint_of(request: Any) -> str:
    """The full route template of a request: `/api/v1/plans/<int:pk>/`, `UNMATCHED` without one.

    The prefixes of every `include()` are in it; a prefix that names a language is `<language>`.
    """
    match = request.resolver_match
    if match is None or match.route is None:
        return UNMATCHED
    return "/" + readable(_without_language(match.route, getattr(request, "urlconf", None)))


def readable(route: str) -> str:
    """A route without the marks of regular expressions: `^a/(?P<year>[0-9]{4})/$` is `a/<year>/`.

    Groups become `<name>`, or `<>` where they have none; what else matches many texts becomes `*`.
    """
    if not _LOOKS_LIKE_A_REGEX.search(route):
        return route
    written, _ = _written(route, 0)
    return written.lstrip("/")


def _without_language(route: str, urlconf: object) -> str:
    """Django joins the active language's code into the route; one series for each would be many."""
    used, _ = is_language_prefix_patterns_used(urlconf or settings.ROOT_URLCONF)
    if used:
        for code, _ in settings.LANGUAGES:
            if route.startswith(f"{code}/"):
                return "<language>" + route[len(code) :]
    return route


def _written(regex: str, at: int) -> tuple[str, int]:
    """What a reader needs of `regex` from `at` to the end of its group, and where that is."""
    parts: list[str] = []
    while at < len(regex):
        char = regex[at]
        if char == ")":
            return "".join(parts), at
        if quantifier := _QUANTIFIER.match(regex, at):
            at = quantifier.end()
            continue
        if char == "(":
            part, at = _group(regex, at + 1)
        elif char == "[":
            part, at = "*", _end_of_class(regex, at)
        elif char == "\\":
            part, at = _escaped(regex[at + 1 : at + 2]), at + 2
        elif char in "^$":
            part, at = "", at + 1
        else:
            at += 1
            part = "*" if char == "." and _QUANTIFIER.match(regex, at) else char
        if part != "*" or parts[-1:] != ["*"]:
            parts.append(part)
    return "".join(parts), at


def _group(regex: str, at: int) -> tuple[str, int]:
    """The text of the group that opens just before `at`, and the place behind it."""
    if name := _GROUP_NAME.match(regex, at):
        _, end = _written(regex, name.end())
        return f"<{name[1]}>", end + 1
    if prefix := _GROUP_PREFIX.match(regex, at):
        if prefix[0].endswith(")"):  # flags for all of the expression: (?i)
            return "", prefix.end()
        inner, end = _written(regex, prefix.end())
        if not prefix[0].endswith(":"):  # a look at what stands before or behind
            return "", end + 1
        return (f"({inner})" if "|" in inner else inner), end + 1
    _, end = _written(regex, at)
    return "<>", end + 1


def _end_of_class(regex: str, at: int) -> int:
    """The place behind the character class that opens at `at`."""
    end = at + 1
    if regex[end : end + 1] == "^":
        end += 1
    if regex[end : end + 1] == "]":  # a bracket in the first place stands for itself
        end += 1
    while end < len(regex) and regex[end] != "]":
        end += 2 if regex[end] == "\\" else 1
    return end + 1


def _escaped(char: str) -> str:
    if char in "AZbB":
        return ""
    return "*" if char in "dDsSwW" else char
