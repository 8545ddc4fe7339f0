"""What Django reads from its environment, all of it in this file.

Each error says which variable is wrong, what it holds, and what to write instead.
"""

import hashlib
import hmac
import os
import re
from pathlib import Path
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

_SHORTEST_SECRET_BYTES = 32
_MAKE_A_SECRET = "python3 -c 'import secrets; print(secrets.token_urlsafe(48))' > coaching.key"


def shared_secret() -> str:
    """The secret that Django signs its tokens with, and that FastAPI checks them with."""
    path = os.environ.get("COACHING_SECRET_KEY_FILE")
    if not path:
        raise ImproperlyConfigured(
            "COACHING_SECRET_KEY_FILE is not set: name a file that holds a secret. "
            f"Make one with: (umask 077; {_MAKE_A_SECRET})"
        )
    try:
        secret = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(
            f"COACHING_SECRET_KEY_FILE is {path!r}, which cannot be read ({error}). "
            f"Make one with: (umask 077; {_MAKE_A_SECRET})"
        ) from error
    if len(secret.encode()) < _SHORTEST_SECRET_BYTES:
        raise ImproperlyConfigured(
            f"COACHING_SECRET_KEY_FILE is {path!r}, which holds {len(secret.encode())} bytes: "
            f"at least {_SHORTEST_SECRET_BYTES} are needed. "
            f"Make one with: (umask 077; {_MAKE_A_SECRET})"
        )
    return secret


def own_secret(shared: str) -> str:
    """Django's own secret, derived so that what it signs is never taken for a token."""
    return hmac.new(shared.encode(), b"coaching.django", hashlib.sha256).hexdigest()


def database() -> dict[str, Any]:
    folder = Path(os.environ.get("COACHING_STATE") or ".").resolve()
    url = os.environ.get("COACHING_DATABASE_URL") or f"sqlite:///{folder}/coaching.sqlite3"
    try:
        config = dict(dj_database_url.parse(url, conn_max_age=60, conn_health_checks=True))
    except ValueError as error:
        # The URL may hold a password: only its scheme is shown.
        raise ImproperlyConfigured(
            f"COACHING_DATABASE_URL starts with {url.split(':')[0]!r}: write "
            "sqlite:////folder/coaching.sqlite3 or postgresql://user:password@host:5432/name"
        ) from error
    config["OPTIONS"] = _database_options(config["ENGINE"]) | config.get("OPTIONS", {})
    return config


def _database_options(engine: str) -> dict[str, Any]:
    if engine.endswith("sqlite3"):
        return {
            # Readers do not wait for the writer, and writers wait for their turn: without
            # IMMEDIATE, a transaction that reads first and then writes fails at once when
            # another one is writing, whatever the timeout.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            "transaction_mode": "IMMEDIATE",
            "timeout": 10,
        }
    if engine.endswith("postgresql"):
        return {"connect_timeout": 5, "options": "-c statement_timeout=15s -c lock_timeout=5s"}
    return {}


def allowed_hosts() -> list[str]:
    hosts = os.environ.get("COACHING_ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]")
    return [host.strip() for host in hosts.split(",") if host.strip()]


def rate(variable: str, default: str) -> str:
    """A throttle's rate for each client address, as the REST framework writes it: `300/min`."""
    given = os.environ.get(variable) or default
    if not re.fullmatch(r"[1-9]\d*/(s|sec|m|min|h|hour|d|day)", given):
        raise ImproperlyConfigured(
            f"{variable} is {given!r}: write a number for each s, min, hour or day, e.g. 300/min"
        )
    return given


def faults_switched_on() -> bool:
    return os.environ.get("COACHING_FAULTS") == "1"
