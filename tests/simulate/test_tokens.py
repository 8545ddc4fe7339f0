import json

from hypothesis import given
from hypothesis import strategies as st

from vigie.simulate.tokens import Turn, count_tokens, prompt_tokens, tokenize


@given(st.text())
def test_tokens_joined_are_the_text_again(text: str) -> None:
    assert "".join(tokenize(text)) == text


@given(st.text(), st.integers(min_value=0, max_value=50))
def test_a_text_cut_between_tokens_counts_what_was_counted_until_then(text: str, k: int) -> None:
    kept = tokenize(text)[:k]
    assert count_tokens("".join(kept)) == len(kept)


def test_the_rule_gives_the_same_tokens_for_ever() -> None:
    assert tokenize("Courir 10,5 km, c'est l'objectif_1!\n") == [
        "Couri", "r", " 10", ",", "5", " km", ",", " c", "'", "est", " l", "'", "objec", "tif",
        "_", "1", "!", "\n",
    ]  # fmt: skip


def test_a_prompt_costs_four_tokens_a_message_and_three_for_the_answers_head() -> None:
    turns = [Turn("system", "Tu es un coach."), Turn("user", "Bonjour")]
    texts = sum(count_tokens(turn.text) for turn in turns)
    assert len(prompt_tokens(turns)) == texts + 2 * 4 + 3


def test_an_image_costs_85_tokens() -> None:
    without, with_image = Turn("user", "Regarde"), Turn("user", "Regarde", attachments=1)
    assert len(prompt_tokens([with_image])) == len(prompt_tokens([without])) + 85


def test_prompts_share_a_prefix_exactly_where_their_messages_do() -> None:
    first = prompt_tokens([Turn("system", "Coach"), Turn("user", "un")], json.dumps({"a": 1}))
    second = prompt_tokens([Turn("system", "Coach"), Turn("user", "deux")], json.dumps({"a": 1}))
    shared = next(i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b)
    assert first[shared] == "un"
