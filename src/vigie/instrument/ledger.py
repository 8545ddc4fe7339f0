"""The ledger of a watched service: where its priced calls go, and how its failures are counted."""

from __future__ import annotations

import os
import weakref
from collections.abc import Mapping

from prometheus_client import REGISTRY, CollectorRegistry

from vigie.catalogue import telemetry
from vigie.costs.ledger.place import LedgerPlace
from vigie.costs.ledger.writer import LedgerWriter
from vigie.instrument.guard import count_failure
from vigie.instrument.meters import meters

NAME = "ledger"
"""What the ledger is called where its failures and losses are counted."""

_writers: weakref.WeakKeyDictionary[CollectorRegistry, LedgerWriter] = weakref.WeakKeyDictionary()


def ledger_writer(
    registry: CollectorRegistry = REGISTRY, environ: Mapping[str, str] = os.environ
) -> LedgerWriter:
    """The writer of this process, which counts in `registry`: the same one at each call.

    Where the ledger is, its thread reads from the settings at the first call that is appended, in
    the environment of now.
    """
    found = _writers.get(registry)
    if found is None:
        environ = dict(environ)
        instruments = meters(registry)
        dropped = instruments[telemetry.DROPPED_RECORDS].child(NAME)
        found = _writers[registry] = LedgerWriter(
            place=lambda: _place(environ),
            failed=lambda error: count_failure(NAME, error, instruments),
            dropped=dropped.inc,
        )
    return found


def _place(environ: Mapping[str, str]) -> LedgerPlace | None:
    from vigie.settings.costs import for_service  # pydantic and YAML: not in a request

    return for_service(environ).ledger
