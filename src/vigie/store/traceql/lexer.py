"""TraceQL's tokens. A token's value is what it means: a field, or a literal."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lark import Token
from lark.lexer import Lexer as LarkLexer

from vigie.store.logql.quantities import duration, go_float
from vigie.store.logql.strings import unquote
from vigie.store.traceql import tree as t
from vigie.store.traceql.errors import TraceQLError

MOST_TOKENS = 4000

SIGNS = {
    **{"{": "OPEN_BRACE", "}": "CLOSE_BRACE", "(": "OPEN", ")": "CLOSE", ",": "COMMA"},
    **{"&&": "AND", "||": "OR", "!": "NOT", "|": "PIPE", "-": "SUB"},
    **{"=": "EQ", "!=": "NEQ", "=~": "RE", "!~": "NRE", "<": "LT", "<=": "LTE", ">": "GT"},
    **{">=": "GTE", ">>": "DESCENDANT", "<<": "ANCESTOR", "~": "SIBLING"},
}
_UNSUPPORTED_SIGNS = (
    *("!>>", "!<<", "&>>", "&<<", "!>", "!<", "&>", "&<", "&~"),
    *("+", "*", "/", "%", "^"),
)
_UNSUPPORTED_WORDS = frozenset(
    (
        *("by", "coalesce", "rate", "count_over_time", "min_over_time", "max_over_time"),
        *("avg_over_time", "sum_over_time", "quantile_over_time", "histogram_over_time"),
        *("compare", "topk", "bottomk", "parent", "nestedSetLeft", "nestedSetRight"),
    )
)
_WORDS = {
    **dict.fromkeys(("count", "avg", "min", "max", "sum"), "AGGREGATE"),
    **{"select": "SELECT", "with": "WITH"},
}
_LITERALS = {
    **{word: t.Literal(t.STATUS, word) for word in t.STATUSES},
    **{word: t.Literal(t.KIND, word) for word in t.KINDS},
    **{"true": t.Literal(t.BOOLEAN, True), "false": t.Literal(t.BOOLEAN, False)},
    **{"nil": t.Literal(t.NIL, None)},
    **{"minInt": t.Literal(t.INTEGER, -(2**63)), "maxInt": t.Literal(t.INTEGER, 2**63 - 1)},
}

_SPACE = re.compile(r"(?:\s+|//[^\n]*|/\*.*?\*/)+", re.DOTALL)
_WORD = re.compile(r"[^\W\d]\w*")
_INTRINSIC = re.compile(r":\s*([^\W\d]\w*)")
_NUMBER = re.compile(r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_DURATION_REST = re.compile(r"[0-9nuµmshdwy.]*")
_STRING = re.compile(r'"(?:[^"\\\n]|\\[^\n])*"|`[^`]*`')
_NAME_PART = re.compile(r'[^\s{}()=~!<>&|^,"]+')
_QUOTED_PART = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_QUOTED_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


class Lexer(LarkLexer):
    """Text to tokens, for lark."""

    def __init__(self, _configuration: object) -> None:
        pass

    def lex(self, text: str) -> Iterator[Token]:  # type: ignore[override]  # the simple form of it
        """The tokens of `text`; raises `TraceQLError` with its place for what is none."""
        at = count = 0
        while True:
            space = _SPACE.match(text, at)
            at = space.end() if space else at
            if at >= len(text):
                return
            count += 1
            if count > MOST_TOKENS:
                raise TraceQLError("the query is too long", *place(text, at))
            kind, value, end = _next(text, at)
            line, column = place(text, at)
            yield Token(kind, value, at, line, column, end_pos=end)
            at = end


def place(text: str, at: int) -> tuple[int, int]:
    """Line and column, from 1, of an offset."""
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


def _next(text: str, at: int) -> tuple[str, object, int]:
    if number := _NUMBER.match(text, at):
        return _number(text, at, number.end())
    if text[at] == ".":
        return _attribute("", text, at, at + 1)
    if word := _WORD.match(text, at):
        return _word(text, at, word)
    if text[at] in '"`':
        found = _STRING.match(text, at)
        if found is None:
            raise TraceQLError("literal not terminated", *place(text, at))
        try:
            return "VALUE", t.Literal(t.STRING, unquote(found[0])), found.end()
        except ValueError as error:
            raise TraceQLError(str(error), *place(text, at)) from None
    for sign in _UNSUPPORTED_SIGNS:
        if text.startswith(sign, at) and not (sign == "!<" and text.startswith("!<=", at)):
            return "UNSUPPORTED", sign, at + len(sign)
    for length in (2, 1):
        if kind := SIGNS.get(text[at : at + length]):
            return kind, text[at : at + length], at + length
    raise TraceQLError(f"syntax error: unexpected {text[at]!r}", *place(text, at))


def _word(text: str, at: int, word: re.Match[str]) -> tuple[str, object, int]:
    name, end = word[0], word.end()
    if text.startswith(".", end) and (name in t.SCOPES or name == "parent"):
        if name == "parent":
            return "UNSUPPORTED", "parent.", end + 1
        return _attribute(name, text, at, end + 1)
    if name in (*t.SCOPES, "trace") and (scoped := _INTRINSIC.match(text, end)):
        full = f"{name}:{scoped[1]}"
        full = t.SPELLINGS.get(full, full)
        if ":" in full and full not in t.INTRINSICS:
            raise TraceQLError(f"unknown identifier: {full}", *place(text, at))
        return "FIELD", t.Intrinsic(full), scoped.end()
    if name in t.INTRINSICS:
        return "FIELD", t.Intrinsic(name), end
    if literal := _LITERALS.get(name):
        return "VALUE", literal, end
    if name in _UNSUPPORTED_WORDS:
        return "UNSUPPORTED", name, end
    return _WORDS.get(name, "WORD"), name, end


def _attribute(scope: str, text: str, start: int, at: int) -> tuple[str, object, int]:
    """An attribute, whose name begins at `at`: plain text and quoted text in any order."""
    name = ""
    while True:
        if plain := _NAME_PART.match(text, at):
            name += plain[0]
            at = plain.end()
        elif text.startswith('"', at):
            quoted = _QUOTED_PART.match(text, at)
            if quoted is None:
                raise TraceQLError('unexpected EOF, expecting "', *place(text, at))
            if any(one not in '"\\' for one in _QUOTED_ESCAPE.findall(quoted[1])):
                raise TraceQLError("invalid escape sequence", *place(text, at))
            name += _QUOTED_ESCAPE.sub(r"\1", quoted[1])
            at = quoted.end()
        else:
            break
    if not name:
        raise TraceQLError("an attribute without a name", *place(text, start))
    return "FIELD", t.Attribute(scope, name), at


def _number(text: str, at: int, end: int) -> tuple[str, object, int]:
    rest = _DURATION_REST.match(text, end)
    if rest and rest[0].strip("0123456789."):
        try:
            length = duration(text[at : rest.end()])
        except ValueError:
            pass
        else:
            return "VALUE", t.Literal(t.DURATION, length), rest.end()
    written = text[at:end]
    if written.isdigit():
        value = int(written)
        if value >= 2**63:
            raise TraceQLError(f"{written} is out of range", *place(text, at))
        return "VALUE", t.Literal(t.INTEGER, value), end
    try:
        return "VALUE", t.Literal(t.FLOAT, go_float(written)), end
    except ValueError as error:
        raise TraceQLError(str(error), *place(text, at)) from None
