"""What is made once for each registry, however many handlers and middlewares a process loads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from vigie.instrument.meters import Meters

T = TypeVar("T")

_lock = threading.Lock()


def one_for(meters: Meters, kind: type[T], make: Callable[[], T]) -> T:
    """The one object of this `kind` that belongs to `meters`; made when it is first asked for."""
    attribute = f"_{kind.__name__}"
    with _lock:
        found: T | None = getattr(meters, attribute, None)
        if found is None:
            found = make()
            setattr(meters, attribute, found)
        return found
