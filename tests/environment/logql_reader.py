"""Reads what a LogQL query names: its streams' labels, the fields it takes out, the labels it uses.

Only as much as a panel needs: a selector, filters of lines, `json` or `regexp`, and aggregations.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_SELECTOR = re.compile(r"\{([^}]*)\}")
_LABEL = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"')
_TAKEN_OUT = re.compile(r"\(\?P<(\w+)>")
_GROUPED = re.compile(r"\b(?:by|without)\s*\(([^)]*)\)")
_CONTAINS = re.compile(r'\|=\s*"([^"]*)"')


@dataclass(frozen=True)
class Named:
    """What a query names."""

    stream_labels: frozenset[str]
    taken_out: frozenset[str]
    grouped_by: frozenset[str]
    contains: tuple[str, ...]

    @property
    def unknown_groups(self) -> frozenset[str]:
        """Labels that are grouped by, but are there in no line."""
        return self.grouped_by - self.stream_labels - self.taken_out


def read(query: str) -> Named:
    """What the query names. Raises ValueError where it has not exactly one selector."""
    selectors = _SELECTOR.findall(re.sub(r"`[^`]*`", "", query))
    if len(selectors) != 1:
        raise ValueError(f"{len(selectors)} selectors: {query}")
    grouped = {name.strip() for found in _GROUPED.findall(query) for name in found.split(",")}
    return Named(
        frozenset(_LABEL.findall(selectors[0])),
        frozenset(_TAKEN_OUT.findall(query)),
        frozenset(grouped),
        tuple(_CONTAINS.findall(query)),
    )
