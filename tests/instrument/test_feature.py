"""Which feature and user a call is for: across tasks, threads and generators."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator

import pytest

from vigie.instrument.feature import CAP, current_feature, current_user, feature


def test_the_inner_feature_holds_and_the_outer_comes_back() -> None:
    assert current_feature() == ""
    with feature("plan", user="alice"):
        assert (current_feature(), current_user()) == ("plan", "alice")
        with feature("search"):
            assert (current_feature(), current_user()) == ("search", "alice")
        assert current_feature() == "plan"
    assert (current_feature(), current_user()) == ("", "")


def test_it_comes_back_after_an_exception_too() -> None:
    with pytest.raises(KeyError), feature("plan"):
        raise KeyError
    assert current_feature() == ""


def test_tasks_take_it_along_and_do_not_disturb_one_another() -> None:
    async def work(name: str) -> str:
        with feature(name):
            await asyncio.sleep(0)
            inner = await asyncio.gather(asyncio.to_thread(current_feature), child())
            assert inner == [name, name]
            return current_feature()

    async def child() -> str:
        return current_feature()

    async def all_of_them() -> list[str]:
        return await asyncio.gather(*(work(f"feature {n}") for n in range(5)))

    assert asyncio.run(all_of_them()) == [f"feature {n}" for n in range(5)]


def test_a_thread_of_ones_own_begins_without() -> None:
    seen: list[str] = []
    with feature("plan"):
        thread = threading.Thread(target=lambda: seen.append(current_feature()))
        thread.start()
        thread.join()
    assert seen == [""]


def test_functions_are_decorated_synchronous_and_not() -> None:
    @feature("plan", user="bob")
    def plain(word: str) -> str:
        return f"{word} {current_feature()} {current_user()}"

    @feature("chat")
    async def awaited(word: str) -> str:
        await asyncio.sleep(0)
        return f"{word} {current_feature()}"

    assert plain("a") == "a plan bob"
    assert asyncio.run(awaited("b")) == "b chat"
    assert plain.__name__ == "plain"
    assert current_feature() == ""


def test_a_generator_is_refused_since_it_would_run_outside() -> None:
    def numbers() -> Iterator[int]:
        yield 1

    async def words() -> AsyncIterator[str]:
        yield "x"

    for function in (numbers, words):
        with pytest.raises(TypeError) as refused:
            feature("chat")(function)
        assert str(refused.value) == (
            '@feature("chat") cannot stand before a generator: write `with feature("chat"):`'
            f" inside {function.__name__}"
        )


def test_an_asynchronous_generator_may_be_closed_from_another_task() -> None:
    async def words() -> AsyncIterator[str]:
        with feature("chat"):
            yield "x"

    async def read_one() -> None:
        generator = words()
        await asyncio.ensure_future(anext(generator))  # type: ignore[arg-type]
        await asyncio.ensure_future(generator.aclose())  # type: ignore[attr-defined]
        assert current_feature() == ""

    asyncio.run(read_one())


def test_ten_thousand_names_are_fifty_and_the_rest_is_other() -> None:
    # In a process of its own: names are remembered as long as it lives.
    script = (
        "from vigie.instrument.feature import current_feature, feature\n"
        "seen = set()\n"
        "for n in range(10_000):\n"
        "    with feature(f'{n}' + 100 * 'x'): seen.add(current_feature())\n"
        "print(len(seen), max(map(len, seen)), 'other' in seen)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == [str(CAP + 1), "64", "True"]
