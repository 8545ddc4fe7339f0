"""What the model is told."""

from collections.abc import Sequence

from django_client import Profile
from plans import PlanRequest
from provider import Messages
from retrieval import Passage

_COACH = (
    "You are a careful coach for running, strength, recovery and nutrition. Answer in the language "
    "of the question, briefly and concretely. Never diagnose: with pain that lasts, an illness or "
    "a pregnancy, send the athlete to a doctor."
)


def chat(
    question: str, earlier: Messages, profile: Profile, passages: Sequence[Passage]
) -> Messages:
    system = f"{_COACH}\n\n{_about(profile)}"
    if passages:
        system += f"\n\n{_documents(passages)}"
    return [
        {"role": "system", "content": system},
        *earlier,
        {"role": "user", "content": question},
    ]


def ask(question: str, profile: Profile, passages: Sequence[Passage]) -> Messages:
    system = (
        f"{_COACH}\n\n{_about(profile)}\n\nAnswer from these documents only; where they do not "
        f"answer, say so.\n\n{_documents(passages)}"
    )
    return [{"role": "system", "content": system}, {"role": "user", "content": question}]


def plan(request: PlanRequest, profile: Profile) -> Messages:
    system = (
        f"{_COACH}\n\nWrite a training plan of {request.weeks} weeks for the goal that the athlete "
        f"names. The athlete is {request.level} and has {profile['weekly_hours']} hours a week. "
        "Raise the load gradually, with an easier week every third or fourth week."
    )
    return [{"role": "system", "content": system}, {"role": "user", "content": request.goal}]


def _about(profile: Profile) -> str:
    return (
        f"The athlete is {profile['level']}, trains {profile['weekly_hours']} hours a week"
        f" and has this goal: {profile['goal'] or 'none yet'}."
    )


def _documents(passages: Sequence[Passage]) -> str:
    texts = "\n\n".join(f"## {p.heading}\n{p.text}" for p in passages)
    return f"Documents:\n\n{texts}"
