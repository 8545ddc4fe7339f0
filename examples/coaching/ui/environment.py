"""Where the other two services are, as the environment says."""

import os
from collections.abc import Mapping
from urllib.parse import urlsplit


class WrongEnvironmentError(Exception):
    """A variable cannot be used; the message says what to write."""


def django_url(environ: Mapping[str, str] = os.environ) -> str:
    return _url(environ, "COACHING_DJANGO_URL", "http://127.0.0.1:8002")


def api_url(environ: Mapping[str, str] = os.environ) -> str:
    return _url(environ, "COACHING_API_URL", "http://127.0.0.1:8000")


def _url(environ: Mapping[str, str], variable: str, default: str) -> str:
    given = environ.get(variable) or default
    parts = urlsplit(given)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise WrongEnvironmentError(f"{variable} is {given!r}: write a URL, e.g. {default}")
    return given.rstrip("/")
