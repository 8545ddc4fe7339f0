"""What the coach reads from its environment, all of it in this file.

Each error says which variable is wrong, what it holds, and what to write instead.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

_SHORTEST_SECRET_BYTES = 32
_MAKE_A_SECRET = "python3 -c 'import secrets; print(secrets.token_urlsafe(48))' > coaching.key"
_SIMULATOR = "http://127.0.0.1:8090/v1"
_PROVIDER = "https://api.openai.com/v1"


class WrongEnvironmentError(Exception):
    """A variable is missing or cannot be used; the message says what to write."""


@dataclass(frozen=True, slots=True)
class Environment:
    """The settings of one process. Secrets are kept out of its repr."""

    secret: str = field(repr=False)
    django_url: str
    openai_base_url: str
    openai_api_key: str = field(repr=False)
    openai_timeout_seconds: float
    chat_model: str
    plan_model: str
    models: tuple[str, ...]
    session_idle_seconds: float


def read(environ: Mapping[str, str] = os.environ) -> Environment:
    chat_model = environ.get("COACHING_CHAT_MODEL") or "gpt-4o-mini"
    plan_model = environ.get("COACHING_PLAN_MODEL") or "gpt-4o"
    given = environ.get("COACHING_MODELS") or "gpt-4o-mini,gpt-4o,gpt-3.5-turbo,coach-internal-1"
    models = [name.strip() for name in given.split(",") if name.strip()]
    key = _openai_api_key(environ)
    return Environment(
        secret=_shared_secret(environ),
        django_url=_url(environ, "COACHING_DJANGO_URL", "http://127.0.0.1:8002"),
        # Without a key there is nobody but the simulator to talk to.
        openai_base_url=_url(environ, "OPENAI_BASE_URL", _PROVIDER if key else _SIMULATOR),
        openai_api_key=key or "simulated",
        openai_timeout_seconds=_seconds(environ, "COACHING_OPENAI_TIMEOUT_SECONDS", "60"),
        chat_model=chat_model,
        plan_model=plan_model,
        models=tuple(dict.fromkeys([chat_model, *models])),
        session_idle_seconds=_seconds(environ, "COACHING_SESSION_IDLE_SECONDS", "900"),
    )


def faults_switched_on(environ: Mapping[str, str] = os.environ) -> bool:
    return environ.get("COACHING_FAULTS") == "1"


def _shared_secret(environ: Mapping[str, str]) -> str:
    secret = _file(environ, "COACHING_SECRET_KEY_FILE", _MAKE_A_SECRET)
    if secret is None:
        raise WrongEnvironmentError(
            "COACHING_SECRET_KEY_FILE is not set: name the file that Django's is set to. "
            f"Make one with: (umask 077; {_MAKE_A_SECRET})"
        )
    if len(secret.encode()) < _SHORTEST_SECRET_BYTES:
        raise WrongEnvironmentError(
            f"COACHING_SECRET_KEY_FILE names a file of {len(secret.encode())} bytes: "
            f"at least {_SHORTEST_SECRET_BYTES} are needed. "
            f"Make one with: (umask 077; {_MAKE_A_SECRET})"
        )
    return secret


def _openai_api_key(environ: Mapping[str, str]) -> str | None:
    from_file = _file(environ, "OPENAI_API_KEY_FILE", 'printf %s "$KEY" > openai.key')
    return from_file or environ.get("OPENAI_API_KEY") or None


def _file(environ: Mapping[str, str], variable: str, how_to_make_one: str) -> str | None:
    path = environ.get(variable)
    if not path:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise WrongEnvironmentError(
            f"{variable} is {path!r}, which cannot be read ({error}). "
            f"Make one with: (umask 077; {how_to_make_one})"
        ) from error


def _url(environ: Mapping[str, str], variable: str, default: str) -> str:
    given = environ.get(variable) or default
    parts = urlsplit(given)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise WrongEnvironmentError(f"{variable} is {given!r}: write a URL, e.g. {default}")
    return given.rstrip("/")


def _seconds(environ: Mapping[str, str], variable: str, default: str) -> float:
    given = environ.get(variable) or default
    try:
        seconds = float(given)
    except ValueError:
        seconds = 0.0
    if not 0.0 < seconds < float("inf"):
        raise WrongEnvironmentError(
            f"{variable} is {given!r}: write a number of seconds above 0, e.g. {default}"
        )
    return seconds
