"""The coach's memory: bounded, each user's own, and measured when a conversation ends."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ended() -> list[float]:
    return []


@pytest.fixture
def conversations(
    module_of: Callable[[str, str], ModuleType], clock: Clock, ended: list[float]
) -> Any:
    module = module_of("api", "conversations")
    return module.Conversations(ended.append, idle_seconds=60, capacity=3, clock=clock)


def test_a_conversation_remembers_its_last_twelve_messages(conversations: Any) -> None:
    conversation = conversations.start("1", "a", 1000.0)
    for turn in range(10):
        conversation.remember(f"question {turn}", f"answer {turn}")
    messages = conversation.messages()
    assert len(messages) == 12
    assert messages[0] == {"role": "user", "content": "question 4"}
    assert messages[-1] == {"role": "assistant", "content": "answer 9"}


def test_a_conversation_is_found_by_its_own_user_only(conversations: Any) -> None:
    started = conversations.start("1", "a", 1000.0)
    assert conversations.find("1", "a") is started
    assert conversations.find("2", "a") is None


def test_a_conversation_that_is_ended_lasted_until_now(
    conversations: Any, clock: Clock, ended: list[float]
) -> None:
    conversations.start("1", "a", 990.0)
    clock.now = 1030.0
    conversations.end("1", "a")
    assert ended == [40.0]
    assert conversations.find("1", "a") is None


def test_ending_twice_counts_once(conversations: Any, ended: list[float]) -> None:
    conversations.start("1", "a", 1000.0)
    conversations.end("1", "a")
    conversations.end("1", "a")
    assert len(ended) == 1


def test_a_conversation_that_was_left_lasted_until_its_last_message(
    conversations: Any, clock: Clock, ended: list[float]
) -> None:
    conversations.start("1", "a", 1000.0)
    clock.now = 1020.0
    conversations.find("1", "a")
    clock.now = 1079.0
    conversations.end_idle()
    assert ended == []
    clock.now = 1080.0
    conversations.end_idle()
    assert ended == [20.0]


def test_only_idle_conversations_end(conversations: Any, clock: Clock, ended: list[float]) -> None:
    conversations.start("1", "a", 1000.0)
    conversations.start("1", "b", 1000.0)
    clock.now = 1050.0
    conversations.find("1", "a")
    clock.now = 1070.0
    conversations.end_idle()
    assert len(ended) == 1
    assert conversations.find("1", "a")
    assert conversations.find("1", "b") is None


def test_over_the_capacity_the_one_unused_for_longest_ends(
    conversations: Any, ended: list[float]
) -> None:
    for session in "abc":
        conversations.start("1", session, 1000.0)
    conversations.find("1", "a")
    conversations.start("1", "d", 1000.0)
    assert len(ended) == 1
    assert conversations.find("1", "b") is None
    assert conversations.find("1", "a")
