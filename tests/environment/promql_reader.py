"""Reads PromQL as Prometheus does, far enough to say which metrics and labels it names, and where.

tree = parse("sum by (service) (rate(x_total[5m]))")
labels_of(tree, known={"x_total": {"service", "code"}})    # {"service"}; LabelError otherwise
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeAlias

Span: TypeAlias = tuple[int, int]
"""Where something is written: from the first character up to, but without, the second."""


class PromqlError(ValueError):
    """The text is no PromQL, or of a kind that is not read here."""


class LabelError(ValueError):
    """An expression names a metric or a label that there is not."""


@dataclass(frozen=True)
class Token:
    kind: str
    text: str
    start: int

    @property
    def span(self) -> Span:
        return self.start, self.start + len(self.text)


@dataclass
class Number:
    span: Span


@dataclass
class Text:
    text: str
    span: Span


@dataclass
class Matcher:
    label: str
    label_span: Span
    operator: str
    operator_span: Span
    value_span: Span


@dataclass
class Selector:
    name: str
    span: Span
    matchers: list[Matcher] = field(default_factory=list)


@dataclass
class Window:
    """`[5m]`, or `[1h:1m]` of a subquery."""

    of: Node
    durations: list[Span]


@dataclass
class Offset:
    of: Node
    duration: Span


@dataclass
class Call:
    function: str
    span: Span
    arguments: list[Node]


@dataclass
class Aggregate:
    operation: str
    span: Span
    keyword: str
    labels: list[Token]
    of: Node


@dataclass
class Binary:
    operator: str
    span: Span
    left: Node
    right: Node
    keyword: str = ""
    labels: list[Token] = field(default_factory=list)
    grouping: str = ""


Node: TypeAlias = "Number | Text | Selector | Window | Offset | Call | Aggregate | Binary"

AGGREGATIONS = {"sum", "max", "min", "avg", "count", "group", "topk", "bottomk", "quantile"}
_SAME_SERIES = {"topk", "bottomk"}
_SAME_LABELS = {
    *("rate", "increase", "delta", "deriv", "avg_over_time", "min_over_time", "max_over_time"),
    *("count_over_time", "sum_over_time", "round", "sort", "sort_desc", "abs", "ceil", "floor"),
}
_WITHOUT_LABELS = {"time", "vector", "scalar", "absent"}

_TOKENS = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<string>"(?:\\.|[^"\\])*")
    | (?P<duration>\d+(?:ms|[smhdwy])(?!\w))
    | (?P<number>\d+(?:\.\d+)?(?:e[+-]?\d+)?)
    | (?P<word>[A-Za-z_][\w:]*)
    | (?P<mark>=~|!~|!=|==|>=|<=|[-+*/%^=<>(){}\[\],:])
    """,
    re.VERBOSE,
)
_BINDING = [
    {"or"},
    {"and", "unless"},
    {"==", "!=", ">", "<", ">=", "<="},
    {"+", "-"},
    {"*", "/", "%"},
]


def tokens(text: str) -> list[Token]:
    """The text's tokens, without blanks. Raises PromqlError for a character that begins none."""
    found, at = [], 0
    while at < len(text):
        match = _TOKENS.match(text, at)
        if match is None:
            raise PromqlError(f"no token at {text[at : at + 20]!r}")
        kind = str(match.lastgroup)
        if kind != "space":
            found.append(Token(kind, match[0], at))
        at = match.end()
    return found


def parse(text: str) -> Node:
    """The expression's tree. Raises PromqlError."""
    reader = _Reader(tokens(text))
    tree = reader.expression(0)
    if reader.next is not None:
        raise PromqlError(f"more than one expression: {reader.next.text!r}")
    return tree


def walk(node: Any) -> Iterator[Any]:
    """The node and everything in it, outermost first."""
    yield node
    for part in fields(node):
        value = getattr(node, part.name)
        for item in value if isinstance(value, list) else [value]:
            if hasattr(item, "__dataclass_fields__") and not isinstance(item, Token):
                yield from walk(item)


def labels_of(node: Node, known: Mapping[str, set[str]]) -> set[str]:
    """The labels that the result may have; `known` are those of each series by its name.

    Raises LabelError where a name is not known, or a label is asked for that cannot be there.
    """
    match node:
        case Number() | Text():
            return set()
        case Selector():
            if node.name not in known:
                raise LabelError(f"no metric is called {node.name}")
            _ask({matcher.label for matcher in node.matchers}, known[node.name], node.name)
            return known[node.name]
        case Window() | Offset():
            return labels_of(node.of, known)
        case Call():
            return _labels_of_call(node, known)
        case Aggregate():
            inside = labels_of(node.of, known)
            named = {token.text for token in node.labels}
            _ask(named, inside, f"{node.operation} {node.keyword}")
            if node.operation in _SAME_SERIES:
                return inside
            return named if node.keyword == "by" else inside - named if node.keyword else set()
        case Binary():
            left, right = labels_of(node.left, known), labels_of(node.right, known)
            named = {token.text for token in node.labels}
            if node.keyword == "ignoring":
                _ask(named, left | right, f"either side of {node.operator}")
            else:
                _ask(named, left, f"the left of {node.operator}")
                _ask(named, right, f"the right of {node.operator}")
            return left | right if node.operator == "or" else left or right


def _labels_of_call(node: Call, known: Mapping[str, set[str]]) -> set[str]:
    arguments = [labels_of(argument, known) for argument in node.arguments]
    if node.function in _WITHOUT_LABELS:
        return set()
    if node.function in _SAME_LABELS:
        return arguments[0]
    if node.function == "histogram_quantile":
        _ask({"le"}, arguments[1], node.function)
        return arguments[1] - {"le"}
    if node.function == "label_replace":
        target, source = node.arguments[1], node.arguments[3]
        assert isinstance(target, Text) and isinstance(source, Text)
        _ask({source.text} - {""}, arguments[0], node.function)
        return arguments[0] | {target.text}
    raise PromqlError(f"{node.function} is not read here")


def _ask(wanted: set[str], there: set[str], where: str) -> None:
    if missing := wanted - there:
        raise LabelError(f"{where}: no label {', '.join(sorted(missing))}")


class _Reader:
    def __init__(self, found: list[Token]) -> None:
        self._tokens = found
        self._at = 0

    @property
    def next(self) -> Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def expression(self, level: int) -> Node:
        if level == len(_BINDING):
            return self._signed()
        left = self.expression(level + 1)
        while self.next is not None and self.next.text in _BINDING[level]:
            operator = self._take()
            keyword, labels, grouping = self._matching()
            right = self.expression(level + 1)
            left = Binary(operator.text, operator.span, left, right, keyword, labels, grouping)
        return left

    def _matching(self) -> tuple[str, list[Token], str]:
        keyword, labels, grouping = "", [], ""
        if self._is("on", "ignoring"):
            keyword = self._take().text
            labels = self._names()
        if self._is("group_left", "group_right"):
            grouping = self._take().text
            if self._is("("):
                self._names()
        return keyword, labels, grouping

    def _signed(self) -> Node:
        if self._is("-", "+"):
            self._take()
        return self._suffixed(self._atom())

    def _suffixed(self, node: Node) -> Node:
        while True:
            if self._is("["):
                self._take()
                durations = [self._take("duration").span]
                if self._is(":"):
                    self._take()
                    durations.append(self._take("duration").span)
                self._expect("]")
                node = Window(node, durations)
            elif self._is("offset"):
                self._take()
                node = Offset(node, self._take("duration").span)
            else:
                return node

    def _atom(self) -> Node:
        token = self._take()
        if token.kind == "number":
            return Number(token.span)
        if token.kind == "string":
            return Text(_unquoted(token.text), token.span)
        if token.text == "(":
            inside = self.expression(0)
            self._expect(")")
            return inside
        if token.text in AGGREGATIONS and self._is("by", "without", "("):
            return self._aggregate(token)
        if token.kind == "word" and self._is("("):
            return Call(token.text, token.span, self._list(lambda: self.expression(0)))
        if token.kind == "word":
            return Selector(token.text, token.span, self._matchers())
        raise PromqlError(f"no expression begins with {token.text!r}")

    def _aggregate(self, token: Token) -> Node:
        keyword, labels = "", []
        if self._is("by", "without"):
            keyword = self._take().text
            labels = self._names()
        arguments = self._list(lambda: self.expression(0))
        return Aggregate(token.text, token.span, keyword, labels, arguments[-1])

    def _matchers(self) -> list[Matcher]:
        if not self._is("{"):
            return []
        found = []
        self._take()
        while not self._is("}"):
            label, operator, value = self._take("word"), self._take("mark"), self._take("string")
            found.append(Matcher(label.text, label.span, operator.text, operator.span, value.span))
            if self._is(","):
                self._take()
        self._take()
        return found

    def _names(self) -> list[Token]:
        return self._list(lambda: self._take("word"))

    def _list(self, item: Callable[[], Any]) -> list[Any]:
        self._expect("(")
        found = []
        while not self._is(")"):
            found.append(item())
            if self._is(","):
                self._take()
        self._take()
        return found

    def _is(self, *texts: str) -> bool:
        return self.next is not None and self.next.kind != "string" and self.next.text in texts

    def _expect(self, text: str) -> None:
        if not self._is(text):
            raise PromqlError(f"{text!r} is missing before {self.next and self.next.text!r}")
        self._take()

    def _take(self, kind: str = "") -> Token:
        token = self.next
        if token is None or (kind and token.kind != kind):
            raise PromqlError(f"a {kind or 'token'} is missing before {token and token.text!r}")
        self._at += 1
        return token


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1])
