"""What rules and panels name, against the series that there are."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

import logql_reader
from alert_rules import groups
from promql_reader import LabelError, Node, Selector, labels_of, parse, walk
from vigie import catalogue
from vigie.catalogue import logs
from vigie.catalogue.dashboards import BOARDS
from vigie.catalogue.metric import Kind, Metric
from vigie.catalogue.panel import Query, Store, filled
from vigie.catalogue.scrape import TARGET_LABELS

PANELS = [(board, panel) for board in BOARDS for panel in board.panels]


@functools.cache
def read(expression: str) -> Node:
    """The tree of an expression, which is read once."""
    return parse(expression)


def series_of(metric: Metric) -> dict[str, set[str]]:
    """The labels of each series of a metric, by its name."""
    labels = {*metric.label_names, *TARGET_LABELS}
    if metric.kind is not Kind.HISTOGRAM:
        return {metric.name: labels}
    return {
        f"{metric.name}_bucket": {*labels, "le"},
        f"{metric.name}_count": labels,
        f"{metric.name}_sum": labels,
    }


def catalogued() -> dict[str, set[str]]:
    """The labels of each series that the catalogue knows."""
    return {name: own for metric in catalogue.metrics() for name, own in series_of(metric).items()}


def recorded(known: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """The series that are known, and those that the rules record from them.

    Raises LabelError where a rule names what nobody emits.
    """
    whole = {name: set(labels) for name, labels in known.items()}
    for group in groups().values():
        for rule in group["rules"]:
            labels = labels_of(read(rule["expr"]), whole)
            if "record" in rule:
                whole.setdefault(rule["record"], set()).update(labels, rule.get("labels", {}))
    return whole


def check_query(query: Query, known: Mapping[str, set[str]]) -> None:
    """Raises LabelError where a panel's query names what nobody emits."""
    in_legend = set(re.findall(r"\{\{(\w+)\}\}", query.legend))
    match query.store:
        case Store.METRICS:
            labels = labels_of(read(filled(query.expression, {})), known)
        case Store.LOGS:
            named = logql_reader.read(filled(query.expression, {}))
            if unknown := (named.stream_labels - set(logs.LABELS)) | named.unknown_groups:
                raise LabelError(f"no stream has the label {', '.join(sorted(unknown))}")
            labels = set(named.grouped_by)
        case Store.TRACES:
            labels = set()
    if missing := in_legend - labels:
        raise LabelError(f"the legend: no label {', '.join(sorted(missing))}")


def selected(expression: str) -> set[str]:
    """The names of the series that an expression asks for."""
    tree = read(filled(expression, {}))
    return {node.name for node in walk(tree) if isinstance(node, Selector)}


def asked_by_rules() -> set[str]:
    """The names of the series that the rules ask for."""
    return {
        name
        for group in groups().values()
        for rule in group["rules"]
        for name in selected(rule["expr"])
    }


def asked_by_panels() -> set[str]:
    """The names of the series that panels ask for."""
    return {
        name
        for _, panel in PANELS
        for query in panel.queries
        if query.store is Store.METRICS
        for name in selected(query.expression)
    }
