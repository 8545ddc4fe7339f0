"""Which segments count, and up to which log file their lines are in them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from vigie.store.segments.folder import replace

NAME = "manifest.json"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Manifest:
    """The state of a store: `covered` is the last log file that the segments have the lines of."""

    segments: tuple[str, ...] = ()
    covered: int = 0
    next_sequence: int = 0


def read(folder: Path) -> Manifest:
    """The manifest of a store; an empty one where there is none yet."""
    try:
        told = json.loads((folder / NAME).read_bytes())
    except FileNotFoundError:
        return Manifest()
    if told["version"] != VERSION:
        raise ValueError(
            f"{folder / NAME} is of version {told['version']}, and this Vigie reads {VERSION}\n"
            "use the Vigie that wrote it, or name another folder: --state DIR"
        )
    return Manifest(tuple(told["segments"]), told["covered"], told["next_sequence"])


def write(folder: Path, one: Manifest) -> None:
    """Put a manifest in the place of the one before; raises OSError."""
    told = {
        "version": VERSION,
        "segments": one.segments,
        "covered": one.covered,
        "next_sequence": one.next_sequence,
    }
    replace(folder / NAME, json.dumps(told).encode())
