"""How the store's process keeps small."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

_M_ARENA_MAX = -8


class _WithoutPandas(MetaPathFinder):
    """Arrow and DuckDB load pandas when it is installed: 30 MB that nothing here uses."""

    def find_spec(
        self, name: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name == "pandas":
            raise ModuleNotFoundError("the store does without pandas", name=name)
        return None


def keep_small() -> None:
    """For a process that is nothing but the store; to be called before its modules are loaded."""
    sys.meta_path.insert(0, _WithoutPandas())
    # Each thread's own arena would keep what was once allocated in it.
    if (libc := _libc()) is not None:
        libc.mallopt(_M_ARENA_MAX, 2)
    import pyarrow as pa

    pa.set_memory_pool(pa.system_memory_pool())


def give_back() -> None:
    """Return to the system what was freed."""
    if (libc := _libc()) is not None:
        libc.malloc_trim(0)


def _libc() -> ctypes.CDLL | None:
    """The C library, where it is GNU's."""
    try:
        libc = ctypes.CDLL(None)
        return libc if hasattr(libc, "malloc_trim") else None
    except OSError:
        return None
