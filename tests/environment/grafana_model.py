# ruff: noqa: N815 (the names are Grafana's)
"""The classic dashboard model, schema version 39, as far as our dashboards use it, and strictly.

Names and types are those that Grafana publishes for it (the kind `dashboard`, and the options of
each kind of panel in `@grafana/schema`). A name that is not here is refused.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class DataSource(Model):
    type: Literal["prometheus", "loki", "tempo"]
    uid: str


class GridPos(Model):
    h: Annotated[int, Field(ge=1)]
    w: Annotated[int, Field(ge=1, le=24)]
    x: Annotated[int, Field(ge=0, lt=24)]
    y: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def _fits(self) -> GridPos:
        assert self.x + self.w <= 24
        return self


class Step(Model):
    color: Literal["green", "orange", "red"]
    value: float | None


class Thresholds(Model):
    mode: Literal["absolute"]
    steps: list[Step]

    @model_validator(mode="after")
    def _rise(self) -> Thresholds:
        first, *others = (step.value for step in self.steps)
        assert first is None, "the first step has no beginning"
        assert others == sorted(set(others)), "steps rise"  # type: ignore[type-var] # no None
        return self


class Said(Model):
    text: str
    color: str
    index: int


class ValueMapping(Model):
    type: Literal["value"]
    options: dict[str, Said]


class Color(Model):
    mode: Literal["palette-classic", "thresholds"]


class Stacking(Model):
    mode: Literal["none", "normal"]
    group: str


class ThresholdsStyle(Model):
    mode: Literal["off", "dashed"]


class TimeSeriesField(Model):
    drawStyle: Literal["line", "bars"]
    lineWidth: int
    fillOpacity: Annotated[int, Field(ge=0, le=100)]
    showPoints: Literal["never", "auto"]
    spanNulls: bool
    stacking: Stacking
    thresholdsStyle: ThresholdsStyle


class Defaults(Model):
    unit: str
    color: Color
    thresholds: Thresholds
    mappings: list[ValueMapping]
    custom: TimeSeriesField | None = None
    min: float | None = None
    max: float | None = None
    decimals: int | None = None


class FieldConfig(Model):
    defaults: Defaults
    overrides: list[Any]


class ReduceOptions(Model):
    calcs: list[Literal["lastNotNull"]]
    fields: str
    values: bool


class Legend(Model):
    displayMode: Literal["list", "table"]
    placement: Literal["bottom", "right"]
    showLegend: bool
    calcs: list[str]


class Tooltip(Model):
    mode: Literal["single", "multi"]
    sort: Literal["none", "asc", "desc"]


class TimeSeriesOptions(Model):
    legend: Legend
    tooltip: Tooltip


class StatOptions(Model):
    reduceOptions: ReduceOptions
    colorMode: Literal["value", "background"]
    graphMode: Literal["none", "area"]
    textMode: Literal["value", "value_and_name"]


class BarGaugeOptions(Model):
    reduceOptions: ReduceOptions
    displayMode: Literal["basic", "gradient", "lcd"]
    orientation: Literal["horizontal", "vertical"]


class TableOptions(Model):
    showHeader: bool
    cellHeight: Literal["sm", "md", "lg"]


class LogsOptions(Model):
    showTime: bool
    wrapLogMessage: bool
    prettifyLogMessage: bool
    enableLogDetails: bool
    dedupStrategy: Literal["none"]
    sortOrder: Literal["Descending", "Ascending"]


class PrometheusTarget(Model):
    refId: str
    datasource: DataSource
    expr: str
    legendFormat: str
    editorMode: Literal["code"]
    instant: bool
    range: bool
    format: Literal["time_series", "table"]
    exemplar: bool = False


class LokiTarget(Model):
    refId: str
    datasource: DataSource
    expr: str
    legendFormat: str
    editorMode: Literal["code"]
    queryType: Literal["range", "instant"]


class TempoTarget(Model):
    refId: str
    datasource: DataSource
    query: str
    queryType: Literal["traceql"]
    limit: int
    tableType: Literal["traces", "spans"]


TARGETS = {"prometheus": PrometheusTarget, "loki": LokiTarget, "tempo": TempoTarget}
OPTIONS = {
    "timeseries": TimeSeriesOptions,
    "stat": StatOptions,
    "bargauge": BarGaugeOptions,
    "table": TableOptions,
    "logs": LogsOptions,
}


class Link(Model):
    title: Annotated[str, Field(min_length=1)]
    type: Literal["link", "dashboards"]
    url: str
    tooltip: str
    icon: str
    tags: list[str]
    asDropdown: bool
    includeVars: bool
    keepTime: bool
    targetBlank: bool


class Transformation(Model):
    id: Literal["organize", "filterFieldsByName"]
    options: dict[str, Any]


class Panel(Model):
    id: int
    type: Literal["timeseries", "stat", "bargauge", "table", "logs"]
    title: Annotated[str, Field(min_length=1)]
    description: Annotated[str, Field(min_length=1)]
    datasource: DataSource
    targets: Annotated[list[dict[str, Any]], Field(min_length=1)]
    fieldConfig: FieldConfig
    options: dict[str, Any]
    gridPos: GridPos
    transformations: list[Transformation] = []
    links: list[Link] = []

    @model_validator(mode="after")
    def _parts_are_of_its_kind(self) -> Panel:
        OPTIONS[self.type].model_validate(self.options)
        names = [target["refId"] for target in self.targets]
        assert len(set(names)) == len(names), "each target has a name of its own"
        for target in self.targets:
            assert target["datasource"] == self.datasource.model_dump()
            TARGETS[self.datasource.type].model_validate(target)
        assert (self.fieldConfig.defaults.custom is not None) == (self.type == "timeseries")
        return self


class RowPanel(Model):
    id: int
    type: Literal["row"]
    title: Annotated[str, Field(min_length=1)]
    collapsed: Literal[False]
    gridPos: GridPos
    panels: Annotated[list[Any], Field(max_length=0)]


class VariableQuery(Model):
    query: str
    refId: str


class Current(Model):
    text: str | list[str]
    value: str | list[str]


class Variable(Model):
    name: str
    label: str
    hide: Literal[0]
    type: Literal["query", "custom", "textbox"]
    query: str | VariableQuery
    current: Current
    datasource: DataSource | None = None
    definition: str | None = None
    refresh: Literal[1, 2] | None = None
    regex: str | None = None
    sort: int | None = None
    multi: bool = False
    includeAll: bool = False
    allValue: str | None = None


class Annotation(Model):
    name: str
    datasource: DataSource
    enable: bool
    hide: bool
    iconColor: str
    expr: str
    titleFormat: str
    textFormat: str
    tagKeys: str
    step: str


class Annotations(Model):
    list: list[Annotation]


class Templating(Model):
    list: list[Variable]


class Time(Model):
    from_: Annotated[str, Field(alias="from")]
    to: str


class Dashboard(Model):
    """One dashboard; its panels have ids of their own, and none lies on another."""

    description: str
    uid: Annotated[str, Field(pattern="^[a-zA-Z0-9_-]{1,40}$")]
    title: Annotated[str, Field(min_length=1)]
    tags: list[str]
    schemaVersion: Literal[39]
    version: int
    editable: bool
    graphTooltip: Literal[0, 1, 2]
    refresh: str
    time: Time
    timepicker: dict[str, Any]
    timezone: str
    fiscalYearStartMonth: int
    weekStart: str
    links: list[Link]
    annotations: Annotations
    templating: Templating
    panels: list[Panel | RowPanel]

    @model_validator(mode="after")
    def _is_laid_out(self) -> Dashboard:
        ids = [panel.id for panel in self.panels]
        assert len(set(ids)) == len(ids), "each panel has an id of its own"
        covered: set[tuple[int, int]] = set()
        for panel in self.panels:
            at = panel.gridPos
            cells = {(at.x + dx, at.y + dy) for dx in range(at.w) for dy in range(at.h)}
            assert not covered & cells, f"{panel.title} lies on another panel"
            covered |= cells
        return self
