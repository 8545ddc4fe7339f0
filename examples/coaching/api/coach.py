"""How the coach answers: who asks, what is looked up, what the model is told, what is kept."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

import prompts
from conversations import Conversation, Conversations
from django_client import Django
from errors import CoachError
from identity import User
from monitoring import feature, track_rag_query, track_training_plan
from plans import Plan, PlanRequest, schema_for
from provider import AnswerStream, Messages, Provider
from retrieval import Library, Passage

NOTHING_FOUND = (
    "Je n'ai rien trouvé à ce sujet dans mes documents. "
    "/ I found nothing about this in my documents."
)


@dataclass(slots=True)
class Turn:
    """One question of a conversation. `conversation` is None until a new one's first answer."""

    user: User
    question: str
    session_id: str | None
    conversation: Conversation | None
    passages: Sequence[Passage]
    messages: Messages
    started: float


class Coach:
    """What a user can ask for. Each method raises CoachError where it fails.

    Each asks Django for the user's profile first: a user who was deactivated gets no answer, even
    while their token is valid.
    """

    def __init__(
        self, django: Django, provider: Provider, library: Library, conversations: Conversations
    ) -> None:
        self._django = django
        self._provider = provider
        self._library = library
        self._conversations = conversations

    async def turn(self, user: User, question: str, session_id: str | None) -> Turn:
        """A question, ready to be answered by `answer` or `stream`, then kept by `keep`."""
        started = time.monotonic()
        profile = await self._django.profile(user)
        conversation = await self._resume(user, session_id) if session_id else None
        earlier = conversation.messages() if conversation else []
        passages = self._look_up(question)
        messages = prompts.chat(question, earlier, profile, passages)
        return Turn(user, question, session_id, conversation, passages, messages, started)

    async def answer(self, turn: Turn, model: str) -> str:
        with feature("chat", user=str(turn.user.id)):
            return await self._provider.answer(turn.messages, model)

    async def stream(self, turn: Turn, model: str) -> AnswerStream:
        with feature("chat", user=str(turn.user.id)):
            return await self._provider.stream(turn.messages, model)

    async def keep(self, turn: Turn, answer: str) -> str:
        """Remember an answered question. Returns its session's id, and starts a new session.

        A session starts with an answer: a provider that is down leaves no empty sessions behind.
        """
        if turn.conversation is None or turn.session_id is None:
            turn.session_id = await self._django.start_session(turn.user)
            turn.conversation = self._conversations.start(
                turn.user.id, turn.session_id, turn.started
            )
        turn.conversation.remember(turn.question, answer)
        return turn.session_id

    async def end(self, user: User, session_id: str) -> dict[str, Any]:
        """End a session. Returns Django's record of it, with its duration."""
        session = await self._django.end_session(user, session_id)
        self._conversations.end(user.id, session_id)
        return session

    async def ask(self, user: User, question: str, model: str) -> tuple[str, Sequence[Passage]]:
        """An answer from the documents, and the passages that it stands on."""
        profile = await self._django.profile(user)
        passages = self._look_up(question)
        if not passages:
            return NOTHING_FOUND, ()
        with feature("documents", user=str(user.id)):
            messages = prompts.ask(question, profile, passages)
            return await self._provider.answer(messages, model), passages

    async def plan(self, user: User, request: PlanRequest, model: str) -> dict[str, Any]:
        """A new training plan, as Django has stored it."""
        profile = await self._django.profile(user)
        with track_training_plan(), feature("plan", user=str(user.id)):
            text = await self._provider.answer_as(
                schema_for(request.weeks), prompts.plan(request, profile), model
            )
            content = _plan(text)
            return await self._django.save_plan(
                user, {**request.model_dump(), "content": content.model_dump()}
            )

    async def _resume(self, user: User, session_id: str) -> Conversation:
        conversation = self._conversations.find(user.id, session_id)
        if conversation is not None:
            return conversation
        # Forgotten here, after a restart or a pause: Django knows whose session it is.
        session = await self._django.session(user, session_id)
        if session["ended_at"] is not None:
            raise CoachError(
                409, "session_ended", "Cette session est terminée. / This session has ended."
            )
        return self._conversations.start(user.id, session_id, time.monotonic())

    def _look_up(self, question: str) -> Sequence[Passage]:
        with track_rag_query() as query:
            passages = self._library.search(question)
            query.hits = len(passages)
        return passages


def _plan(text: str) -> Plan:
    try:
        return Plan.model_validate_json(text)
    except ValidationError as error:
        raise CoachError(
            502,
            "provider_unreadable",
            "Le coach IA a répondu sans plan lisible, réessayez. "
            "/ The AI coach answered without a readable plan, try again.",
        ) from error
