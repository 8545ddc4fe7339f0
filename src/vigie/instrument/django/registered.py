"""What is made once for each registry, however many handlers and middlewares a process loads."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from vigie.instrument.cells import MAKING
from vigie.instrument.meters import Meters

T = TypeVar("T")


def one_for(meters: Meters, kind: type[T], make: Callable[[], T]) -> T:
    """The one object of this `kind` that belongs to `meters`; made when it is first asked for."""
    attribute = f"_{kind.__name__}"
    with MAKING:
        found: T | None = getattr(meters, attribute, None)
        if found is None:
            found = make()
            setattr(meters, attribute, found)
        return found
