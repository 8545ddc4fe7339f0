"""What is wrong with a JSON web token that was refused.

simplejwt says it in a translated sentence only (and in French with the same one for two reasons),
so the token is checked once more, with simplejwt's own key where it has one at hand. Nothing of a
token is kept or written anywhere.
"""

from __future__ import annotations

import base64
import json
import sys
import time
from enum import Enum
from typing import Any

from django.apps import apps

_EXPIRED_ERROR = "ExpiredSignatureError"  # PyJWT's
_BLACKLIST_APP = "rest_framework_simplejwt.token_blacklist"


class Verdict(Enum):
    """What a second look at a token finds."""

    EXPIRED = "its time is over"
    INVALID = "it is no token, or not one of ours"
    GOOD = "signed by us, and its time is not over"


def verdict(token: str) -> Verdict:
    """Look at a token once more.

    Without simplejwt, or where its key would have to be fetched over the network, the signature is
    not checked: a token is then expired if it says so itself, and else invalid.
    """
    backend = getattr(sys.modules.get("rest_framework_simplejwt.state"), "token_backend", None)
    if backend is None or getattr(backend, "jwks_client", None) is not None:
        expiry = claims(token).get("exp")
        past = isinstance(expiry, int | float) and expiry < time.time()
        return Verdict.EXPIRED if past else Verdict.INVALID
    try:
        backend.decode(token, verify=True)
    except Exception as error:
        expired = type(error.__cause__).__name__ == _EXPIRED_ERROR
        return Verdict.EXPIRED if expired else Verdict.INVALID
    return Verdict.GOOD


def is_used_up(token: str) -> bool:
    """Whether a good refresh token was refused because it had been rotated or revoked.

    Nothing else is left for which simplejwt refuses it.
    """
    return apps.is_installed(_BLACKLIST_APP) and claims(token).get("token_type") == "refresh"


def claims(token: str) -> dict[str, Any]:
    """What a token says of itself, its signature unchecked; nothing if it is no token."""
    try:
        payload = token.split(".")[1]
        read = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}
