"""What goes wrong for users every day: mistyped passwords, old tokens, dead links.

Importing locust patches the standard library: sockets, `time.sleep` and `threading` are gevent's
from then on. So only the process of the traffic imports this.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from locust import between, task

from vigie.simulate.person import Person


class Stumbler(Person):
    """Somebody to whom everything happens that is refused; rarely enough to alarm nobody.

    At whatever pace: who guards against attacks counts by the clock.
    """

    wait_time = between(14.0, 26.0)
    abstract = False
    fixed_count = 1
    _old_token: str | None = None

    @task
    def stumble(self) -> None:
        """Make one of the mistakes."""
        if not self.logged_in():
            return
        if self.rng.random() < 0.05:
            self._come_back_with_an_old_token()
            return
        mistakes, weights = zip(*MISTAKES.items(), strict=True)
        self.rng.choices(mistakes, weights)[0](self)

    def _come_back_with_an_old_token(self) -> None:
        """Use the first token that was ever given, which has expired after a while."""
        if self._old_token is None:
            self._old_token = self.access
        if self.django("GET", "/api/v1/profile/", token=self._old_token).status == 401:
            self._old_token = None
            self.access = None


def wrong_password(person: Person) -> None:
    """Mistype one's password."""
    body = {"username": person.credentials.username, "password": secrets.token_urlsafe(9)}
    person.django("POST", "/api/v1/auth/login/", body)


def invalid_token(person: Person) -> None:
    """Send a token with a broken signature."""
    broken = f"{person.access}x" if person.access else "x"
    person.django("GET", "/api/v1/profile/", token=broken)


def no_token(person: Person) -> None:
    """Forget to log in."""
    person.django("GET", "/api/v1/sessions/")


def forbidden_page(person: Person) -> None:
    """Look at what is for the staff."""
    person.django("GET", "/api/v1/stats/", token=person.access)


def unknown_page(person: Person) -> None:
    """Follow a dead link."""
    path = person.rng.choice(("/api/v1/nutrition/", "/favicon.ico", "/plans/42"))
    person.django("GET", path, token=person.access)


def wrong_method(person: Person) -> None:
    """Delete what cannot be deleted."""
    person.django("DELETE", "/api/v1/profile/", token=person.access)


def no_token_for_the_coach(person: Person) -> None:
    """Ask the coach without having logged in."""
    person.fastapi("/api/v1/ask", {"question": "Bonjour ?"})


def unknown_model(person: Person) -> None:
    """Ask for a model that the application does not offer."""
    body = {"message": "Bonjour", "model": "gpt-9"}
    person.fastapi("/api/v1/chat", body, token=person.access)


MISTAKES: dict[Callable[[Person], None], int] = {
    wrong_password: 3,
    invalid_token: 2,
    no_token: 2,
    forbidden_page: 3,
    unknown_page: 2,
    wrong_method: 1,
    no_token_for_the_coach: 1,
    unknown_model: 1,
}
"""Each mistake, and how often it is made in comparison with the others."""
