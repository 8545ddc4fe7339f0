"""Grafana's dashboards: the boards as its classic JSON."""

import json
import math
from collections.abc import Iterator
from typing import Any, TypeAlias

from vigie.catalogue.dashboards import BOARDS
from vigie.catalogue.engines import ALERTS
from vigie.catalogue.panel import (
    ANYTHING,
    COLUMNS,
    Board,
    Drawing,
    Panel,
    Query,
    Scale,
    Store,
    Variable,
)
from vigie.catalogue.promql import like, select
from vigie.catalogue.signal import Comparator, Signal, Unit
from vigie.catalogue.words import Words
from vigie.render import links
from vigie.render.header import SENTENCE
from vigie.settings import Settings
from vigie.settings.quantities import currency_sign

Json: TypeAlias = "dict[str, Any]"

SCHEMA_VERSION = 39
"""Of the classic dashboard model: the last that Grafana 11 to 13 all read as it is."""

SOURCES = {
    Store.METRICS: {"type": "prometheus", "uid": "prometheus"},
    Store.LOGS: {"type": "loki", "uid": "loki"},
    Store.TRACES: {"type": "tempo", "uid": "tempo"},
}
"""By what a dashboard names the data source of each store."""

_KINDS = {
    Drawing.CURVES: "timeseries",
    Drawing.AREAS: "timeseries",
    Drawing.NUMBERS: "stat",
    Drawing.BARS: "bargauge",
    Drawing.TABLE: "table",
    Drawing.LINES: "logs",
    Drawing.TRACES: "table",
}
_CURRENCIES = {"EUR", "USD", "GBP", "CHF", "JPY", "CZK", "DKK", "NOK", "SEK", "PLN", "BRL", "INR"}
"""Those that Grafana formats by itself."""

GOOD, BAD, WORST = "green", "orange", "red"


def dashboards(settings: Settings) -> dict[str, str]:
    """Path below grafana/ → JSON of each dashboard."""
    return {f"dashboards/{board.uid}.json": _dashboard(board, settings) for board in BOARDS}


def _dashboard(board: Board, settings: Settings) -> str:
    document: Json = {
        # First, so that a reader of the file meets it there.
        "description": f"{_both(board.description)}\n\n{SENTENCE}",
        "uid": board.uid.value,
        "title": board.title.en,
        "tags": ["vigie"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,  # the crosshair is on all panels
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "timepicker": {},
        "timezone": settings.time_zone.key,
        "fiscalYearStartMonth": 0,
        "weekStart": "monday",
        "links": _links(settings),
        "annotations": {"list": [_alerts_on_panels()]},
        "templating": {"list": [_variable(one) for one in board.variables]},
        "panels": list(_panels(board, settings)),
    }
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _panels(board: Board, settings: Settings) -> Iterator[Json]:
    """The rows' titles and panels, laid out from left to right, then downwards."""
    identifier, top = 0, 0
    for row in board.rows:
        identifier += 1
        yield {
            "id": identifier,
            "type": "row",
            "title": row.title.en,
            "collapsed": False,
            "gridPos": {"h": 1, "w": COLUMNS, "x": 0, "y": top},
            "panels": [],
        }
        top += 1
        left = tallest = 0
        for panel in row.panels:
            if left + panel.width > COLUMNS:
                left, top, tallest = 0, top + tallest, 0
            identifier += 1
            place = {"h": panel.height, "w": panel.width, "x": left, "y": top}
            yield {"id": identifier, **_panel(panel, settings), "gridPos": place}
            left += panel.width
            tallest = max(tallest, panel.height)
        top += tallest


def _panel(panel: Panel, settings: Settings) -> Json:
    return {
        "type": _KINDS[panel.drawing],
        "title": panel.title.en,
        "description": _both(panel.description),
        "datasource": SOURCES[panel.store],
        "targets": [
            _target(query, "ABCDEFGH"[number], panel) for number, query in enumerate(panel.queries)
        ],
        "fieldConfig": {"defaults": _defaults(panel, settings), "overrides": []},
        "options": _options(panel),
        **({"transformations": _columns(panel)} if panel.columns else {}),
        **({"links": [_runbook(panel.signal, settings)]} if panel.signal else {}),
    }


def _target(query: Query, name: str, panel: Panel) -> Json:
    target: Json = {"refId": name, "datasource": SOURCES[query.store]}
    latest = not panel.drawing.over_time and panel.drawing is not Drawing.LINES
    match query.store:
        case Store.METRICS:
            moment = panel.scale is Scale.MOMENT  # in Grafana, a time is in milliseconds
            return target | {
                "expr": f"1000 * ({query.expression})" if moment else query.expression,
                "legendFormat": query.legend or "__auto",
                "editorMode": "code",
                "instant": latest,
                "range": not latest,
                "format": "table" if panel.drawing is Drawing.TABLE else "time_series",
                **({"exemplar": True} if query.exemplars else {}),
            }
        case Store.LOGS:
            return target | {
                "expr": query.expression,
                "legendFormat": query.legend,
                "editorMode": "code",
                "queryType": "instant" if latest else "range",
            }
        case Store.TRACES:
            return target | {
                "query": query.expression,
                "queryType": "traceql",
                "limit": 20,
                "tableType": "traces",
            }


def _defaults(panel: Panel, settings: Settings) -> Json:
    steps = _steps(panel.signal, settings) if panel.signal else []
    named = dict(panel.names)
    defaults: Json = {
        "unit": _unit(panel.scale, settings.currency.code),
        "color": {"mode": "palette-classic"},
        "thresholds": {"mode": "absolute", "steps": steps or [{"color": GOOD, "value": None}]},
        "mappings": [_names(panel)] if named else [],
    }
    if panel.drawing is Drawing.NUMBERS and (steps or named):
        defaults["color"] = {"mode": "thresholds"}
    if panel.drawing.over_time:
        defaults["custom"] = {
            "drawStyle": "line",
            "lineWidth": 1,
            "fillOpacity": 25 if panel.drawing is Drawing.AREAS else 0,
            "showPoints": "never",
            "spanNulls": False,
            "stacking": {
                "mode": "normal" if panel.drawing is Drawing.AREAS else "none",
                "group": "A",
            },
            "thresholdsStyle": {"mode": "dashed" if steps else "off"},
        }
    if panel.scale is Scale.RATIO:
        defaults |= {"min": 0} | ({"max": 1} if not panel.signal else {})
    elif panel.scale is not Scale.MOMENT and panel.drawing.over_time:
        defaults["min"] = 0
    if panel.scale in (Scale.MONEY, Scale.MONEY_PER_HOUR):
        defaults["decimals"] = 2
    return defaults


def _steps(signal: Signal, settings: Settings) -> list[Json]:
    """From which value on is which colour: Grafana's steps begin at a value, itself included."""
    limits = settings.thresholds[signal.name]
    known = [
        (limit, colour)
        for limit, colour in ((limits.warning, BAD), (limits.critical, WORST))
        if limit is not None
    ]
    if signal.bad_when is Comparator.ABOVE:
        # A count above 2 is one from 3 on. Of other values, none is ever exactly a limit.
        counted = signal.unit is Unit.COUNT
        begin = [(math.floor(v) + 1 if counted else v, colour) for v, colour in known]
        return [{"color": GOOD, "value": None}] + [
            {"color": colour, "value": value} for value, colour in begin
        ]
    # Below a limit is bad: going up, each limit ends its colour.
    colours = [colour for _, colour in reversed(known)] + [GOOD]
    ends = [None, *(value for value, _ in reversed(known))]
    return [{"color": colour, "value": value} for colour, value in zip(colours, ends, strict=True)]


def _names(panel: Panel) -> Json:
    colours = {0: WORST, 1: GOOD}
    options = {
        str(value): {"text": said.en, "color": colours.get(value, GOOD), "index": place}
        for place, (value, said) in enumerate(panel.names)
    }
    return {"type": "value", "options": options}


def _unit(scale: Scale, currency: str) -> str:
    """Grafana's name of a unit, by which it writes and rounds."""
    money = f"currency{currency}" if currency in _CURRENCIES else f"currency:{currency}"
    units = {
        Scale.SECONDS: "s",
        Scale.RATIO: "percentunit",
        Scale.MONEY: money,
        Scale.PER_MINUTE: "suffix:/min",
        Scale.COUNT: "short",
        Scale.PER_SECOND: "suffix:/s",
        Scale.MONEY_PER_HOUR: f"suffix:{currency_sign(currency)}/h",
        Scale.BYTES: "bytes",
        Scale.MOMENT: "dateTimeAsLocal",
    }
    return units[scale]


def _options(panel: Panel) -> Json:
    latest = {"calcs": ["lastNotNull"], "fields": "", "values": False}
    match panel.drawing:
        case Drawing.CURVES | Drawing.AREAS:
            return {
                "legend": {
                    "displayMode": "list",
                    "placement": "bottom",
                    "showLegend": True,
                    "calcs": [],
                },
                "tooltip": {"mode": "multi", "sort": "desc"},
            }
        case Drawing.NUMBERS:
            return {
                "reduceOptions": latest,
                "colorMode": "value",
                "graphMode": "none",
                "textMode": "value_and_name" if _is_split(panel) else "value",
            }
        case Drawing.BARS:
            return {"reduceOptions": latest, "displayMode": "basic", "orientation": "horizontal"}
        case Drawing.TABLE | Drawing.TRACES:
            return {"showHeader": True, "cellHeight": "sm"}
        case Drawing.LINES:
            return {
                "showTime": True,
                "wrapLogMessage": True,
                "prettifyLogMessage": False,
                "enableLogDetails": True,
                "dedupStrategy": "none",
                "sortOrder": "Descending",
            }


def _is_split(panel: Panel) -> bool:
    """Whether there may be several values, which then need their names."""
    return len(panel.queries) > 1 or "{{" in panel.queries[0].legend


def _columns(panel: Panel) -> list[Json]:
    """Show these labels, in this order, then the value."""
    shown = [*panel.columns, *(["Value"] if panel.value_title else [])]
    named = {"Value": panel.value_title.en} if panel.value_title else {}
    return [
        {"id": "filterFieldsByName", "options": {"include": {"names": shown}}},
        {
            "id": "organize",
            "options": {
                "excludeByName": {},
                "indexByName": {name: place for place, name in enumerate(shown)},
                "renameByName": named,
            },
        },
    ]


def _variable(variable: Variable) -> Json:
    common: Json = {"name": variable.name, "label": variable.title.en, "hide": 0}
    if variable.is_text:
        return common | {"type": "textbox", "query": "", "current": {"text": "", "value": ""}}
    choice: Json = {
        "multi": True,
        "includeAll": True,
        "allValue": ANYTHING,
        "current": {"text": ["All"], "value": ["$__all"]},
    }
    if variable.metric is None:
        return common | choice | {"type": "custom", "query": ",".join(variable.values)}
    query = f"label_values({variable.metric.name}, {variable.label})"
    return common | {
        "type": "query",
        "datasource": SOURCES[Store.METRICS],
        "definition": query,
        "query": {"query": query, "refId": variable.name},
        "refresh": 2,  # whenever the time range changes
        "regex": "",
        "sort": 1,
        **choice,
    }


def _alerts_on_panels() -> Json:
    """Where alerts fired, on every panel."""
    firing = select(ALERTS, alertstate="firing", severity=like("warning|critical"))
    return {
        "name": "Alerts",
        "datasource": SOURCES[Store.METRICS],
        "enable": True,
        "hide": False,
        "iconColor": WORST,
        "expr": firing,
        "titleFormat": "{{alertname}}",
        "textFormat": "{{severity}} {{service}}",
        "tagKeys": "severity,service,signal",
        "step": "60s",
    }


def _links(settings: Settings) -> list[Json]:
    others = {
        "type": "dashboards",
        "tags": ["vigie"],
        "asDropdown": True,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
    }
    return [
        _link("Dashboards", "") | others,
        _link("Incidents", links.console(settings)),
    ]


def _runbook(signal: Signal, settings: Settings) -> Json:
    return _link(f"Runbook: {signal.title.en}", links.runbook(settings, signal.name))


def _link(title: str, url: str) -> Json:
    return {
        "title": title,
        "type": "link",
        "url": url,
        "tooltip": "",
        "icon": "external link",
        "tags": [],
        "asDropdown": False,
        "includeVars": False,
        "keepTime": False,
        "targetBlank": True,
    }


def _both(words: Words) -> str:
    return f"{words.en}\n\n{words.fr}"
