"""LogQL's tokens. Whether a word is a name or a function depends on what follows it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lark import Token
from lark.lexer import Lexer as LarkLexer

from vigie.store.logql.errors import LogQLError
from vigie.store.logql.quantities import duration, go_bytes, prometheus_duration
from vigie.store.logql.strings import unquote

LONGEST_QUERY = 131_072

RANGE_OPERATIONS = (
    "count_over_time",
    "rate",
    "rate_counter",
    "bytes_over_time",
    "bytes_rate",
    "avg_over_time",
    "sum_over_time",
    "min_over_time",
    "max_over_time",
    "stdvar_over_time",
    "stddev_over_time",
    "quantile_over_time",
    "first_over_time",
    "last_over_time",
    "absent_over_time",
)
VECTOR_OPERATIONS = (
    "sum",
    "avg",
    "count",
    "max",
    "min",
    "stddev",
    "stdvar",
    "bottomk",
    "topk",
    "sort",
    "sort_desc",
    "approx_topk",
)
_FUNCTIONS = {
    **dict.fromkeys(RANGE_OPERATIONS, "RANGE_OP"),
    **dict.fromkeys(VECTOR_OPERATIONS, "VECTOR_OP"),
    **dict.fromkeys(("bytes", "duration", "duration_seconds"), "CONVERSION"),
    "vector": "VECTOR",
    "label_replace": "LABEL_REPLACE",
    "ip": "IP",
}
"""What is a function only where a parenthesis or a grouping follows; a name elsewhere."""

_WORDS = {
    word: word.upper()
    for word in (
        *("by", "without", "bool", "offset", "on", "ignoring", "group_left", "group_right"),
        *("or", "and", "unless", "json", "regexp", "logfmt", "unpack", "pattern", "unwrap"),
        *("decolorize", "drop", "keep"),
    )
} | {"line_format": "LINE_FMT", "label_format": "LABEL_FMT"}

_SIGNS = {
    **{"==": "CMP_EQ", "!=": "NEQ", ">=": "GTE", "<=": "LTE", "=~": "RE", "!~": "NRE"},
    **{"!>": "NPA", "|=": "PIPE_EXACT", "|~": "PIPE_MATCH", "|>": "PIPE_PATTERN"},
    **{"|": "PIPE", "=": "EQ", ">": "GT", "<": "LT", "{": "OPEN_BRACE", "}": "CLOSE_BRACE"},
    **{"(": "OPEN", ")": "CLOSE", ",": "COMMA", ".": "DOT", "+": "ADD", "-": "SUB"},
    **{"*": "MUL", "/": "DIV", "%": "MOD", "^": "POW"},
}
SHOWN = {kind: sign for sign, kind in _SIGNS.items()} | {word.upper(): word for word in _WORDS}
"""How Loki's messages show a token; one that is not here by the name of its kind."""

_SPACE = re.compile(r"(?:[ \t\r\n]+|#[^\n]*|//[^\n]*|/\*.*?\*/)+", re.DOTALL)
_WORD = re.compile(r"[^\W\d]\w*")
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_STRING = re.compile(r'"(?:[^"\\\n]|\\[^\n])*"|`[^`]*`')
_IS_CALLED = re.compile(r"\s*(?:\(|(?:by|without)\s*\()", re.IGNORECASE)
_FLAG = re.compile(r"--(?:strict|keep-empty)(?![a-zA-Z-])")
_DURATION_REST = re.compile(r"[0-9nuµmshdwy.]*")
_BYTES_REST = re.compile(r"[0-9BikKMGTP.]*")


class Lexer(LarkLexer):
    """Text to tokens, for lark. A token's value is what it means: a number of ns for a duration."""

    def __init__(self, _configuration: object) -> None:
        pass

    def lex(self, text: str) -> Iterator[Token]:  # type: ignore[override]  # the simple form of it
        """The tokens of `text`; raises `LogQLError` with its place for what is none."""
        at = 0
        places = _Places(text)
        while True:
            space = _SPACE.match(text, at)
            at = space.end() if space else at
            if at >= len(text):
                return
            kind, value, end = _next(text, at, places)
            line, column = places.of(at)
            yield Token(kind, value, at, line, column, end_pos=end)
            at = end


class _Places:
    """Lines and columns, from 1, of offsets into a text."""

    def __init__(self, text: str) -> None:
        self._text = text

    def of(self, at: int) -> tuple[int, int]:
        before = self._text.rfind("\n", 0, at)
        return self._text.count("\n", 0, at) + 1, at - before

    def error(self, message: str, at: int) -> LogQLError:
        return LogQLError(message, *self.of(at))


def place_of_end(text: str) -> tuple[int, int]:
    """Line and column just after the text."""
    return _Places(text).of(len(text))


def _next(text: str, at: int, places: _Places) -> tuple[str, object, int]:
    character = text[at]
    if word := _WORD.match(text, at):
        return (*_word(text, word), word.end())
    if number := _NUMBER.match(text, at):
        return _number(text, at, number.end())
    if character in '"`':
        found = _STRING.match(text, at)
        if found is None:
            raise places.error("literal not terminated", at)
        try:
            return "STRING", unquote(found[0]), found.end()
        except ValueError as error:
            raise places.error(str(error), at) from None
    if character == "'":
        raise places.error("invalid char literal", at)
    if character == "[":
        return _range(text, at, places)
    if character == "-":
        if flag := _FLAG.match(text, at):
            return "FUNCTION_FLAG", flag[0], flag.end()
        if negative := _duration(text, at, at + 1):
            return negative
    for length in (2, 1):
        if kind := _SIGNS.get(text[at : at + length]):
            return kind, text[at : at + length], at + length
    raise places.error(f"syntax error: unexpected {character!r}", at)


def _word(text: str, word: re.Match[str]) -> tuple[str, str]:
    lower = word[0].lower()
    if kind := _FUNCTIONS.get(lower):
        if _IS_CALLED.match(text, word.end()):
            return kind, lower
        return "IDENTIFIER", word[0]
    if kind := _WORDS.get(lower):
        return kind, lower
    return "IDENTIFIER", word[0]


def _number(text: str, at: int, end: int) -> tuple[str, object, int]:
    if found := _duration(text, at, end):
        return found
    size = _BYTES_REST.match(text, end)
    if size and size[0]:
        try:
            return "BYTES", go_bytes(text[at : size.end()]), size.end()
        except ValueError:
            pass
    return "NUMBER", text[at:end], end


def _duration(text: str, at: int, end: int) -> tuple[str, object, int] | None:
    """The duration at `at`, whose sign or first number ends at `end`."""
    rest = _DURATION_REST.match(text, end)
    if rest is None or not rest[0].strip("0123456789."):
        return None
    try:
        return "DURATION", duration(text[at : rest.end()]), rest.end()
    except ValueError:
        return None


def _range(text: str, at: int, places: _Places) -> tuple[str, object, int]:
    end = text.find("]", at)
    if end < 0:
        raise places.error("missing closing ']' in duration", at)
    try:
        return "RANGE", prometheus_duration(text[at + 1 : end]), end + 1
    except ValueError as error:
        raise places.error(str(error), at) from None
