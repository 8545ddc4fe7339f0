"""What can be wrong with a ledger as such; that it is locked or full is told by its database.

LedgerError           it cannot be used
├── NoLedgerError     there is none at that place
└── NewerLedgerError  a newer Vigie made it
"""

from __future__ import annotations


class LedgerError(Exception):
    """The ledger cannot be used; the text says why, and what to do."""


class NoLedgerError(LedgerError):
    """There is no ledger at that place yet."""


class NewerLedgerError(LedgerError):
    """The ledger was made or brought up to date by a newer Vigie."""
