"""Label names made of what a line calls its fields."""

from __future__ import annotations

import re
from functools import lru_cache

_FOREIGN = re.compile(r"[^a-zA-Z0-9_]")


@lru_cache(maxsize=10_000)
def sanitized(name: str) -> str:
    """The field's name as a label's: what is not a letter, a digit or `_` is `_`."""
    name = name.strip()
    if name and "0" <= name[0] <= "9":
        name = "_" + name
    return _FOREIGN.sub("_", name)


def joined(prefix: str, name: str) -> str:
    """The label of a field inside an object whose own label is `prefix`."""
    part = name.strip()
    if not part:
        return prefix
    if not prefix:
        return sanitized(part)
    return f"{prefix}_{_FOREIGN.sub('_', part)}"
