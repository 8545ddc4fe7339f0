"""Where a ledger is, and for how long its rows are kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

SQLITE = "sqlite:///"
FILE_NAME = "ledger.sqlite3"


@dataclass(frozen=True, slots=True)
class LedgerPlace:
    """One ledger: `sqlite:///` and the path of a file, or a PostgreSQL URL.

    `user_key_file` holds the key with which users are hashed; without it, none is recorded.
    """

    url: str
    retention: timedelta = timedelta(days=403)
    user_key_file: Path | None = None

    @classmethod
    def in_folder(cls, folder: Path, retention: timedelta = timedelta(days=403)) -> LedgerPlace:
        """The SQLite ledger of a state folder, its users' key among the folder's secrets."""
        return cls(f"{SQLITE}{folder / FILE_NAME}", retention, folder / "secrets" / "ledger-users")

    @property
    def path(self) -> Path | None:
        """The file of a SQLite ledger."""
        return Path(self.url.removeprefix(SQLITE)) if self.url.startswith(SQLITE) else None

    def __str__(self) -> str:
        """The place without a password, for messages."""
        if self.path is not None:
            return str(self.path)
        parts = urlsplit(self.url)
        host = parts.netloc.rpartition("@")[2]
        user = parts.netloc.rpartition("@")[0].partition(":")[0]
        return urlunsplit(parts._replace(netloc=f"{user}@{host}" if user else host, query=""))
