import random

import pytest

from vigie.simulate.coach import advise, language_of, pieces_of_advice
from vigie.simulate.coaching_texts import CLOSINGS, GENERAL, OPENINGS, TOPICS
from vigie.simulate.tokens import Turn

SYSTEM = Turn("system", "You are a careful coach. Answer in the language of the question.")


def answer(*turns: Turn, seed: int = 1) -> str:
    return advise([SYSTEM, *turns], random.Random(seed))


@pytest.mark.parametrize(
    ("question", "topic"),
    [
        ("Comment préparer un marathon ?", "l'endurance en course à pied"),
        ("Je dors mal et je suis fatiguée", "le sommeil et la récupération"),
        ("Que manger avant une compétition ?", "la nutrition"),
        ("J'ai une douleur au genou", "la prévention des blessures"),
        ("How many squats for more strength?", "strength training"),
        ("I want to lose weight", "weight loss"),
        ("How should I train with my bike?", "cycling"),
        ("Bonjour", "une progression régulière"),
    ],
)
def test_the_advice_is_about_what_was_asked_in_its_language(question: str, topic: str) -> None:
    said = [answer(Turn("user", question), seed=seed) for seed in range(20)]
    language = language_of([Turn("user", question)])
    expected = next(t for t in (*TOPICS, GENERAL) if t.name[language] == topic)
    for text in said:
        advice = [line[2:] for line in text.splitlines() if line.startswith("- ")]
        assert len(advice) == 3
        assert set(advice) <= set(expected.advice[language])
    assert len(set(said)) > 10


def test_a_follow_up_stays_on_the_subject() -> None:
    text = answer(
        Turn("user", "Comment préparer un marathon ?"),
        Turn("assistant", "…"),
        Turn("user", "Et ensuite ?"),
    )
    assert any(each in text for each in TOPICS[0].advice["fr"])


PASSAGES = """Documents:

[Hydration - How much]
Drink to thirst; pale urine means that you drink enough. Lentils are a good source of iron.

[Sommeil - Durée]
Dormir moins de sept heures plusieurs nuits de suite augmente le risque de blessure."""


def test_passages_in_the_prompt_are_answered_from() -> None:
    system = Turn("system", f"{SYSTEM.text}\n\n{PASSAGES}")
    text = advise([system, Turn("user", "How much should I drink?")], random.Random(1))
    assert "- Drink to thirst; pale urine means that you drink enough." in text
    assert "Dormir" not in text
    assert "[" not in text


def test_passages_may_stand_with_the_question() -> None:
    asked = Turn("user", f"{PASSAGES}\n\nQuestion : Combien d'heures dois-je dormir ?")
    text = advise([asked], random.Random(1))
    assert "Dormir moins de sept heures" in text
    assert "Drink" not in text


def test_passages_in_another_language_are_left_aside() -> None:
    system = Turn("system", PASSAGES.partition("[Sommeil")[0])
    text = advise([system, Turn("user", "Combien boire pendant une course ?")], random.Random(1))
    assert "thirst" not in text
    assert text.count("\n- ") == 3


def test_every_text_exists_in_both_languages() -> None:
    for topic in (*TOPICS, GENERAL):
        assert set(topic.name) == set(topic.advice) == {"fr", "en"}
        assert len(topic.advice["fr"]) == len(topic.advice["en"]) >= 5
    assert len(OPENINGS["fr"]) == len(OPENINGS["en"])
    assert len(CLOSINGS["fr"]) == len(CLOSINGS["en"])


def test_pieces_of_advice_begin_with_the_topic_and_never_repeat() -> None:
    pieces = pieces_of_advice([Turn("user", "Je veux courir un marathon")], random.Random(1))
    assert set(pieces[:5]) == set(TOPICS[0].advice["fr"])
    assert len(pieces) == len(set(pieces)) == 10


def test_no_question_at_all_is_still_answered() -> None:
    assert advise([], random.Random(1))
