"""A user of the coaching application, as locust runs one: an account, and calls to both services.

Importing locust patches the standard library: sockets, `time.sleep` and `threading` are gevent's
from then on. So only the process of the traffic imports this.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from locust import HttpUser

from vigie.simulate.targets import Credentials, World

TIMEOUT_SECONDS = (2.0, 90.0)
"""How long to wait for a connection, and for an answer."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; status 0 where there was none. `json` is an empty object where it is no object."""

    status: int
    json: dict[str, Any] = field(default_factory=dict)


def between(shortest: float, longest: float) -> Callable[[Person], float]:
    """How long somebody waits from task to task, in seconds at people's pace."""
    return lambda person: person.rng.uniform(shortest, longest) / person.world.pace


class Person(HttpUser):
    """Somebody with an account, who can call both services."""

    abstract = True
    host = ""  # every call names the whole address
    world: World

    def on_start(self) -> None:
        """Make up who this is."""
        self.client.trust_env = False
        self.rng = self.world.next_rng()
        self.credentials = Credentials.new()
        self.access: str | None = None
        self.refresh: str | None = None
        self.session_id: str | None = None
        self._registered = False

    def django(
        self, method: str, path: str, body: Any = None, *, token: str | None = None, name: str = ""
    ) -> Reply:
        """Call Django; `name` groups paths with ids in them."""
        return self._call(method, self.world.targets.django, path, body, token, name)

    def fastapi(self, path: str, body: Any, *, token: str | None = None, name: str = "") -> Reply:
        """POST to FastAPI."""
        return self._call("POST", self.world.targets.fastapi, path, body, token, name)

    def logged_in(self) -> bool:
        """Register and log in where that is still to be done; tell whether it worked."""
        if self.access is not None:
            return True
        credentials = {
            "username": self.credentials.username,
            "password": self.credentials.password,
        }
        if not self._registered:
            created = self.django("POST", "/api/v1/auth/register/", credentials)
            self._registered = created.status == 201
            if created.status == 400:  # the name is taken: an answer was lost on its way
                self.credentials = Credentials.new()
            if not self._registered:
                return False
        tokens = self.django("POST", "/api/v1/auth/login/", credentials)
        if tokens.status == 401:  # the account is gone: the database was emptied
            self.credentials, self._registered = Credentials.new(), False
        self._keep(tokens)
        return self.access is not None

    def think(self, shortest: float, longest: float) -> None:
        """Read and think for so many seconds at people's pace."""
        time.sleep(self.rng.uniform(shortest, longest) / self.world.pace)

    def renew(self) -> None:
        """Renew the tokens; where that is refused, the next task logs in again."""
        self._keep(self.django("POST", "/api/v1/auth/refresh/", {"refresh": self.refresh}))

    def _keep(self, tokens: Reply) -> None:
        self.access = tokens.json.get("access")
        self.refresh = tokens.json.get("refresh", self.refresh)

    def _call(  # noqa: PLR0917 - called from the two methods above only
        self, method: str, host: str, path: str, body: Any, token: str | None, name: str
    ) -> Reply:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        with self.client.request(
            method,
            host + path,
            name=name or path,
            json=body,
            headers=headers,
            timeout=TIMEOUT_SECONDS,
            catch_response=True,
        ) as response:
            status = int(response.status_code or 0)
            if 0 < status < 500:  # refusals are what is expected of some requests
                response.success()
            try:
                answer = response.json() if status else {}
            except ValueError:
                answer = {}
        self.rest_where_nobody_answers(host, status)
        return Reply(status, answer if isinstance(answer, dict) else {})

    def rest_where_nobody_answers(self, host: str, status: int) -> None:
        """Wait longer and longer while a service is down."""
        patience = self.world.patience[host]
        if status:
            patience.answered()
        else:
            time.sleep(patience.failed())
