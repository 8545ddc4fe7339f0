"""The users of the coaching application's screen, as locust runs them: real Streamlit sessions."""

from __future__ import annotations

import time

from locust import task

from vigie.simulate import questions
from vigie.simulate.person import Person, between
from vigie.simulate.streamlit_session import (
    StreamlitError,
    StreamlitSession,
    UnreachableError,
)

USERNAME = "Nom d'utilisateur / Username"
PASSWORD = "Mot de passe / Password"
LOG_IN = "Se connecter / Log in"
LOG_OUT = "Se déconnecter / Log out"
PLANS, COACH = "Plans", "Coach"


class Visitor(Person):
    """Somebody at the screen: logs in through the page, chats, looks at the plans, leaves."""

    wait_time = between(5.0, 15.0)
    abstract = False
    _in_a_hurry = True

    @task
    def visit(self) -> None:
        """Stay a while; every session is a new one, as after opening a browser."""
        if not self.logged_in():  # which also makes the account
            return
        url = self.world.targets.streamlit
        session = StreamlitSession(url, self.rng.choice(("fr-FR", "fr-FR", "en-GB")))
        try:
            session.open()
            self.world.patience[url].answered()
            self._stay(session)
        except UnreachableError:
            time.sleep(self.world.patience[url].failed())
        except StreamlitError:
            pass  # the page shows something else: the services behind it do not answer
        finally:
            session.close()

    def _stay(self, session: StreamlitSession) -> None:
        if self.rng.random() < 0.1:
            self._log_in(session, "a mistyped password")
            self._think(2, 4)
        self._log_in(session, self.credentials.password)
        for number in range(1 if self._in_a_hurry else self.rng.randint(1, 3)):
            self._think(20, 60)
            self.world.budget.take()
            session.say(self.rng.choice(questions.FOLLOW_UPS if number else questions.QUESTIONS))
            self._think(20, 60)
        if PLANS in session.page.links and COACH in session.page.links:
            session.go(PLANS)
            self._think(5, 15)
            session.go(COACH)
        self._think(10, 40)
        # Some log out; the others just close the page.
        if LOG_OUT in session.page.links and (self._in_a_hurry or self.rng.random() < 0.6):
            session.go(LOG_OUT)
        self._in_a_hurry = False

    def _log_in(self, session: StreamlitSession, password: str) -> None:
        session.write(USERNAME, self.credentials.username)
        session.write(PASSWORD, password)
        session.press(LOG_IN)

    def _think(self, shortest: float, longest: float) -> None:
        """Read and think; the first visit is short, so that every metric is soon alive."""
        if self._in_a_hurry:
            time.sleep(0.3)
        else:
            self.think(shortest, longest)


def visitor_count(users: int) -> int:
    """Return how many of the users sit at the screen: a third, and at least one."""
    return max(1, users // 3)
