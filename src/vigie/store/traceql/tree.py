"""What a TraceQL query is: values, nothing else."""

from __future__ import annotations

from dataclasses import dataclass

STRING, INTEGER, FLOAT, BOOLEAN = "string", "int", "float", "bool"
DURATION, STATUS, KIND, NIL = "duration", "status", "kind", "nil"
ANY = "any"
"""The type of an attribute: each span may have another."""

STATUSES = ("unset", "ok", "error")
"""By the number that OTLP has for each."""
KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
"""By the number that OTLP has for each."""

INTRINSICS = {
    "duration": DURATION,
    "name": STRING,
    "status": STATUS,
    "statusMessage": STRING,
    "kind": KIND,
    "rootName": STRING,
    "rootServiceName": STRING,
    "traceDuration": DURATION,
    "nestedSetParent": INTEGER,
    "trace:id": STRING,
    "span:id": STRING,
    "span:parentID": STRING,
    "span:childCount": INTEGER,
    "event:name": STRING,
    "event:timeSinceStart": DURATION,
    "link:traceID": STRING,
    "link:spanID": STRING,
    "instrumentation:name": STRING,
    "instrumentation:version": STRING,
}
"""What a span has by itself, and its type."""

SPELLINGS = {
    "trace:duration": "traceDuration",
    "trace:rootName": "rootName",
    "trace:rootService": "rootServiceName",
    "span:duration": "duration",
    "span:name": "name",
    "span:kind": "kind",
    "span:status": "status",
    "span:statusMessage": "statusMessage",
}
"""Other names of intrinsics."""

SCOPES = ("span", "resource", "event", "link", "instrumentation")


@dataclass(frozen=True, slots=True)
class Literal:
    """A value. Durations are whole nanoseconds, statuses and kinds their words."""

    kind: str
    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Intrinsic:
    """One of `INTRINSICS`."""

    name: str


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of one of `SCOPES`; with the scope "", of the span or else of its resource."""

    scope: str
    name: str


Field = Intrinsic | Attribute
Operand = Field | Literal


@dataclass(frozen=True, slots=True)
class Comparison:
    """`left op right`; false where an attribute is missing, or of another type."""

    op: str
    left: Operand
    right: Operand


@dataclass(frozen=True, slots=True)
class Truth:
    """An attribute that is true, or a literal `true` or `false`."""

    operand: Operand


@dataclass(frozen=True, slots=True)
class Not:
    """What is not so."""

    inner: Expression


@dataclass(frozen=True, slots=True)
class And:
    """All of several."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """One of several at least."""

    parts: tuple[Expression, ...]


Expression = Comparison | Truth | Not | And | Or


@dataclass(frozen=True, slots=True)
class Filter:
    """`{ expression }`: the spans that it is true of; all of them for `{ }`."""

    expression: Expression | None


@dataclass(frozen=True, slots=True)
class Both:
    """`left && right`: traces with spans of each, and the spans of either."""

    left: Spansets
    right: Spansets


@dataclass(frozen=True, slots=True)
class Either:
    """`left || right`: traces with spans of one, and the spans of either."""

    left: Spansets
    right: Spansets


@dataclass(frozen=True, slots=True)
class Related:
    """`left > right` and its kind: the spans of the right that are so related to one of the left.

    They are its children (`>`), descendants (`>>`), parents (`<`), ancestors (`<<`), or other
    children of the same parent (`~`).
    """

    op: str
    left: Spansets
    right: Spansets


Spansets = Filter | Both | Either | Related


@dataclass(frozen=True, slots=True)
class Aggregate:
    """`count() > 2`, `avg(duration) > 1s`: traces whose spans so far make it true."""

    function: str
    """count, avg, min, max or sum."""
    field: Field | None
    op: str
    value: Literal


@dataclass(frozen=True, slots=True)
class Select:
    """`select(a, b)`: fields to be told of each span."""

    fields: tuple[Field, ...]


Stage = Filter | Both | Either | Related | Aggregate | Select


@dataclass(frozen=True, slots=True)
class Query:
    """Stages, each for the spans that the one before left; hints by name."""

    stages: tuple[Stage, ...]
    hints: tuple[tuple[str, Literal], ...] = ()


def type_of(operand: Operand) -> str:
    """The type of a value; `ANY` for an attribute."""
    match operand:
        case Literal(kind, _):
            return kind
        case Intrinsic(name):
            return INTRINSICS[name]
        case Attribute():
            return ANY
