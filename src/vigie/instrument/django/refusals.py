"""Why a request was refused: the value of the label `reason`.

What Django REST framework and simplejwt answer is read from the response: the codes of their
errors, not their texts, which are translated. Neither needs to be installed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext

from vigie.catalogue.metric import OTHER
from vigie.instrument.django.tokens import Verdict, is_used_up, verdict

BAD_CREDENTIALS = "bad_credentials"
MISSING_TOKEN = "missing_token"
EXPIRED_TOKEN = "expired_token"
INVALID_TOKEN = "invalid_token"
INACTIVE_USER = "inactive_user"
FORBIDDEN = "forbidden"
THROTTLED = "throttled"

REFUSING = frozenset({401, 403, 429})
"""The status codes that refuse an authentication or an authorisation."""

_BY_CODE = {
    "not_authenticated": MISSING_TOKEN,
    "no_active_account": INACTIVE_USER,  # for wrong credentials, Django's signal has come first
    "user_inactive": INACTIVE_USER,
    "user_not_found": INVALID_TOKEN,
    "password_changed": INVALID_TOKEN,
    "bad_authorization_header": INVALID_TOKEN,
    "permission_denied": FORBIDDEN,
    "throttled": THROTTLED,
}
_INACTIVE_TEXT = "User inactive or deleted."


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why, and whether the token was a good one that had been used up before."""

    reason: str
    replayed: bool = False


def refusal(request: Any, response: Any) -> Refusal:
    """Why `response`, whose status is one of `REFUSING`, refuses `request`."""
    data = getattr(response, "data", None)  # of REST framework's responses
    code = error_code(data)
    reason = _BY_CODE.get(code or "")
    if response.status_code == 429:
        return Refusal(THROTTLED)
    if reason is not None:
        return Refusal(reason)
    scheme, _, credentials = request.META.get("HTTP_AUTHORIZATION", "").strip().partition(" ")
    match code:
        case "token_not_valid":
            return _refused_token(credentials.strip(), data, response)
        case "authentication_failed":
            if _says(data, _INACTIVE_TEXT):
                return Refusal(INACTIVE_USER)
            # Without a header it was the login of a project that checks passwords by itself.
            return _refused_header(scheme, credentials) if scheme else Refusal(BAD_CREDENTIALS)
    if response.status_code == 403:
        return Refusal(FORBIDDEN)
    if code is not None:
        return Refusal(OTHER)
    return _refused_header(scheme, credentials) if scheme else Refusal(MISSING_TOKEN)


def error_code(data: Any, depth: int = 3) -> str | None:
    """The code of the first error in what a view of REST framework answers, however it is nested.

    A project's own exception handler may wrap the errors, but seldom unwraps their codes.
    """
    if isinstance(data, Mapping):
        code = data.get("code")
        if isinstance(code, str):  # simplejwt: the other values have the code of their class
            return str(code)
        data = list(data.values())
    if isinstance(data, list | tuple) and depth:
        codes = (error_code(item, depth - 1) for item in data)
        return next((code for code in codes if code is not None), None)
    code = getattr(data, "code", None)
    return str(code) if isinstance(code, str) else None


def given_data(response: Any) -> Mapping[str, Any]:
    """What the client sent in the body, where REST framework has parsed it."""
    try:
        data = response.renderer_context["request"].data
    except Exception:  # not REST framework's, or a body that cannot be parsed
        return {}
    return data if isinstance(data, Mapping) else {}


def _refused_header(scheme: str, credentials: str) -> Refusal:
    if scheme.lower() == "basic":
        return Refusal(BAD_CREDENTIALS)
    expired = verdict(credentials.strip()) is Verdict.EXPIRED
    return Refusal(EXPIRED_TOKEN if expired else INVALID_TOKEN)


def _refused_token(in_header: str, data: Any, response: Any) -> Refusal:
    """simplejwt refused a token: the header's, of which it says more, or one in the body."""
    given = {} if isinstance(data, Mapping) and "messages" in data else given_data(response)
    token = given.get("refresh") or given.get("token") or in_header
    if not isinstance(token, str):
        return Refusal(INVALID_TOKEN)
    match verdict(token):
        case Verdict.EXPIRED:
            return Refusal(EXPIRED_TOKEN)
        case Verdict.GOOD:
            return Refusal(INVALID_TOKEN, replayed="refresh" in given and is_used_up(token))
        case Verdict.INVALID:
            return Refusal(INVALID_TOKEN)


def _says(data: Any, text: str) -> bool:
    detail = data.get("detail") if isinstance(data, Mapping) else None
    return isinstance(detail, str) and str(detail) in (text, gettext(text))
