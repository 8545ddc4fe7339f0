"""Regular expressions in RE2's syntax, which is Go's: linear in time whatever the expression."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Protocol, cast

import re2


class Match(Protocol):
    """What `re.Match` has of it."""

    def group(self, which: int | str) -> str | None:
        """The text of a group; None where it took no part."""

    def start(self, which: int | str = 0) -> int:
        """Where a group begins."""

    def end(self, which: int | str = 0) -> int:
        """Where a group ends."""

    def groups(self) -> tuple[str | None, ...]:
        """The texts of all groups."""


class Regex(Protocol):
    """What `re.Pattern` has of it."""

    @property
    def groupindex(self) -> dict[str, int]:
        """The numbers of the named groups."""

    def search(self, text: str) -> Match | None:
        """The first match."""

    def finditer(self, text: str) -> Iterator[Match]:
        """All matches, one after the other."""


class RegexError(ValueError):
    """An expression that RE2 does not take, in Go's words."""


_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_OPTIONS.max_mem = 8 << 20

_WORDS = {
    "missing )": "missing closing )",
    "missing ]": "missing closing ]",
    "unexpected )": "unexpected )",
    "no argument for repetition operator": "missing argument to repetition operator",
    "bad repetition operator": "invalid nested repetition operator",
    "invalid escape sequence": "invalid escape sequence",
    "trailing \\": "trailing backslash at end of expression",
}


@lru_cache(maxsize=1000)
def compiled(expression: str) -> Regex:
    """The expression, ready to search; raises `RegexError`."""
    try:
        # What users send is text: the expression must be as valid as the lines are.
        return cast(Regex, re2.compile(expression, _OPTIONS))
    except (re2.error, UnicodeEncodeError) as error:
        why = error.args[0] if error.args else error
        said = why.decode(errors="replace") if isinstance(why, bytes) else str(why)
        what, _, where = said.partition(": ")
        raise RegexError(
            f"error parsing regexp: {_WORDS.get(what, what)}: `{where or expression}`"
        ) from None


def anchored(expression: str, dot_matches_newline: bool = False) -> Regex:
    """The expression for the whole of a text, as label matchers mean it."""
    compiled(expression)  # refuses what only the parentheses around it would make valid
    flags = "s" if dot_matches_newline else ""
    return compiled(f"^(?{flags}:{expression})$")


@lru_cache(maxsize=1000)
def predicate(op: str, value: str, dot_matches_newline: bool = False) -> Callable[[str], bool]:
    """Whether a text matches `op value`, where op is `=`, `!=`, `=~` or `!~`."""
    if op == "=":
        return value.__eq__
    if op == "!=":
        return value.__ne__
    alternatives = literal_alternatives(value)
    if alternatives is not None:
        if op == "=~":
            return alternatives.__contains__
        return lambda text: text not in alternatives
    search = anchored(value, dot_matches_newline).search
    if op == "=~":
        return lambda text: search(text) is not None
    return lambda text: search(text) is None


_LITERALS = re.compile(r"[A-Za-z0-9_\-/:@ ,|]*")


def literal_alternatives(expression: str) -> frozenset[str] | None:
    """The texts that an anchored expression is true of, where it is but `a|b|c`."""
    if _LITERALS.fullmatch(expression) is None:
        return None
    return frozenset(expression.split("|"))


_REFERENCE = re.compile(r"\$(?:(\$)|\{([A-Za-z0-9_]+)\}|([A-Za-z0-9_]+))")


def expanded(template: str, found: Match, names: dict[str, int]) -> str:
    """A replacement with `$1`, `${name}` and `$$`, as Go's Regexp.Expand; unknown ones are ''."""

    def value(reference: re.Match[str]) -> str:
        if reference[1]:
            return "$"
        name = reference[2] or reference[3]
        number = int(name) if name.isdigit() else names.get(name, -1)
        if not 0 <= number <= len(found.groups()):
            return ""
        return found.group(number) or ""

    return _REFERENCE.sub(value, template)
