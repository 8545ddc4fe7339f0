"""The two services behind the screen: Django for the account, FastAPI for the coach.

What goes wrong is a ServiceError, whose text is made for the user. Tokens stay on this side: the
browser never sees them.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

import environment
from monitoring import instrument_httpx


class ServiceError(Exception):
    """A service refused or did not answer; the text says so to the user.

    `status` is HTTP's, None where there was no answer.
    """

    def __init__(self, words: str, status: int | None = None) -> None:
        super().__init__(words)
        self.status = status


class LoggedOutError(Exception):
    """The session has expired: the user has to log in again."""

    def __init__(self) -> None:
        super().__init__(
            "Votre session a expiré, reconnectez-vous. / Your session has expired, log in again."
        )


class Service:
    """One service over HTTP. Safe to share between the sessions of all users."""

    def __init__(self, name: str, client: httpx.Client) -> None:
        self.name = name
        self._client = client

    def call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Any:
        with self._failures():
            response = self._client.request(method, path, json=body, headers=headers)
        self._refuse_errors(response)
        return response.json() if response.content else None

    def events(self, path: str, body: Any, headers: dict[str, str]) -> Iterator[tuple[str, Any]]:
        """The server-sent events of an answer: each one's name and data."""
        with (
            self._failures(),
            self._client.stream("POST", path, json=body, headers=headers) as response,
        ):
            if response.is_error:
                response.read()
            self._refuse_errors(response)
            name = "message"
            for line in response.iter_lines():
                key, _, value = line.partition(": ")
                if key == "event":
                    name = value
                elif key == "data":
                    yield name, json.loads(value)

    def close(self) -> None:
        self._client.close()

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except httpx.TransportError as error:
            raise ServiceError(
                f"Le service {self.name} ne répond pas. / The {self.name} service does not answer."
            ) from error

    def _refuse_errors(self, response: httpx.Response) -> None:
        if not response.is_error:
            return
        try:
            words = "\n\n".join(_sentences(response.json()))
        except ValueError:
            words = ""
        raise ServiceError(
            words or f"Le service {self.name} a échoué. / The {self.name} service failed.",
            status=response.status_code,
        )


def connect() -> tuple[Service, Service]:
    """Django and FastAPI, with the calls to them measured."""
    django, api = environment.django_url(), environment.api_url()
    # A training plan takes the provider a while, and FastAPI knows how long to wait for it.
    web = httpx.Client(base_url=django, timeout=httpx.Timeout(10, connect=2))
    coach = httpx.Client(base_url=api, timeout=httpx.Timeout(150, connect=2))
    for client in (web, coach):
        instrument_httpx(client, source="streamlit", targets={django: "django", api: "fastapi"})
    return Service("Django", web), Service("FastAPI", coach)


def disconnect(services: tuple[Service, Service]) -> None:
    for service in services:
        service.close()


def register(django: Service, username: str, password: str, language: str) -> None:
    django.call(
        "POST",
        "/api/v1/auth/register/",
        {"username": username, "password": password},
        {"Accept-Language": language},
    )


class Account:
    """A user who is logged in. An access token that has expired is renewed on the way.

    Everything raises ServiceError, and LoggedOutError where the session cannot be renewed.
    """

    def __init__(
        self, django: Service, api: Service, username: str, password: str, language: str
    ) -> None:
        self.username = username
        self._django = django
        self._api = api
        self._keep(
            django.call(
                "POST",
                "/api/v1/auth/login/",
                {"username": username, "password": password},
                {"Accept-Language": language},
            )
        )

    def log_out(self) -> None:
        self._django.call("POST", "/api/v1/auth/logout/", {"refresh": self._refresh})

    def chat(self, message: str, session_id: str | None) -> Iterator[tuple[str, Any]]:
        """The events of an answer: `sources`, `text` for each piece, `done` or `error`."""
        body = {"message": message, "stream": True, "session_id": session_id}
        try:
            yield from self._api.events("/api/v1/chat", body, self._headers())
        except ServiceError as error:
            self._renew(error)
            yield from self._api.events("/api/v1/chat", body, self._headers())

    def end_session(self, session_id: str) -> None:
        self._call(self._api, "POST", f"/api/v1/chat/{session_id}/end")

    def plans(self) -> list[dict[str, Any]]:
        return self._call(self._django, "GET", "/api/v1/plans/")["results"]

    def generate_plan(self, goal: str, level: str, weeks: int) -> dict[str, Any]:
        body = {"goal": goal, "level": level, "weeks": weeks}
        return self._call(self._api, "POST", "/api/v1/plans/generate", body)

    def _call(self, service: Service, method: str, path: str, body: Any = None) -> Any:
        try:
            return service.call(method, path, body, self._headers())
        except ServiceError as error:
            self._renew(error)
            return service.call(method, path, body, self._headers())

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._access}"}

    def _renew(self, refused: ServiceError) -> None:
        """Renew the tokens if the access token was refused; any other refusal stands."""
        if refused.status != 401:
            raise refused
        try:
            self._keep(
                self._django.call("POST", "/api/v1/auth/refresh/", {"refresh": self._refresh})
            )
        except ServiceError as error:
            raise (LoggedOutError() if error.status == 401 else error) from refused

    def _keep(self, tokens: dict[str, str]) -> None:
        self._access, self._refresh = tokens["access"], tokens["refresh"]


def _sentences(refusal: Any) -> Iterator[str]:
    """The texts in a refusal: FastAPI's and the REST framework's, whatever field they are about."""
    if isinstance(refusal, str):
        yield refusal
    elif isinstance(refusal, list):
        for part in refusal:
            yield from _sentences(part["msg"] if isinstance(part, dict) and "msg" in part else part)
    elif isinstance(refusal, dict):
        for part in [refusal["detail"]] if "detail" in refusal else refusal.values():
            yield from _sentences(part)
