"""gunicorn's configuration for exact figures: `gunicorn -c python:vigie.instrument.gunicorn …`.

It gives the workers a folder to share (`workers` says what for): that of PROMETHEUS_MULTIPROC_DIR,
or a new one that goes when gunicorn does. If you have a configuration file of your own, begin it
with `from vigie.instrument.gunicorn import *` and add to `raw_env` rather than replace it.

gunicorn reads its configuration by importing it, so this is the one module that does something when
it is imported: it makes the folder. It must not import prometheus_client, which looks for the
variable when it is imported itself.
"""

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from vigie.instrument.processes import FOLDER_VARIABLE

__all__ = ["on_exit", "raw_env"]

_given = os.environ.get(FOLDER_VARIABLE)
_folder = _given or tempfile.mkdtemp(prefix="vigie-workers-")
with suppress(OSError):  # the workers will say so, and go on
    Path(_folder).mkdir(parents=True, exist_ok=True)

raw_env = [f"{FOLDER_VARIABLE}={_folder}"]
"""The environment of the workers."""


def on_exit(server: object) -> None:
    """Remove the folder if we made it; gunicorn's main process calls this when it ends."""
    if not _given:
        shutil.rmtree(_folder, ignore_errors=True)
