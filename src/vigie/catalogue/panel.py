"""What a panel and a dashboard are, as values: what is asked of which store, and how it is drawn.

Grafana's JSON and the console's pages are both computed from them. A query may hold `$NAME`, where
NAME is one of its board's variables; `filled` puts the chosen values there.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from vigie.catalogue import logs
from vigie.catalogue.metric import Metric
from vigie.catalogue.openai import REQUESTS
from vigie.catalogue.scrape import UP
from vigie.catalogue.signal import Dashboard, Signal
from vigie.catalogue.words import Words

COLUMNS = 24
"""How many columns a board has; a panel's width is counted in them."""

ANYTHING = ".+"
"""What a variable stands for while nothing is chosen, as a regular expression."""


class Store(StrEnum):
    """Who answers a query, and so its language: PromQL, LogQL or TraceQL."""

    METRICS = "metrics"
    LOGS = "logs"
    TRACES = "traces"


class Drawing(StrEnum):
    """How a panel is drawn.

    Curves and areas over time (areas are stacked: what they show adds up); the latest value of each
    series as a number, as a bar, or as a row of a table; lines of a log; traces.
    """

    CURVES = "curves"
    AREAS = "areas"
    NUMBERS = "numbers"
    BARS = "bars"
    TABLE = "table"
    LINES = "lines"
    TRACES = "traces"

    @property
    def over_time(self) -> bool:
        """Whether it shows how values went, and not only the latest."""
        return self in (Drawing.CURVES, Drawing.AREAS)


class Scale(StrEnum):
    """What a panel's values are counted in. The first five are the units of signals.

    Money has the label `currency`; a moment is a Unix time in seconds.
    """

    SECONDS = "seconds"
    RATIO = "ratio"
    MONEY = "money"
    PER_MINUTE = "per_minute"
    COUNT = "count"
    PER_SECOND = "per_second"
    MONEY_PER_HOUR = "money_per_hour"
    BYTES = "bytes"
    MOMENT = "moment"


@dataclass(frozen=True, slots=True)
class Query:
    """One thing that a panel asks.

    `legend` names each series of the answer; `{{label}}` in it is a label's value. With
    `exemplars`, single requests are drawn among the values, and lead to their traces.
    """

    expression: str
    legend: str = ""
    store: Store = Store.METRICS
    exemplars: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture of a board.

    `width` is in columns, `height` in rows of some 30 pixels. The limits of `signal` are drawn with
    its values. `columns` are the labels that a table shows, in this order, and then the value as
    `value_title`, if it has one. `names` are said in the place of values. Raises ValueError where
    the drawing cannot be made of what is asked.
    """

    title: Words
    description: Words
    drawing: Drawing
    scale: Scale
    queries: tuple[Query, ...]
    width: int = 8
    height: int = 8
    signal: Signal | None = None
    columns: tuple[str, ...] = ()
    value_title: Words | None = None
    names: tuple[tuple[int, Words], ...] = ()

    def __post_init__(self) -> None:
        what = self.title.en
        if not 1 <= self.width <= COLUMNS or self.height < 2 or not self.queries:
            raise ValueError(f"{what}: has no room, or asks nothing")
        if bool(self.columns) != (self.drawing is Drawing.TABLE):
            raise ValueError(f"{what}: a table, and nothing else, has columns")
        stores = {query.store for query in self.queries}
        if (self.drawing is Drawing.TRACES) != (stores == {Store.TRACES}) or len(stores) > 1:
            raise ValueError(f"{what}: these stores cannot be drawn like this")
        if self.drawing is Drawing.LINES and stores != {Store.LOGS}:
            raise ValueError(f"{what}: only logs have lines")

    @property
    def store(self) -> Store:
        """Whom it asks."""
        return self.queries[0].store


@dataclass(frozen=True, slots=True)
class Variable:
    """Something that the reader of a board chooses.

    One or several values of the `label` of a metric, or of `values`; without either, a text.
    """

    name: str
    title: Words
    metric: Metric | None = None
    label: str = ""
    values: tuple[str, ...] = ()

    @property
    def is_text(self) -> bool:
        """Whether any text may be written, and none is as good."""
        return self.metric is None and not self.values


SERVICE = Variable("service", Words("Service", "Service"), UP, "service")
MODEL = Variable("model", Words("Model", "Modèle"), REQUESTS, "model")
LEVEL = Variable("level", Words("Level", "Niveau"), values=logs.LEVELS)
SEARCH = Variable("search", Words("Text", "Texte"))


@dataclass(frozen=True, slots=True)
class Row:
    """Panels that belong together, under one title; they flow from left to right."""

    title: Words
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard: its address, and its panels from top to bottom."""

    uid: Dashboard
    title: Words
    description: Words
    variables: tuple[Variable, ...]
    rows: tuple[Row, ...]

    @property
    def panels(self) -> Iterator[Panel]:
        """All of its panels, as they are read."""
        return (panel for row in self.rows for panel in row.panels)


def measured(
    signal: Signal,
    drawing: Drawing = Drawing.CURVES,
    width: int = 8,
    height: int = 8,
    everywhere: bool = False,
) -> Panel:
    """The panel of a signal: the figure that its alerts judge, with its limits.

    It follows the variable `service`, unless the signal belongs to one service (`about`), or to
    machines and engines: `everywhere`.
    """
    chosen = "" if everywhere or signal.about else '{service=~"$service"}'
    parts = [label for label in signal.labels if not (signal.about and label == "service")]
    legend = " ".join(f"{{{{{label}}}}}" for label in parts) or "{{service}}"
    floor = signal.floor
    judged = Words(
        f" Judged from {floor.at_least} {floor.noun.en} on." if floor else "",
        f" Jugé à partir de {floor.at_least} {floor.noun.fr}." if floor else "",
    )
    return Panel(
        title=signal.title,
        description=Words(
            f"{_sentence(signal.measured_as.en)}.{judged.en}",
            f"{_sentence(signal.measured_as.fr)}.{judged.fr}",
        ),
        drawing=drawing,
        scale=Scale(signal.unit.value),
        queries=(Query(signal.record + chosen, legend),),
        width=width,
        height=height,
        signal=signal,
    )


def filled(expression: str, chosen: Mapping[str, str]) -> str:
    """The expression with the values of its variables, as they are written between quotes.

    A variable that is not in `chosen` matches anything; the text searched for is then empty.
    """

    def value(match: re.Match[str]) -> str:
        usual = "" if match[1] == SEARCH.name else ANYTHING
        given = chosen.get(match[1], usual)
        return given.replace("\\", "\\\\").replace('"', '\\"')

    return re.sub(r"\$(\w+)", value, expression)


def variables_in(expression: str) -> set[str]:
    """The names of the variables that an expression holds."""
    return set(re.findall(r"\$(\w+)", expression))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
