"""Who is asking: Django's access tokens, checked here with the key that both services share."""

from dataclasses import dataclass, field
from typing import Annotated

import jwt
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from errors import CoachError

_ISSUER = "coaching"  # Django's settings.SIMPLE_JWT
_REQUIRED = ("exp", "iat", "jti", "iss", "token_type", "user_id")

_bearer = HTTPBearer(auto_error=False, description="An access token of Django's /auth/login/")


@dataclass(frozen=True, slots=True)
class User:
    """The owner of a valid access token, which calls to Django carry on."""

    id: str
    token: str = field(repr=False)


def current_user(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> User:
    if credentials is None:
        raise CoachError(401, "missing_token", "Connectez-vous d'abord. / Log in first.")
    return user_of(credentials.credentials, request.app.state.environment.secret)


def user_of(token: str, secret: str) -> User:
    """The user of an access token. Raises CoachError 401: expired_token or invalid_token.

    A valid token of a user who was deactivated since passes here: Django, which is asked for the
    user's profile before anything is answered, refuses it.
    """
    try:
        claims = jwt.decode(
            token, secret, algorithms=["HS256"], issuer=_ISSUER, options={"require": [*_REQUIRED]}
        )
    except jwt.ExpiredSignatureError as error:
        raise CoachError(
            401, "expired_token", "La session a expiré. / The session has expired."
        ) from error
    except jwt.InvalidTokenError as error:
        raise _invalid() from error
    if claims["token_type"] != "access":
        raise _invalid()
    return User(str(claims["user_id"]), token)


def _invalid() -> CoachError:
    return CoachError(401, "invalid_token", "Jeton d'accès refusé. / The access token is refused.")


CurrentUser = Annotated[User, Depends(current_user)]
