"""The text of a template to a tree, as Go's text/template/parse."""

from __future__ import annotations

import re
from dataclasses import dataclass

from vigie.store.logql.strings import unquote


class TemplateSyntaxError(ValueError):
    """A template that cannot be read."""


# --- operands --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Constant:
    """A text, a number, true, false or nil."""

    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Dot:
    """`.`"""


@dataclass(frozen=True, slots=True)
class Field:
    """`.a.b`, of the dot."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Variable:
    """`$x.a.b`; the name is with its `$`."""

    name: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Chain:
    """`(…).a.b`."""

    inner: Pipe
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Function:
    """A function's name."""

    name: str


Operand = Constant | Dot | Field | Variable | Chain | Function


@dataclass(frozen=True, slots=True)
class Pipe:
    """`$x := first | second`; each command is an operand and its arguments."""

    commands: tuple[tuple[Operand, ...], ...]
    variables: tuple[str, ...] = ()
    declares: bool = False


# --- nodes -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Text:
    """What stands outside of the braces."""

    text: str


@dataclass(frozen=True, slots=True)
class Action:
    """`{{pipe}}`."""

    pipe: Pipe


@dataclass(frozen=True, slots=True)
class Branch:
    """`{{if}}`, `{{with}}` or `{{range}}`, to its `{{end}}`."""

    kind: str
    pipe: Pipe
    body: tuple[Node, ...]
    otherwise: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Leave:
    """`{{break}}` or `{{continue}}`."""

    kind: str


@dataclass(frozen=True, slots=True)
class Call:
    """`{{template "name" pipe}}`."""

    name: str
    pipe: Pipe | None


Node = Text | Action | Branch | Leave | Call

_OPEN = re.compile(r"\{\{(-[ \t\r\n])?")
_CLOSE = re.compile(r"([ \t\r\n]-)?\}\}")
_COMMENT = re.compile(r"\{\{(-[ \t\r\n]+)?/\*.*?\*/([ \t\r\n]+-)?\}\}", re.DOTALL)
_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)
      | (?P<close>(?:[ \t\r\n]-)?\}\})
      | (?P<string>"(?:[^"\\\n]|\\.)*"|`[^`]*`)
      | (?P<char>'(?:[^'\\\n]|\\.)+')
      | (?P<number>[+-]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+
          |(?:[0-9][0-9_]*(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?))
      | (?P<variable>\$\w*)
      | (?P<field>\.[^\W\d]\w*)
      | (?P<word>[^\W\d]\w*)
      | (?P<sign>:=|=|\||\(|\)|,|\.)""",
    re.VERBOSE,
)
_DEEPEST = 100


def parse_template(
    text: str, functions: frozenset[str]
) -> tuple[tuple[Node, ...], dict[str, tuple[Node, ...]]]:
    """The nodes of a template, and those that it defines by name; raises `TemplateSyntaxError`."""
    parser = _Parser(text, functions)
    nodes, ended = parser.nodes(0)
    if ended is not None:
        raise TemplateSyntaxError(f"template: line:1: unexpected {{{{{ended}}}}}")
    return nodes, parser.defined


class _Parser:
    def __init__(self, text: str, functions: frozenset[str]) -> None:
        self._text = text
        self._at = 0
        self._functions = functions
        self._trim = False
        self._variables = [["$"]]
        self._in_range = 0
        self._peeked: tuple[str, str] | None = None
        self.defined: dict[str, tuple[Node, ...]] = {}

    def nodes(self, depth: int) -> tuple[tuple[Node, ...], str | None]:
        """Nodes up to an `end` or `else` that is not theirs, which comes second."""
        if depth > _DEEPEST:
            raise self._error("nested too deeply")
        found: list[Node] = []
        while True:
            self._text_before_braces(found)
            if self._at >= len(self._text):
                return tuple(found), None
            if comment := _COMMENT.match(self._text, self._at):
                self._trim = comment[2] is not None
                self._at = comment.end()
                continue
            opened = _OPEN.match(self._text, self._at)
            assert opened is not None
            self._at = opened.end()
            kind, value = self._peek()
            if kind == "word" and value in ("end", "else"):
                self._take()
                if value == "end":
                    self._close()
                return tuple(found), value
            node = self._node(depth)
            if node is not None:
                found.append(node)

    def _text_before_braces(self, found: list[Node]) -> None:
        start = self._at
        end = self._text.find("{{", start)
        end = len(self._text) if end < 0 else end
        text = self._text[start:end]
        if self._trim:
            text = text.lstrip(" \t\r\n")
        opened = _OPEN.match(self._text, end)
        if opened is not None and opened[1]:
            text = text.rstrip(" \t\r\n")
        self._trim = False
        self._at = end
        if text:
            found.append(Text(text))

    def _node(self, depth: int) -> Node | None:
        kind, value = self._peek()
        if kind == "word" and value in ("if", "with", "range"):
            self._take()
            return self._branch(value, depth)
        if kind == "word" and value in ("break", "continue"):
            self._take()
            self._close()
            if not self._in_range:
                raise self._error(f"{{{{{value}}}}} outside {{{{range}}}}")
            return Leave(value)
        if kind == "word" and value in ("define", "block", "template"):
            self._take()
            return self._named(value, depth)
        pipe = self._pipe("close")
        self._close()
        return Action(pipe)

    def _branch(self, kind: str, depth: int) -> Branch:
        self._variables.append([])
        pipe = self._pipe("close", in_range=kind == "range")
        self._close()
        self._in_range += kind == "range"
        body, ended = self.nodes(depth + 1)
        self._in_range -= kind == "range"
        otherwise: tuple[Node, ...] = ()
        if ended == "else":
            next_kind, value = self._peek()
            if next_kind == "word" and value == kind and kind in ("if", "with"):
                self._take()
                otherwise = (self._branch(kind, depth + 1),)
                ended = "end"
            else:
                self._close()
                otherwise, ended = self.nodes(depth + 1)
        if ended is None:
            raise self._error("unexpected EOF")
        if ended == "else":
            raise self._error("expected end; found {{else}}")
        self._variables.pop()
        return Branch(kind, pipe, body, otherwise)

    def _named(self, kind: str, depth: int) -> Node | None:
        token, value = self._take()
        if token != "string":
            raise self._error(f"unexpected {value!r} in {kind} clause")
        name = self._unquoted(value)
        if kind == "template":
            pipe = None if self._peek()[0] == "close" else self._pipe("close")
            self._close()
            return Call(name, pipe)
        pipe = self._pipe("close") if kind == "block" else None
        self._close()
        outer, self._variables = self._variables, [["$"]]
        body, ended = self.nodes(depth + 1)
        self._variables = outer
        if ended != "end":
            raise self._error("unexpected EOF" if ended is None else "unexpected {{else}}")
        self.defined[name] = body
        return Call(name, pipe) if kind == "block" else None

    def _pipe(self, end: str, in_range: bool = False) -> Pipe:
        variables, declares = self._declaration(in_range)
        commands: list[tuple[Operand, ...]] = []
        while True:
            commands.append(self._command(end))
            kind, value = self._peek()
            if kind == "sign" and value == "|":
                self._take()
                continue
            break
        for command in commands[1:]:
            if isinstance(command[0], Constant | Dot):
                raise self._error("non executable command in pipeline stage 2")
        if declares:
            self._variables[-1].extend(variables)
        return Pipe(tuple(commands), variables, declares)

    def _declaration(self, in_range: bool) -> tuple[tuple[str, ...], bool]:
        start, peeked = self._at, self._peeked
        kind, value = self._peek()
        names: list[str] = []
        while kind == "variable":
            names.append(value)
            self._take()
            kind, value = self._peek()
            if kind == "sign" and value in (":=", "="):
                self._take()
                if value == "=":
                    for name in names:
                        self._check_variable(name)
                return tuple(names), value == ":="
            if not (kind == "sign" and value == "," and in_range and len(names) == 1):
                break
            self._take()
            kind, value = self._peek()
        self._at, self._peeked = start, peeked
        return (), False

    def _command(self, end: str) -> tuple[Operand, ...]:
        operands: list[Operand] = []
        while True:
            kind, value = self._peek()
            if kind == "close" or (kind == "sign" and value in ("|", ")")):
                if kind == "close" and end != "close":
                    raise self._error("unclosed left paren")
                if kind == "sign" and value == ")" and end != ")":
                    raise self._error("unexpected right paren")
                break
            operands.append(self._operand())
        if not operands:
            raise self._error("missing value for command")
        if isinstance(operands[0], Constant) and len(operands) > 1:
            raise self._error(f"can't give argument to non-function {operands[0].value!r}")
        return tuple(operands)

    def _operand(self) -> Operand:
        kind, value = self._take()
        if kind == "sign" and value == "(":
            inner = self._pipe(")")
            self._take()
            return Chain(inner, self._names())
        if kind == "sign" and value == ".":
            return Dot()
        if kind == "field":
            return Field((value[1:], *self._names()))
        if kind == "variable":
            self._check_variable(value)
            return Variable(value, self._names())
        if kind == "word":
            return self._word(value)
        if kind == "string":
            return Constant(self._unquoted(value))
        if kind == "char":
            return Constant(self._character(value))
        if kind == "number":
            return Constant(self._number(value))
        raise self._error(f"unexpected {value!r} in operand")

    def _word(self, value: str) -> Operand:
        if value in ("true", "false"):
            return Constant(value == "true")
        if value == "nil":
            return Constant(None)
        if value not in self._functions:
            raise self._error(f'function "{value}" not defined')
        names = self._names()
        if names:
            return Chain(Pipe(((Function(value),),)), names)
        return Function(value)

    def _names(self) -> tuple[str, ...]:
        """Field names that follow without a space."""
        names: list[str] = []
        while self._peeked is None:
            found = _TOKEN.match(self._text, self._at)
            if found is None or found.lastgroup != "field":
                break
            names.append(found[0][1:])
            self._at = found.end()
        return tuple(names)

    def _check_variable(self, name: str) -> None:
        if not any(name in scope for scope in self._variables):
            raise self._error(f'undefined variable "{name}"')

    def _unquoted(self, literal: str) -> str:
        try:
            return unquote(literal)
        except ValueError as error:
            raise self._error(str(error)) from None

    def _character(self, literal: str) -> int:
        text = self._unquoted(literal)
        if len(text) != 1:
            raise self._error(f"malformed character constant: {literal}")
        return ord(text)

    def _number(self, text: str) -> int | float:
        plain = text.replace("_", "")
        try:
            unsigned = plain.lstrip("+-")
            if len(unsigned) > 1 and unsigned.isdigit() and unsigned[0] == "0":
                return int(plain, 8)
            return int(plain, 0)
        except ValueError:
            pass
        try:
            return float(plain)
        except ValueError:
            raise self._error(f"bad number syntax: {text!r}") from None

    # --- tokens ---

    def _peek(self) -> tuple[str, str]:
        if self._peeked is None:
            self._peeked = self._read()
        return self._peeked

    def _take(self) -> tuple[str, str]:
        token = self._peek()
        self._peeked = None
        return token

    def _read(self) -> tuple[str, str]:
        while True:
            found = _TOKEN.match(self._text, self._at)
            closed = _CLOSE.match(self._text, self._at)
            if closed is not None:
                self._at = closed.end()
                return "close", closed[0]
            if found is None:
                if self._at >= len(self._text):
                    raise self._error("unclosed action")
                raise self._error(f"unexpected {self._text[self._at]!r} in action", self._at)
            self._at = found.end()
            if found.lastgroup != "space":
                return found.lastgroup or "", found[0]

    def _close(self) -> None:
        kind, value = self._take()
        if kind != "close":
            raise self._error(f"unexpected {value!r} in command")
        self._trim = len(value) > 2

    def _error(self, what: str, at: int | None = None) -> TemplateSyntaxError:
        line = self._text.count("\n", 0, self._at if at is None else at) + 1
        return TemplateSyntaxError(f"template: line:{line}: {what}")
