"""A LogQL query as pure data."""

from __future__ import annotations

from dataclasses import dataclass

Duration = int
"""Nanoseconds."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """`name="value"`; `op` is one of `=`, `!=`, `=~`, `!~`."""

    name: str
    op: str
    value: str


# --- stages of a pipeline --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LinePattern:
    """What a line filter looks for: a text, or an address when `ip`."""

    value: str
    ip: bool = False


@dataclass(frozen=True, slots=True)
class LineFilter:
    """`|= "a" or "b"`; `op` is one of `|=`, `!=`, `|~`, `!~`, `|>`, `!>`."""

    op: str
    alternatives: tuple[LinePattern, ...]


@dataclass(frozen=True, slots=True)
class Extraction:
    """`name="expression"` of a json or logfmt stage."""

    name: str
    expression: str


@dataclass(frozen=True, slots=True)
class Json:
    """`| json`, of everything or of the given expressions."""

    expressions: tuple[Extraction, ...] = ()


@dataclass(frozen=True, slots=True)
class Logfmt:
    """`| logfmt`, of everything or of the given expressions."""

    strict: bool = False
    keep_empty: bool = False
    expressions: tuple[Extraction, ...] = ()


@dataclass(frozen=True, slots=True)
class Regexp:
    """`| regexp "(?P<name>…)"`."""

    expression: str


@dataclass(frozen=True, slots=True)
class Pattern:
    """`| pattern "<name> …"`."""

    expression: str


@dataclass(frozen=True, slots=True)
class Unpack:
    """`| unpack`."""


@dataclass(frozen=True, slots=True)
class LineFormat:
    """`| line_format "template"`."""

    template: str


@dataclass(frozen=True, slots=True)
class LabelFormat:
    """One `name=source` (a label to rename) or `name="template"` of a label_format stage."""

    name: str
    value: str
    rename: bool


@dataclass(frozen=True, slots=True)
class LabelsFormat:
    """`| label_format a=b, c="template"`."""

    formats: tuple[LabelFormat, ...]


@dataclass(frozen=True, slots=True)
class Decolorize:
    """`| decolorize`."""


@dataclass(frozen=True, slots=True)
class Drop:
    """`| drop a, b="c"`: names, or matchers."""

    labels: tuple[str | Matcher, ...]


@dataclass(frozen=True, slots=True)
class Keep:
    """`| keep a, b="c"`: names, or matchers."""

    labels: tuple[str | Matcher, ...]


# --- label filters ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NumberFilter:
    """`name > 5`; `op` is one of `==`, `!=`, `>`, `>=`, `<`, `<=`."""

    name: str
    op: str
    value: float


@dataclass(frozen=True, slots=True)
class DurationFilter:
    """`name > 5s`."""

    name: str
    op: str
    value: Duration


@dataclass(frozen=True, slots=True)
class BytesFilter:
    """`name > 5KiB`."""

    name: str
    op: str
    value: int


@dataclass(frozen=True, slots=True)
class IpFilter:
    """`name = ip("10.0.0.0/8")`; `op` is `=` or `!=`."""

    name: str
    op: str
    value: str


@dataclass(frozen=True, slots=True)
class And:
    """Both filters."""

    left: LabelFilter
    right: LabelFilter


@dataclass(frozen=True, slots=True)
class Or:
    """Either filter."""

    left: LabelFilter
    right: LabelFilter


LabelFilter = Matcher | NumberFilter | DurationFilter | BytesFilter | IpFilter | And | Or

Stage = (
    LineFilter
    | Json
    | Logfmt
    | Regexp
    | Pattern
    | Unpack
    | LineFormat
    | LabelsFormat
    | Decolorize
    | Drop
    | Keep
    | LabelFilter
)

# --- queries ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LogQuery:
    """`{service="django"} |= "x" | json`."""

    matchers: tuple[Matcher, ...]
    stages: tuple[Stage, ...] = ()


@dataclass(frozen=True, slots=True)
class Unwrap:
    """`| unwrap label`; `conversion` is "", `bytes`, `duration` or `duration_seconds`."""

    label: str
    conversion: str = ""
    filters: tuple[LabelFilter, ...] = ()


@dataclass(frozen=True, slots=True)
class LogRange:
    """`{…} | unwrap x [5m] offset 1h`."""

    query: LogQuery
    interval: Duration
    offset: Duration = 0
    unwrap: Unwrap | None = None


@dataclass(frozen=True, slots=True)
class Grouping:
    """`by (a, b)`, or `without (a, b)`."""

    labels: tuple[str, ...]
    without: bool = False


@dataclass(frozen=True, slots=True)
class RangeAggregation:
    """`rate({…}[5m])`; `parameter` is that of quantile_over_time."""

    operation: str
    range: LogRange
    parameter: float | None = None
    grouping: Grouping | None = None


@dataclass(frozen=True, slots=True)
class VectorAggregation:
    """`sum by (a) (…)`; `parameter` is the k of topk and bottomk."""

    operation: str
    inner: Metric
    grouping: Grouping | None = None
    parameter: int | None = None


@dataclass(frozen=True, slots=True)
class Matching:
    """How series of two sides find each other; `group` is "", `left` or `right`."""

    on: bool = False
    labels: tuple[str, ...] = ()
    group: str = ""
    include: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Binary:
    """`left / on (a) right`."""

    operation: str
    left: Metric
    right: Metric
    returns_bool: bool = False
    matching: Matching | None = None


@dataclass(frozen=True, slots=True)
class Literal:
    """A number."""

    value: float


@dataclass(frozen=True, slots=True)
class Vector:
    """`vector(1)`: a number as a series without labels."""

    value: float


@dataclass(frozen=True, slots=True)
class LabelReplace:
    """`label_replace(…, "target", "replacement", "source", "expression")`."""

    inner: Metric
    target: str
    replacement: str
    source: str
    expression: str


Metric = RangeAggregation | VectorAggregation | Binary | Literal | Vector | LabelReplace
Query = LogQuery | Metric
