"""The simulated coach: a plausible, useful answer to a conversation, always the same for a seed."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from vigie.simulate.coaching_texts import (
    CLOSINGS,
    GENERAL,
    GROUNDED_OPENINGS,
    OPENINGS,
    TOPICS,
    Topic,
)
from vigie.simulate.tokens import Turn


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WORD = re.compile(r"[^\W_]+")
_FRENCH = _words(
    "je tu il nous vous le la les un une des du de et est pour avec mon ma mes comment quel quelle "
    "quels combien pas plus dois puis faut que qui sur dans au aux ce cette suis ai veux peux "
    "bonjour merci oui"
)
_ENGLISH = _words(
    "i you he we they the a an of and is are for with my your how what which when should can do "
    "does not more in on to this that am have want need hello hi thanks yes"
)

# Where a prompt announces passages to answer from, in the usual words of retrieval prompts.
_PASSAGES = re.compile(
    r"(?im)^\W*(contexte|context|extraits?|excerpts?|sources?|documents?|passages?)\b[^\n]{0,80}:"
)
_QUESTION = re.compile(r"(?im)^\W*question\b[^\n:]{0,40}:")
_HEADING = re.compile(r"\s*[\[#|]")
_SENTENCE = re.compile(r"[^.!?\n]+[.!?]?")


def advise(turns: Sequence[Turn], rng: random.Random) -> str:
    """Answer a conversation: from the passages in its prompt where it has some, else from advice.

    The language is the one of the last question; French where that cannot be told.
    """
    passages, question = _passages_and_question(turns)
    language = _language(question)
    grounded = _grounded(passages, question, language, rng)
    if grounded:
        return grounded
    topic = _topic(turns, question)
    advice = rng.sample(topic.advice[language], 3)
    opening = rng.choice(OPENINGS[language]).format(topic=topic.name[language])
    listed = "\n".join(f"- {each}" for each in advice)
    return f"{opening}\n\n{listed}\n\n{rng.choice(CLOSINGS[language])}"


def pieces_of_advice(turns: Sequence[Turn], rng: random.Random) -> list[str]:
    """Return single sentences of advice on the conversation's topic, then more general ones."""
    _, question = _passages_and_question(turns)
    language = _language(question)
    topic = _topic(turns, question)
    on_topic = rng.sample(topic.advice[language], len(topic.advice[language]))
    return on_topic + [each for each in GENERAL.advice[language] if each not in on_topic]


def language_of(turns: Sequence[Turn]) -> str:
    """Return the language (fr or en) of the conversation's last question."""
    return _language(_passages_and_question(turns)[1])


def _passages_and_question(turns: Sequence[Turn]) -> tuple[str, str]:
    """Split what retrieval has put into the prompt from what the user asks."""
    asked = [turn.text for turn in turns if turn.role in ("user", "tool")] or [""]
    instructions = [turn.text for turn in turns if turn.role in ("system", "developer")]
    question = asked[-1]
    found = _PASSAGES.search(question)
    if found:
        rest = question[found.end() :]
        marked = _QUESTION.search(rest)
        if marked:
            return rest[: marked.start()], rest[marked.end() :]
        before = question[: found.start()]
        return rest, _QUESTION.sub("", before) if before.strip() else rest
    for text in reversed(instructions):
        found = _PASSAGES.search(text)
        if found:
            return text[found.end() :], question
    return "", question


def _grounded(passages: str, question: str, language: str, rng: random.Random) -> str:
    """Answer with the passages' sentences that share most with the question.

    Empty where the passages have none in its language.
    """
    text = "\n".join(line for line in passages.splitlines() if not _HEADING.match(line))
    sentences = [s.strip(" \t-*•>") for s in _SENTENCE.findall(text)]
    readable = [s for s in sentences if len(s) > 25 and _language(s) == language]
    if not readable:
        return ""
    wanted = _stems(question)
    best = sorted(readable, key=lambda s: -len(wanted & _stems(s)))[:3]
    listed = "\n".join(f"- {each}" for each in best)
    return f"{rng.choice(GROUNDED_OPENINGS[language])}\n\n{listed}"


def _language(text: str) -> str:
    words = [word.lower() for word in _WORD.findall(text)]
    english = sum(word in _ENGLISH for word in words)
    french = sum(word in _FRENCH for word in words) + bool(re.search("[éèêàçùœ]", text))
    return "en" if english > french else "fr"


def _topic(turns: Sequence[Turn], question: str) -> Topic:
    earlier = " ".join(turn.text for turn in turns if turn.role == "user").lower()
    latest = question.lower()
    scores = [
        sum(3 * (word in latest) + (word in earlier) for word in topic.words) for topic in TOPICS
    ]
    best = max(scores)
    return TOPICS[scores.index(best)] if best else GENERAL


def _stems(text: str) -> set[str]:
    """Return the first letters of the words that carry meaning."""
    return {word.lower()[:6] for word in _WORD.findall(text) if len(word) > 3}
