"""Chromium, in which tests look at pages: the system's, else Debian's package.

It needs a hundred packages, so that it is installed and not unpacked beside: by root only.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
TIMEOUT_SECONDS = 600


def found() -> Path | None:
    """The one that is there."""
    for name in NAMES:
        if path := shutil.which(name):
            return Path(path)
    return None


def fetch() -> None:
    """Install it where it is missing and can be installed; tests that need it say so otherwise."""
    if found() or os.geteuid() != 0 or shutil.which("apt-get") is None:
        return
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "--no-install-recommends", "chromium"]):
        subprocess.run(
            ["apt-get", "--quiet", "--yes", *arguments],
            env=environ,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=TIMEOUT_SECONDS,
        )
