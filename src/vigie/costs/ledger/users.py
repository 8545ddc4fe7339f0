"""Users in the ledger: only a keyed hash, so that nobody who reads it can tell who they are.

The key is made once for an installation and kept in a file that its owner alone can read. Machines
that share a ledger share the key, or each user is one user per machine.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

_KEY_BYTES = 32
_KEPT_DIGITS = 20


def user_hash(key: bytes, user: str) -> str:
    """What the ledger keeps of a user: 20 hexadecimal digits of HMAC-SHA256."""
    digest = hmac.digest(key, user.encode(errors="replace"), hashlib.sha256)
    return digest.hex()[:_KEPT_DIGITS]


def user_key(path: Path) -> bytes:
    """The key in `path`, made with mode 0600 where there is none. Raises OSError, ValueError."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(_KEY_BYTES) + "\n")
        try:
            # Whole or not at all, and never over the key that another worker just made.
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    key = path.read_bytes().strip()
    if len(key) < _KEY_BYTES:
        raise ValueError(f"{path} holds no key: delete it, and a new one is made")
    return key
