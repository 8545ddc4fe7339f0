"""Debian packages that tests need, unpacked and not installed: no service starts, no root."""

import os
from pathlib import Path

from vigie.stack import debian


def prefix_with(packages: list[str]) -> Path:
    """A folder that holds the files of these packages, and of what they need that is missing."""
    cache = Path("/var/cache/vigie-tests") if os.geteuid() == 0 else Path.home() / ".cache/vigie"
    return debian.fetch(packages, cache)
