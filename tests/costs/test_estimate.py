"""Estimates of tokens that nobody counted."""

from vigie.costs.estimate import tokens_of_prompt, tokens_of_text


def test_a_token_is_four_bytes_and_every_rest_counts() -> None:
    assert [tokens_of_text(size) for size in (0, 1, 4, 5)] == [0, 1, 1, 2]


def test_a_prompt_is_its_messages_and_what_each_takes_beside_its_text() -> None:
    request = {
        "model": "gpt-4o",
        "messages": [
            {"role": "user", "content": "x" * 36},
            {"role": "user", "content": [{"type": "text", "text": "y" * 32}]},
        ],
    }
    # Roles and types are text of the request too: 4 + 36 + 4 + 4 + 32 bytes.
    assert tokens_of_prompt(request) == 2 * 4 + 20


def test_pictures_are_not_counted_by_their_bytes() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 10**6}}
    assert tokens_of_prompt({"messages": [{"role": "user", "content": [picture]}]}) < 20


def test_prompts_of_the_other_operations_are_counted_too() -> None:
    assert tokens_of_prompt({"input": "x" * 40, "instructions": "y" * 40}) == 20
    assert tokens_of_prompt({"input": ["x" * 40, "y" * 40]}) == 20
    assert tokens_of_prompt({"model": "gpt-4o"}) == 0
