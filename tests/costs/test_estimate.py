"""Estimates of tokens that nobody counted."""

import sys
from pathlib import Path
from typing import Any

import pytest
import tiktoken
from tiktoken import registry

from vigie.costs.estimate import (
    Estimator,
    Received,
    output_limit,
    text_bytes,
    tokenizer,
    tokens_of_prompt,
    tokens_of_text,
)
from vigie.costs.usage import Usage

PROMPT = {"messages": [{"role": "user", "content": "x" * 96}]}
"""With its role, a hundred bytes."""


def taught(*, hidden: int = 0, streamed: bool = False, calls: int = 5) -> Estimator:
    """Who has seen whole calls: 50 tokens for a prompt of 100 bytes, of which 20 are cached, 40 for
    an answer of 80 bytes; 1 second before the first token, 0.1 for each."""
    estimator = Estimator()
    for _ in range(calls):
        first = 1 + hidden * 0.1
        estimator.learn(
            "m",
            PROMPT,
            Received("y" * 80, begun=True, first_token_seconds=first if streamed else None),
            Usage(input=50, cached_input=20, output=40 + hidden, reasoning=hidden),
            seconds=first + 39 * 0.1,
        )
    return estimator


def test_a_token_is_four_bytes_and_every_rest_counts() -> None:
    assert [tokens_of_text(size) for size in (0, 1, 4, 5)] == [0, 1, 1, 2]


def test_text_is_measured_in_bytes_of_utf_8() -> None:
    assert text_bytes(["été", {"a": "x"}]) == 6
    assert text_bytes("\ud800") == 1  # half a character, as broken JSON may have it


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


@pytest.mark.parametrize(
    ("request_", "limit"),
    [
        ({}, None),
        ({"max_tokens": 50}, 50),
        ({"max_completion_tokens": 60, "max_tokens": 50}, 60),
        ({"max_output_tokens": 70}, 70),
        ({"max_tokens": 50, "n": 3}, 150),
        ({"max_tokens": None}, None),
        ({"max_tokens": True}, None),
    ],
)
def test_the_limit_is_that_of_all_choices_together(
    request_: dict[str, Any], limit: int | None
) -> None:
    assert output_limit(request_) == limit


def test_before_the_first_whole_call_the_rule_of_thumb_holds() -> None:
    usage = Estimator().usage("m", PROMPT, Received("y" * 40, begun=True), 3)
    assert usage == Usage(input=4 + 25, output=10)


def test_the_rest_of_a_long_stream_is_reckoned_by_what_was_kept() -> None:
    usage = Estimator().usage("m", PROMPT, Received("y" * 40, 2.5, begun=True), 3)
    assert usage is not None
    assert usage.output == 25


def test_whole_calls_teach_what_a_byte_is_and_what_is_cached() -> None:
    twice = {"messages": [{"role": "user", "content": "x" * 196}]}
    usage = taught().usage("m", twice, Received("y" * 20, begun=True), 3)
    assert usage == Usage(input=100, cached_input=40, output=10)


def test_another_model_is_not_known_by_it() -> None:
    usage = taught().usage("other", PROMPT, Received("y" * 20, begun=True), 3)
    assert usage == Usage(input=29, output=5)


def test_thinking_that_nobody_sees_is_added_to_what_was_received() -> None:
    usage = taught(hidden=64).usage("m", PROMPT, Received("y" * 20, begun=True), 9)
    assert usage == Usage(input=50, cached_input=20, output=10 + 64, reasoning=64)


@pytest.mark.parametrize("hidden", [0, 64])
def test_without_a_text_the_time_tells_how_much_was_written(hidden: int) -> None:
    estimator = taught(hidden=hidden, streamed=True)
    usage = estimator.usage("m", PROMPT, Received(begun=True), seconds=2.5)
    assert usage == Usage(input=50, cached_input=20, output=15)


def test_where_no_stream_was_seen_a_quarter_of_a_call_is_before_its_first_token() -> None:
    estimator = taught()  # calls of 4.9 seconds and 40 tokens
    usage = estimator.usage("m", PROMPT, Received(), seconds=4.9 / 4 + 4.9 * 3 / 8)
    assert usage is not None
    assert usage.output == 20


def test_what_is_given_up_before_a_model_begins_has_taken_nothing() -> None:
    estimator = taught(streamed=True)
    assert estimator.usage("m", PROMPT, Received(), seconds=0.9) is None
    # Unless the provider had begun to answer: then the prompt has been read.
    begun = estimator.usage("m", PROMPT, Received(begun=True), seconds=0.9)
    assert begun == Usage(input=50, cached_input=20)


def test_waiting_for_ever_takes_no_more_than_twice_the_usual_or_the_limit() -> None:
    estimator = taught(streamed=True)
    usage = estimator.usage("m", PROMPT, Received(), seconds=600)
    assert usage is not None
    assert usage.output == 80
    usage = estimator.usage("m", {**PROMPT, "max_tokens": 30}, Received(), seconds=600)
    assert usage is not None
    assert usage.output == 30


def test_newer_calls_weigh_more() -> None:
    estimator = taught()
    for _ in range(200):
        estimator.learn("m", PROMPT, Received("y" * 80), Usage(input=100, output=40), 1)
    usage = estimator.usage("m", PROMPT, Received("y" * 80, begun=True), 1)
    assert usage is not None
    assert 98 <= usage.input <= 100


def test_it_learns_from_the_first_calls_and_then_from_some() -> None:
    estimator = Estimator()
    wanted = [estimator.wants("m") for _ in range(32 + 640)]
    assert all(wanted[:32])
    assert sum(wanted[32:]) == 10


def test_models_beyond_a_cap_are_not_remembered() -> None:
    estimator = Estimator()
    for number in range(1_000):
        estimator.wants(f"m{number}")
        estimator.learn(f"m{number}", PROMPT, Received("y"), Usage(input=1, output=1), 1)
    assert len(estimator._habits) == len(estimator._seen) == 200


def test_tiktoken_is_not_asked_where_it_would_have_to_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Estimator().load()
    assert "tiktoken" in sys.modules
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    assert tokenizer("gpt-4o") is None
    assert tokenizer("a-model-that-nobody-knows") is None


def test_with_tiktoken_and_its_files_tokens_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    # An encoding of our own, under the name of gpt-4o's: a token is a letter, or "day".
    ranks = {bytes([byte]): byte for byte in range(256)} | {b"da": 256, b"day": 257}
    encoding = tiktoken.Encoding(
        "o200k_base",
        pat_str=r"\S+|\s+",
        mergeable_ranks=ranks,
        special_tokens={"<|endoftext|>": 300},
    )
    monkeypatch.setitem(registry.ENCODINGS, "o200k_base", encoding)
    count = tokenizer("gpt-4o-2024-08-06")
    assert count is not None
    assert [count("day day"), count("<|endoftext|>")] == [3, 13]
    request = {"messages": [{"role": "user", "content": "day day"}]}
    usage = Estimator().usage("gpt-4o", request, Received("a day", begun=True), 1)
    assert usage == Usage(input=4 + 4 + 3, output=3)
