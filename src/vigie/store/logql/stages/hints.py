"""What a parser may leave out, because nothing later asks for it.

This is more than speed: where Loki stops reading a line early, it does not see the fault that
comes after, and so answers where it would else refuse. `sum(count_over_time(… | json [1m]))` counts
lines that are no JSON at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from vigie.store.logql.stages.entry import ERROR, EXTRACTED, Entry


@dataclass(slots=True)
class Hints:
    """What parsers need to extract: everything, the `required` names, or nothing.

    `filters` are the pipeline's own filters by their label: a parser that finds one to be false
    drops the line at once.
    """

    nothing: bool = False
    required: tuple[str, ...] = ()
    preserve_error: bool = False
    filters: dict[str, Callable[[Entry], bool]] = field(default_factory=dict)

    def idle(self, entry: Entry) -> bool:
        """Whether a parser has nothing to do for the entry."""
        return self.nothing or self.complete(entry)

    def complete(self, entry: Entry) -> bool:
        """Whether all that is required has been found."""
        if not self.required or len(entry.extracted) < len(self.required):
            return False
        return entry.extracted.issuperset(self.required)

    def wanted(self, name: str) -> bool:
        """Whether a parser is to extract the label."""
        return not self.required or name in self.required

    def wanted_below(self, prefix: str) -> bool:
        """Whether a parser is to look into the object whose labels begin with `prefix`."""
        return not self.required or any(name.startswith(prefix) for name in self.required)

    def goes_on(self, name: str, entry: Entry) -> bool:
        """Whether the line may pass, now that the label is known."""
        check = self.filters.get(name)
        return check is None or check(entry)

    def mark(self, entry: Entry, error: str, details: str) -> None:
        """Mark an entry that a parser failed on."""
        from vigie.store.logql.stages.entry import PRESERVE_ERROR

        entry.fail(error, details)
        if self.preserve_error:
            entry.set(PRESERVE_ERROR, "true")


def metric_hints(
    needed: Iterable[str],
    groups: tuple[str, ...],
    *,
    without: bool,
    no_labels: bool,
    value_label: str,
    filters: dict[str, Callable[[Entry], bool]],
) -> Hints:
    """The hints of a metric query: what its stages, its grouping and its value need."""
    required = _with_plain_names((*needed, *groups, value_label))
    if no_labels:
        if not required:
            return Hints(nothing=True)
        return Hints(False, required, ERROR in required, filters)
    if without or not groups:
        return Hints(filters=filters)
    return Hints(False, required, ERROR in required)


def _with_plain_names(names: Iterable[str]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for name in names:
        if name:
            found[name] = None
            if name.endswith(EXTRACTED) and name != EXTRACTED:
                found[name.removesuffix(EXTRACTED)] = None
    return tuple(found)
