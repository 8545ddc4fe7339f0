"""The coach's calls to Django: who the athlete is, their sessions and their plans."""

from typing import Any, TypedDict

import httpx

from errors import CoachError
from identity import User


class Profile(TypedDict):
    """What the coach needs of Django's profile."""

    goal: str
    level: str
    weekly_hours: int


class Django:
    """Django's API, called in the user's name: Django decides what they may see."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def profile(self, user: User) -> Profile:
        return await self._call(user, "GET", "/api/v1/profile/")

    async def start_session(self, user: User) -> str:
        return (await self._call(user, "POST", "/api/v1/sessions/", {}))["id"]

    async def session(self, user: User, session_id: str) -> dict[str, Any]:
        return await self._call(user, "GET", f"/api/v1/sessions/{session_id}/")

    async def end_session(self, user: User, session_id: str) -> dict[str, Any]:
        return await self._call(user, "PATCH", f"/api/v1/sessions/{session_id}/", {"ended": True})

    async def save_plan(self, user: User, plan: dict[str, Any]) -> dict[str, Any]:
        return await self._call(user, "POST", "/api/v1/plans/", plan)

    async def _call(self, user: User, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {user.token}"}
        try:
            response = await self._client.request(method, path, headers=headers, json=body)
        except httpx.TimeoutException as error:
            raise CoachError(
                504,
                "django_timeout",
                "Le service des comptes ne répond pas à temps. "
                "/ The accounts service does not answer in time.",
            ) from error
        except httpx.TransportError as error:
            raise CoachError(
                503,
                "django_unreachable",
                "Le service des comptes ne répond pas. / The accounts service does not answer.",
            ) from error
        if response.is_success:
            return response.json()
        raise _refusal(response)


def _refusal(response: httpx.Response) -> CoachError:
    match response.status_code:
        case 401 if _code(response) == "user_inactive":
            return CoachError(
                401, "inactive_user", "Ce compte est désactivé. / This account is deactivated."
            )
        case 401:
            return CoachError(
                401, "invalid_token", "Jeton d'accès refusé. / The access token is refused."
            )
        case 404:
            return CoachError(404, "not_found", "Session inconnue. / Unknown session.")
        case _:
            return CoachError(
                502,
                "django_error",
                "Le service des comptes a échoué. / The accounts service failed.",
            )


def _code(response: httpx.Response) -> str | None:
    try:
        return response.json().get("code")
    except (ValueError, AttributeError):
        return None
