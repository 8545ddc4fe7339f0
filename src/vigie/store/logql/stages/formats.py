"""`| line_format`, `| label_format`, `| drop` and `| keep`."""

from __future__ import annotations

from collections.abc import Callable

from vigie.store.logql import tree as t
from vigie.store.logql.regexes import predicate
from vigie.store.logql.stages.entry import (
    ERROR,
    ERROR_DETAILS,
    PRESERVE_ERROR,
    TEMPLATE_ERROR,
    Entry,
    Step,
)
from vigie.store.logql.template import Template, TemplateError


def line_format_step(template: Template) -> Step:
    """`| line_format`: the line is what the template makes of it."""
    label = template.single_field
    if label is not None:

        def replace(entry: Entry) -> bool:
            entry.line = entry.get(label) or ""
            return True

        return replace

    def step(entry: Entry) -> bool:
        try:
            entry.line = template.render(entry.template_labels(), entry.line, entry.timestamp)
        except TemplateError as error:
            entry.fail(TEMPLATE_ERROR, str(error))
        return True

    return step


def label_format_step(formats: list[tuple[t.LabelFormat, Template | None]]) -> Step:
    """`| label_format`: renames, and labels made by templates."""

    def step(entry: Entry) -> bool:
        labels: dict[str, str] | None = None
        for one, template in formats:
            if template is None:
                value = entry.get(one.value)
                if value is not None:
                    entry.set(one.name, value)
                    entry.delete(one.value)
                continue
            if labels is None:
                labels = entry.template_labels()
            try:
                value = template.render(labels, entry.line, entry.timestamp)
            except TemplateError as error:
                entry.fail(TEMPLATE_ERROR, str(error))
                continue
            entry.set(one.name, value)
        return True

    return step


def drop_step(one: t.Drop) -> Step:
    """`| drop`: takes away labels by name, or where their value matches."""
    checks: list[tuple[str, Callable[[str], bool] | None]] = [
        (label, None) if isinstance(label, str) else (label.name, predicate(label.op, label.value))
        for label in one.labels
    ]

    def step(entry: Entry) -> bool:
        for name, check in checks:
            if name == ERROR:
                if check is None or check(entry.error):
                    entry.error = ""
            elif name == ERROR_DETAILS:
                if check is None or check(entry.details):
                    entry.details = ""
            elif check is None:
                if entry.get(name) is not None:
                    entry.delete(name)
            elif check(entry.get(name) or ""):
                entry.delete(name)
        return True

    return step


def keep_step(one: t.Keep) -> Step:
    """`| keep`: takes away all labels but those named, or whose value matches."""
    names = {label for label in one.labels if isinstance(label, str)}
    checks = [
        (label.name, predicate(label.op, label.value))
        for label in one.labels
        if not isinstance(label, str)
    ]

    def step(entry: Entry) -> bool:
        for name, value in entry.plain_labels().items():
            if name in names or name == PRESERVE_ERROR:
                continue
            if not any(name == other and check(value) for other, check in checks):
                entry.delete(name)
        return True

    return step
