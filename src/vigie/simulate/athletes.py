"""The users of the coaching application's APIs, as locust runs them.

Importing locust patches the standard library: sockets, `time.sleep` and `threading` are gevent's
from then on. So only the process of the traffic imports this.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

from locust import task

from vigie.simulate import questions
from vigie.simulate.mistakes import MISTAKES
from vigie.simulate.person import TIMEOUT_SECONDS, Person, Reply, between


class Athlete(Person):
    """Somebody who trains: looks at plans and sessions, and asks the coach as the budget allows."""

    wait_time = between(1.5, 5.0)
    abstract = False

    @task(5)
    def look_at_profile(self) -> None:
        """Read the profile, sometimes change it."""
        if not self.logged_in():
            return
        if self._mine("GET", "/api/v1/profile/") and self.rng.random() < 0.2:
            goal, level = self.rng.choice(questions.GOALS), self.rng.choice(questions.LEVELS)
            self._mine("PATCH", "/api/v1/profile/", {"goal": goal, "level": level})

    @task(4)
    def look_at_plans(self) -> None:
        """List the training plans, and open the newest."""
        if self.logged_in():
            self._open_first("plans", self._mine("GET", "/api/v1/plans/"))

    @task(4)
    def look_at_sessions(self) -> None:
        """List the coaching sessions, and open the newest."""
        if self.logged_in():
            self._open_first("sessions", self._mine("GET", "/api/v1/sessions/"))

    @task(1)
    def keep_a_session(self) -> None:
        """Note a coaching session held in person, and end it."""
        if not self.logged_in():
            return
        topic = self.rng.choice(questions.TOPICS)
        created = self._mine("POST", "/api/v1/sessions/", {"topic": topic})
        if created and "id" in created:
            path, name = f"/api/v1/sessions/{created['id']}/", "/api/v1/sessions/{id}/"
            self._mine("PATCH", path, {"ended": True}, name=name)

    @task(1)
    def write_a_plan(self) -> None:
        """Keep a plan of one's own."""
        if self.logged_in():
            plan = {
                "goal": self.rng.choice(questions.GOALS),
                "level": self.rng.choice(questions.LEVELS),
                "weeks": 1,
                "content": {"summary": "", "weeks": [{"focus": "Footing", "workouts": []}]},
            }
            self._mine("POST", "/api/v1/plans/", plan)

    @task(1)
    def look_for_what_is_not_there(self) -> None:
        """Open a plan that does not exist."""
        if self.logged_in():
            path, name = f"/api/v1/plans/{uuid.uuid4()}/", "/api/v1/plans/{id}/"
            self._mine("GET", path, name=name)

    @task(1)
    def stay_logged_in(self) -> None:
        """Renew the tokens."""
        if self.logged_in():
            self.renew()

    @task(4)
    def chat(self) -> None:
        """Ask the coach something, and end the conversation sooner or later."""
        if self.logged_in() and self.world.budget.allows():
            self.chat_plain(None)

    @task(5)
    def chat_streamed(self) -> None:
        """Ask the coach, and read the answer as it is written, or leave in the middle of it."""
        if self.logged_in() and self.world.budget.allows():
            self.chat_stream(leave_after=8 if self.rng.random() < 0.1 else None)

    @task(2)
    def ask_the_documents(self) -> None:
        """Ask what the documents answer, and at times what they do not."""
        if not self.logged_in():
            return
        if self.rng.random() < 0.2:
            self.ask(self.rng.choice(questions.UNANSWERABLE_QUESTIONS))
        elif self.world.budget.allows():
            self.ask(self.rng.choice(questions.DOCUMENT_QUESTIONS))

    @task(1)
    def generate_a_plan(self) -> None:
        """Have a training plan written."""
        if self.logged_in() and self.world.budget.allows():
            self.generate(self.rng.choice((1, 1, 1, 2)))

    @task(1)
    def use_another_model(self) -> None:
        """Chat with another model: an older one, or one whose price nobody knows."""
        if self.logged_in() and self.world.budget.allows():
            self.chat_plain(self.rng.choice(("coach-internal-1", "gpt-3.5-turbo", "gpt-4o")))

    def chat_plain(self, model: str | None) -> None:
        """Ask one question and get the answer in one piece."""
        body = self._question() | ({"model": model} if model else {})
        answer = self.fastapi("/api/v1/chat", body, token=self.access)
        self._after_answer(answer.status, answer.json.get("session_id"))

    def chat_stream(self, leave_after: int | None) -> None:
        """Ask one question and read the stream, up to so many lines if `leave_after` says so."""
        host = self.world.targets.fastapi
        session_id = None
        with self.client.post(
            f"{host}/api/v1/chat",
            name="/api/v1/chat (stream)",
            json=self._question() | {"stream": True},
            headers={"Authorization": f"Bearer {self.access}"},
            timeout=TIMEOUT_SECONDS,
            stream=True,
            catch_response=True,
        ) as response:
            status = int(response.status_code or 0)
            if 0 < status < 500:
                response.success()
            try:
                for number, line in enumerate(response.iter_lines() if status else ()):
                    if number == leave_after:
                        break
                    session_id = _session_id(line) or session_id
            except OSError:  # requests' own exceptions are of this kind
                response.failure("the stream broke off")
            if status:  # without an answer there is no connection to close
                response.close()
        self.rest_where_nobody_answers(host, status)
        self._after_answer(status, session_id)

    def ask(self, question: str) -> None:
        """Ask the documents."""
        self._renewing(self.fastapi("/api/v1/ask", {"question": question}, token=self.access))

    def generate(self, weeks: int) -> None:
        """Have a plan of so many weeks written."""
        goal, level = self.rng.choice(questions.GOALS), self.rng.choice(questions.LEVELS)
        body = {"goal": goal, "level": level, "weeks": weeks}
        self._renewing(self.fastapi("/api/v1/plans/generate", body, token=self.access))

    def end_chat(self) -> None:
        """End the conversation that goes on."""
        if self.session_id is not None:
            path, self.session_id = f"/api/v1/chat/{self.session_id}/end", None
            self.fastapi(path, None, token=self.access, name="/api/v1/chat/{id}/end")

    def _question(self) -> dict[str, Any]:
        if self.session_id is None:
            return {"message": self.rng.choice(questions.QUESTIONS)}
        return {"message": self.rng.choice(questions.FOLLOW_UPS), "session_id": self.session_id}

    def _after_answer(self, status: int, session_id: str | None) -> None:
        self._renewing(Reply(status))
        if status in (404, 409):  # the conversation is over, or belongs to another life
            self.session_id = None
        elif session_id is not None:
            self.session_id = session_id
            if self.rng.random() < 0.5:
                self.think(0.5, 2.0)
                self.end_chat()

    def _mine(
        self, method: str, path: str, body: Any = None, name: str = ""
    ) -> dict[str, Any] | None:
        """Call Django with one's own token; None where that was refused."""
        reply = self._renewing(self.django(method, path, body, token=self.access, name=name))
        return reply.json if 200 <= reply.status < 300 else None

    def _renewing(self, reply: Reply) -> Reply:
        """Renew the tokens when one was refused, for the next time."""
        if reply.status == 401:
            self.renew()
        return reply

    def _open_first(self, kind: str, listed: dict[str, Any] | None) -> None:
        results = (listed or {}).get("results")
        if isinstance(results, list) and results and isinstance(results[0], dict):
            path = f"/api/v1/{kind}/{results[0].get('id')}/"
            self._mine("GET", path, name=f"/api/v1/{kind}/{{id}}/")


class Explorer(Athlete):
    """An athlete who begins by using everything once, so that every metric is soon alive."""

    fixed_count = 1

    def on_start(self) -> None:
        """Use everything once, what takes long side by side."""
        super().on_start()
        while not self.logged_in():
            time.sleep(0.5)
        steps: tuple[Callable[[], object], ...] = (
            self._first_chat,
            lambda: self.chat_stream(leave_after=None),
            lambda: self.ask(self.rng.choice(questions.DOCUMENT_QUESTIONS)),
            lambda: self.generate(1),
            lambda: self.chat_plain("coach-internal-1"),
            self._everything_without_ai,
        )
        for _ in steps[:-1]:
            self.world.budget.take()
        at_once = [threading.Thread(target=step, daemon=True) for step in steps]
        for each in at_once:
            each.start()
        for each in at_once:
            each.join(timeout=30)

    def _first_chat(self) -> None:
        self.chat_plain(None)
        self.end_chat()

    def _everything_without_ai(self) -> None:
        self.ask(questions.UNANSWERABLE_QUESTIONS[0])
        for each in (
            self.look_at_profile,
            self.keep_a_session,
            self.look_at_sessions,
            self.write_a_plan,
            self.look_at_plans,
            self.look_for_what_is_not_there,
            self.stay_logged_in,
        ):
            each()
        self.django("GET", "/health/")
        for mistake in MISTAKES:
            mistake(self)


def _session_id(line: bytes) -> str | None:
    """Find the conversation's id in a line of an event stream."""
    if not line.startswith(b"data:") or b"session_id" not in line:
        return None
    try:
        data = json.loads(line.removeprefix(b"data:"))
    except ValueError:
        return None
    found = data.get("session_id") if isinstance(data, dict) else None
    return found if isinstance(found, str) else None
