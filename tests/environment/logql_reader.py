"""What a LogQL query names: its streams' labels, the fields it takes out, what it groups by."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from vigie.store.logql import parse
from vigie.store.logql.tree import Grouping, LogQuery, Regexp


@dataclass(frozen=True)
class Named:
    """What a query names."""

    stream_labels: frozenset[str]
    taken_out: frozenset[str]
    grouped_by: frozenset[str]

    @property
    def unknown_groups(self) -> frozenset[str]:
        """Labels that are grouped by, but are there in no line."""
        return self.grouped_by - self.stream_labels - self.taken_out


def read(query: str) -> Named:
    """What the query names. Raises LogQLError where it is none."""
    nodes = list(_walk(parse(query)))
    return Named(
        frozenset(
            one.name for node in nodes if isinstance(node, LogQuery) for one in node.matchers
        ),
        frozenset(
            name
            for node in nodes
            if isinstance(node, Regexp)
            for name in re.compile(node.expression).groupindex
        ),
        frozenset(name for node in nodes if isinstance(node, Grouping) for name in node.labels),
    )


def _walk(node: Any) -> Iterator[Any]:
    yield node
    for part in fields(node):
        value = getattr(node, part.name)
        for item in value if isinstance(value, tuple) else [value]:
            if hasattr(item, "__dataclass_fields__"):
                yield from _walk(item)
