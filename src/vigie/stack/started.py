"""What `up` started last, noted in the state folder for the other commands and the next `up`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from vigie.stack.components import Component
from vigie.stack.state import State


@dataclass(frozen=True, slots=True)
class Started:
    """The components; how many times faster than by the clock their rules go; and, by the name of
    each component that rereads files, the digest of what it has read."""

    components: Sequence[Component] = ()
    pace: float = 1
    read: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def now(cls, components: Sequence[Component], pace: float) -> Started:
        """As it is when every component has just read its files."""
        return cls(components, pace, {one.name: digest(one) for one in components if one.rereads})

    def has_read(self, component: Component) -> bool:
        """Whether a component that runs has read its files as they are now."""
        return not component.rereads or self.read.get(component.name) == digest(component)


def digest(component: Component) -> str:
    """Of the files that a component rereads when told."""
    texts = b"\0".join(Path(file).read_bytes() for file in component.rereads)
    return hashlib.sha256(texts).hexdigest()


def save(state: State, started: Started) -> None:
    """Note what was started."""
    state.write(state.components, json.dumps(asdict(started), indent=1) + "\n")


def saved(state: State) -> Started:
    """What was started last; nothing where nothing was."""
    try:
        noted: Any = json.loads(state.components.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Started()
    components = [Component(**_with_tuples(one)) for one in noted["components"]]
    return Started(components, noted["pace"], noted["read"])


def _with_tuples(noted: dict[str, Any]) -> dict[str, Any]:
    """JSON has lists where a component has tuples."""
    return {key: tuple(v) if isinstance(v, list) else v for key, v in noted.items()}
