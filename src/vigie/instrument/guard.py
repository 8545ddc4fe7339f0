"""The one guard of the instruments: what fails inside is counted, and the host goes on."""

from __future__ import annotations

import logging
from types import TracebackType
from typing import TYPE_CHECKING

from vigie.catalogue import telemetry

if TYPE_CHECKING:
    from vigie.instrument.meters import Meters

log = logging.getLogger("vigie")
_logged: set[str] = set()
_LOGGED_CAP = 200


class guarded:  # noqa: N801 - used as a statement: `with guarded("asgi"):`
    """Swallow and count what its block raises; `vigie_internal_errors_total{where}`.

    Only `Exception`s: a cancellation, Ctrl-C or exit passes. The first failure of each `where` is
    logged with its traceback, the rest are only counted.
    """

    __slots__ = ("_meters", "_where")

    def __init__(self, where: str, meters: Meters | None = None) -> None:
        self._where = where
        self._meters = meters

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if error is None or not isinstance(error, Exception):
            return False
        count_failure(self._where, error, self._meters)
        return True


def count_failure(where: str, error: Exception, meters: Meters | None = None) -> None:
    """Count one swallowed failure, and log it if it is the first of its `where`."""
    try:
        if meters is None:
            from vigie.instrument.meters import meters as default_meters

            meters = default_meters()
        meters[telemetry.INTERNAL_ERRORS].child(where).inc()
    except Exception as counting:  # the registry itself is broken: the log is what is left
        log.error("vigie could not count a failure in %s: %r", where, counting)
    if where not in _logged and len(_logged) < _LOGGED_CAP:
        _logged.add(where)
        log.error(
            "vigie failed in %s; the request went on, later failures are only counted",
            where,
            exc_info=error,
        )
