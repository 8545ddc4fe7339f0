"""The ledger: each priced call, kept for months, exact to the last pico-unit.

A service appends through `LedgerWriter`, off the request path; whoever reads uses `reading`. It is
a SQLite file that all processes of a machine share, or a PostgreSQL database for several machines.
It holds no prompt and no answer, and of a user only a keyed hash.
"""

from vigie.costs.ledger.errors import LedgerError, NewerLedgerError, NoLedgerError
from vigie.costs.ledger.place import LedgerPlace
from vigie.costs.ledger.reading import Ledger, reading
from vigie.costs.ledger.writer import LedgerWriter

__all__ = [
    "Ledger",
    "LedgerError",
    "LedgerPlace",
    "LedgerWriter",
    "NewerLedgerError",
    "NoLedgerError",
    "reading",
]
