"""Templates run on a line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from vigie.store.logql.template import parse as p
from vigie.store.logql.template.functions import FUNCTIONS, LONGEST, SPECIAL, Signature
from vigie.store.logql.template.gotime import GoTime, GoTimeError
from vigie.store.logql.template.values import (
    NO_VALUE,
    Json,
    NoValue,
    TemplateError,
    kind,
    printed,
    truth,
)

_MOST_CALLS = 100
_NAMES = SPECIAL | FUNCTIONS.keys()


class Template:
    """A template of line_format or label_format; raises `TemplateSyntaxError`."""

    def __init__(self, text: str) -> None:
        self._nodes, self._defined = _parsed(text)
        self.fields: tuple[str, ...] = tuple(dict.fromkeys(_fields(self._nodes)))
        """The labels that it names, each once."""
        self.single_field = _single_field(self._nodes)
        """The label, where the template is but `{{.label}}`."""

    def render(self, labels: dict[str, str], line: str, timestamp: int) -> str:
        """What the template makes of a line; raises `TemplateError`."""
        run = _Run(self._defined, labels, line, timestamp)
        try:
            run.nodes(self._nodes, labels)
        except (GoTimeError, OverflowError, RecursionError) as error:
            raise TemplateError(str(error)) from None
        return "".join(run.out)


@lru_cache(maxsize=1000)
def _parsed(text: str) -> tuple[tuple[p.Node, ...], dict[str, tuple[p.Node, ...]]]:
    return p.parse_template(text, frozenset(_NAMES))


class _Left(Exception):  # noqa: N818 - no error: how break and continue leave a body
    def __init__(self, kind: str) -> None:
        self.kind = kind


class _Nothing:
    """That no value comes from a pipe."""


_NOTHING = _Nothing()


class _Run:
    def __init__(
        self, defined: dict[str, tuple[p.Node, ...]], labels: object, line: str, timestamp: int
    ) -> None:
        self._defined = defined
        self._line = line
        self._timestamp = timestamp
        self._scopes: list[dict[str, Any]] = [{"$": labels}]
        self._calls = 0
        self._size = 0
        self.out: list[str] = []

    def nodes(self, nodes: tuple[p.Node, ...], dot: Any) -> None:
        for node in nodes:
            if isinstance(node, p.Text):
                self._write(node.text)
            elif isinstance(node, p.Action):
                value = self._pipe(node.pipe, dot)
                if not node.pipe.variables:
                    self._write(printed(value))
            elif isinstance(node, p.Branch):
                self._branch(node, dot)
            elif isinstance(node, p.Leave):
                raise _Left(node.kind)
            else:
                self._call_template(node, dot)

    def _write(self, text: str) -> None:
        self._size += len(text)
        if self._size > LONGEST:
            raise TemplateError("the text would be too long")
        self.out.append(text)

    def _branch(self, node: p.Branch, dot: Any) -> None:
        self._scopes.append({})
        try:
            if node.kind == "range":
                self._range(node, dot)
                return
            value = self._pipe(node.pipe, dot)
            if truth(value):
                self.nodes(node.body, value if node.kind == "with" else dot)
            else:
                self.nodes(node.otherwise, dot)
        finally:
            self._scopes.pop()

    def _range(self, node: p.Branch, dot: Any) -> None:
        value = self._pipe(node.pipe, dot, assign=False)
        if isinstance(value, NoValue | None):
            pairs: list[tuple[Any, Any]] = []
        elif isinstance(value, list):
            pairs = list(enumerate(value))
        elif isinstance(value, dict):
            pairs = [(key, value[key]) for key in sorted(value)]
        else:
            raise TemplateError(f"range can't iterate over {printed(value)}")
        if not pairs:
            self.nodes(node.otherwise, dot)
            return
        variables = node.pipe.variables
        for key, one in pairs:
            self._scopes.append({})
            try:
                if len(variables) == 2:
                    self._assign(variables[:1], key, node.pipe.declares)
                if variables:
                    self._assign(variables[-1:], one, node.pipe.declares)
                self.nodes(node.body, one)
            except _Left as left:
                if left.kind == "break":
                    return
            finally:
                self._scopes.pop()

    def _call_template(self, node: p.Call, dot: Any) -> None:
        body = self._defined.get(node.name)
        if body is None:
            raise TemplateError(f'template "{node.name}" not defined')
        self._calls += 1
        if self._calls > _MOST_CALLS:
            raise TemplateError("exceeded maximum template depth")
        value = None if node.pipe is None else self._pipe(node.pipe, dot)
        outer, self._scopes = self._scopes, [{"$": value}]
        self.nodes(body, value)
        self._scopes = outer

    def _pipe(self, pipe: p.Pipe, dot: Any, assign: bool = True) -> Any:
        value: Any = _NOTHING
        for command in pipe.commands:
            value = self._command(command, dot, value)
        if assign and pipe.variables:
            self._assign(pipe.variables, value, pipe.declares)
        return value

    def _assign(self, names: tuple[str, ...], value: Any, declares: bool) -> None:
        for name in names:
            if declares:
                self._scopes[-1][name] = value
                continue
            for scope in reversed(self._scopes):
                if name in scope:
                    scope[name] = value
                    break

    def _command(self, command: tuple[p.Operand, ...], dot: Any, final: Any) -> Any:
        first, arguments = command[0], command[1:]
        if isinstance(first, p.Function):
            return self._call(first.name, arguments, dot, final)
        if isinstance(first, p.Field | p.Variable | p.Chain):
            start, names = self._start(first, dot)
            if arguments or final is not _NOTHING:
                return self._method(start, names, arguments, dot, final)
            return _named(start, names)
        if arguments or final is not _NOTHING:
            raise TemplateError("can't give argument to non-function")
        return self._value(first, dot)

    def _start(self, operand: p.Field | p.Variable | p.Chain, dot: Any) -> tuple[Any, Any]:
        if isinstance(operand, p.Field):
            return dot, operand.names
        if isinstance(operand, p.Variable):
            return self._variable(operand.name), operand.names
        return self._pipe(operand.inner, dot), operand.names

    def _value(self, operand: p.Operand, dot: Any) -> Any:
        if isinstance(operand, p.Constant):
            return operand.value
        if isinstance(operand, p.Dot):
            return dot
        if isinstance(operand, p.Function):
            return self._call(operand.name, (), dot, _NOTHING)
        return _named(*self._start(operand, dot))

    def _variable(self, name: str) -> Any:
        for scope in reversed(self._scopes):
            if name in scope:
                return scope[name]
        raise TemplateError(f"undefined variable: {name}")

    def _method(
        self, start: Any, names: Any, arguments: tuple[p.Operand, ...], dot: Any, final: Any
    ) -> Any:
        value = _named(start, names[:-1])
        if not (isinstance(value, GoTime) and names and names[-1] == "Format"):
            what = names[-1] if names else kind(start)
            raise TemplateError(f"{what} is not a method but has arguments")
        layouts = [self._value(one, dot) for one in arguments]
        layouts += [] if final is _NOTHING else [final]
        if len(layouts) != 1 or not isinstance(layouts[0], str):
            raise TemplateError("wrong number of args for Format")
        return value.format(layouts[0])

    def _call(self, name: str, arguments: tuple[p.Operand, ...], dot: Any, final: Any) -> Any:
        if name == "__line__":
            return self._line
        if name == "__timestamp__":
            return GoTime.of_ns(self._timestamp)
        if name in ("and", "or"):
            return self._logic(name == "or", arguments, dot, final)
        signature = FUNCTIONS[name]
        constants = [isinstance(one, p.Constant) for one in arguments]
        values = [self._value(one, dot) for one in arguments]
        if final is not _NOTHING:
            values.append(final)
            constants.append(False)
        return signature.call(*_checked(name, signature, values, constants))

    def _logic(self, stops_at: bool, arguments: tuple[p.Operand, ...], dot: Any, final: Any) -> Any:
        value: Any = _NOTHING
        for one in arguments:
            value = self._value(one, dot)
            if truth(value) == stops_at:
                return value
        if final is not _NOTHING:
            value = final
        if value is _NOTHING:
            raise TemplateError("wrong number of args for and/or: want at least 1 got 0")
        return value


def _checked(
    name: str, signature: Signature, values: list[Any], constants: list[bool]
) -> Iterator[Any]:
    takes, least = signature.takes, len(signature.takes) - signature.variadic
    if len(values) < least or (not signature.variadic and len(values) > least):
        many = "at least " if signature.variadic else ""
        raise TemplateError(
            f"wrong number of args for {name}: want {many}{least} got {len(values)}"
        )
    for i, value in enumerate(values):
        wanted = takes[min(i, len(takes) - 1)]
        yield _converted(wanted, value, constants[i])


def _converted(wanted: str, value: Any, constant: bool) -> Any:
    if wanted == "any":
        return value
    if wanted == "text" and isinstance(value, str):
        return value
    if wanted == "int" and isinstance(value, int) and not isinstance(value, bool):
        return value
    if wanted == "int" and constant and isinstance(value, float) and value == int(value):
        return int(value)
    if wanted == "float" and isinstance(value, float):
        return value
    if wanted == "float" and constant and isinstance(value, int):
        return float(value)
    if wanted == "time" and isinstance(value, GoTime):
        return value
    if isinstance(value, NoValue) and wanted == "text":
        raise TemplateError("invalid value; expected string")
    names = {"text": "string", "float": "float64", "time": "time.Time"}
    raise TemplateError(
        f"wrong type for value; expected {names.get(wanted, wanted)}; got {kind(value)}"
    )


_TIME_METHODS: dict[str, Callable[[GoTime], Any]] = {
    "Unix": lambda moment: moment.seconds,
    "UnixMilli": lambda moment: moment.ns // 10**6,
    "UnixMicro": lambda moment: moment.ns // 10**3,
    "UnixNano": lambda moment: moment.ns,
    "String": GoTime.text,
    "UTC": lambda moment: GoTime(moment.seconds, moment.nanoseconds),
    "Year": lambda moment: int(moment.format("2006")),
    "Month": lambda moment: moment.format("January"),
    "Weekday": lambda moment: moment.format("Monday"),
    "Day": lambda moment: int(moment.format("2")),
    "Hour": lambda moment: int(moment.format("15")),
    "Minute": lambda moment: int(moment.format("4")),
    "Second": lambda moment: int(moment.format("5")),
    "Nanosecond": lambda moment: moment.nanoseconds,
}


def _named(value: Any, names: tuple[str, ...]) -> Any:
    """`value.a.b`."""
    for name in names:
        if isinstance(value, Json):
            value = value.get(name, NO_VALUE)
        elif isinstance(value, dict):
            value = value.get(name, "")
        elif isinstance(value, GoTime) and name in _TIME_METHODS:
            value = _TIME_METHODS[name](value)
        elif isinstance(value, NoValue | None):
            raise TemplateError(f"nil pointer evaluating interface {{}}.{name}")
        else:
            raise TemplateError(f"can't evaluate field {name} in type {kind(value)}")
    return value


def _fields(nodes: tuple[p.Node, ...]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, p.Action):
            yield from _fields_of_pipe(node.pipe)
        elif isinstance(node, p.Branch):
            yield from _fields_of_pipe(node.pipe)
            yield from _fields(node.body)
            yield from _fields(node.otherwise)


def _fields_of_pipe(pipe: p.Pipe) -> Iterator[str]:
    for command in pipe.commands:
        for operand in command:
            if isinstance(operand, p.Field):
                yield from operand.names
            elif isinstance(operand, p.Chain) and not operand.names:
                yield from _fields_of_pipe(operand.inner)


def _single_field(nodes: tuple[p.Node, ...]) -> str | None:
    if len(nodes) != 1 or not isinstance(nodes[0], p.Action):
        return None
    commands = nodes[0].pipe.commands
    if len(commands) != 1 or len(commands[0]) != 1 or nodes[0].pipe.variables:
        return None
    only = commands[0][0]
    return only.names[0] if isinstance(only, p.Field) and len(only.names) == 1 else None
