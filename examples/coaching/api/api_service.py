"""The coaching application's AI: chat, training plans, and answers from the training documents."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any
from uuid import UUID

import httpx
from fastapi import APIRouter, Depends, FastAPI, Request
from openai import AsyncOpenAI
from pydantic import BaseModel, Field

import environment
import faults
from coach import Coach, Turn
from conversations import Conversations
from django_client import Django
from errors import CoachError, answer_error
from event_stream import EventStream
from identity import CurrentUser
from monitoring import (
    PrometheusMiddleware,
    instrument_httpx,
    instrument_openai,
    metrics_endpoint,
    setup_logs,
    setup_traces,
    track_coaching_session,
)
from plans import PlanRequest
from provider import AnswerStream, Provider
from retrieval import Library, Passage

log = logging.getLogger("coaching.api")
# Requests are counted and traced, not written down.
setup_logs("fastapi", levels={"uvicorn.access": "warning"})
setup_traces("fastapi")


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings = environment.read()
    conversations = Conversations(
        on_end=lambda seconds: track_coaching_session("api_user", seconds),
        idle_seconds=settings.session_idle_seconds,
    )
    async with (
        httpx.AsyncClient(base_url=settings.django_url, timeout=httpx.Timeout(5, connect=2)) as web,
        AsyncOpenAI(
            base_url=settings.openai_base_url,
            api_key=settings.openai_api_key,
            timeout=settings.openai_timeout_seconds,
            max_retries=1,
        ) as openai,
    ):
        instrument_httpx(web, source="fastapi", targets={settings.django_url: "django"})
        instrument_openai(openai)
        app.state.environment = settings
        app.state.coach = Coach(Django(web), Provider(openai), Library(), conversations)
        log.info("Coach ready provider=%s django=%s", settings.openai_base_url, settings.django_url)
        watching = asyncio.create_task(_end_idle(conversations, settings.session_idle_seconds / 4))
        yield
        watching.cancel()


async def _end_idle(conversations: Conversations, every_seconds: float) -> None:
    while True:
        await asyncio.sleep(every_seconds)
        conversations.end_idle()


app = FastAPI(title="Coaching IA", lifespan=lifespan)
app.add_middleware(PrometheusMiddleware)
app.get("/metrics")(metrics_endpoint)
app.add_exception_handler(CoachError, answer_error)

coaching = APIRouter(prefix="/api/v1")


def _coach(request: Request) -> Coach:
    return request.app.state.coach


TheCoach = Annotated[Coach, Depends(_coach)]


class ChatRequest(BaseModel):
    message: str = Field(min_length=1, max_length=4000)
    session_id: UUID | None = None
    stream: bool = False
    model: str | None = None


class Source(BaseModel):
    """A passage that an answer stands on; `document` is a name under `documents/`."""

    document: str
    title: str
    heading: str


class Answer(BaseModel):
    answer: str
    sources: list[Source]


class ChatAnswer(Answer):
    session_id: UUID


@coaching.post("/chat", response_model=ChatAnswer)
async def chat(asked: ChatRequest, request: Request, user: CurrentUser, coach: TheCoach) -> Any:
    """Answer in one piece, or with `stream` as events: `sources`, `text` for each piece, `done`.

    An `error` event ends a stream that broke.
    """
    model = _allowed_model(request, asked.model)
    session_id = str(asked.session_id) if asked.session_id else None
    turn = await coach.turn(user, asked.message, session_id)
    if asked.stream:
        answer = await coach.stream(turn, model)
        return EventStream(_events(coach, turn, answer), close=answer.close)
    text = await coach.answer(turn, model)
    return ChatAnswer(
        answer=text, session_id=await coach.keep(turn, text), sources=_sources(turn.passages)
    )


@coaching.post("/chat/{session_id}/end")
async def end_chat(session_id: UUID, user: CurrentUser, coach: TheCoach) -> dict[str, Any]:
    return await coach.end(user, str(session_id))


@coaching.post("/plans/generate", status_code=201)
async def generate_plan(
    asked: PlanRequest, request: Request, user: CurrentUser, coach: TheCoach
) -> dict[str, Any]:
    return await coach.plan(user, asked, request.app.state.environment.plan_model)


class Question(BaseModel):
    question: str = Field(min_length=1, max_length=1000)


@coaching.post("/ask")
async def ask(asked: Question, request: Request, user: CurrentUser, coach: TheCoach) -> Answer:
    model = request.app.state.environment.chat_model
    answer, passages = await coach.ask(user, asked.question, model)
    return Answer(answer=answer, sources=_sources(passages))


if environment.faults_switched_on():
    faults.install(app)
    app.include_router(coaching, dependencies=[Depends(faults.suffer)])
else:
    app.include_router(coaching)


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}


async def _events(
    coach: Coach, turn: Turn, answer: AnswerStream
) -> AsyncGenerator[tuple[str, dict[str, Any]]]:
    yield "sources", {"sources": [source.model_dump() for source in _sources(turn.passages)]}
    pieces = []
    try:
        async for piece in answer:
            pieces.append(piece)
            yield "text", {"text": piece}
        yield "done", {"session_id": await coach.keep(turn, "".join(pieces))}
    except CoachError as error:
        yield "error", error.body()


def _sources(passages: Sequence[Passage]) -> list[Source]:
    return [Source(document=p.document, title=p.title, heading=p.heading) for p in passages]


def _allowed_model(request: Request, wanted: str | None) -> str:
    settings = request.app.state.environment
    if wanted is None:
        return settings.chat_model
    if wanted not in settings.models:
        listed = ", ".join(settings.models)
        raise CoachError(
            422, "unknown_model", f"Modèles disponibles : {listed}. / Available models: {listed}."
        )
    return wanted
