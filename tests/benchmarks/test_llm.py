import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from in_process_provider import INPUT_TOKENS, OUTPUT_TOKENS
from instruments import progress
from llm import show, told
from stacks import BARE
from watched_sdks import BARE_APART, LONG, SHORT, Methods, added, chunks

SDKS = Path(__file__).parents[2] / "benchmarks/watched_sdks.py"
NOTHING = {"spans": 0, "input": 0, "output": 0, "cost": 0, "estimated": 0}


def test_a_chunk_takes_what_a_long_stream_takes_longer_than_a_short_one() -> None:
    opening, chunk = 50.0, 2.0
    short, long = opening + SHORT * chunk, opening + LONG * chunk
    ticks = iter([0.0, short, short, short + long] * 3)
    assert chunks(lambda: next(ticks))(3) / 3 == chunk


@pytest.mark.parametrize(
    ("act", "words"),
    [
        ({}, "nothing"),
        ({"spans": 1}, "a span, no tokens"),
        ({"spans": 1, "input": 96, "output": 24}, "96 → 24, no price"),
        ({"spans": 1, "input": 96, "output": 24, "cost": 1e-5}, "96 → 24, priced"),
        ({"input": 96, "output": 8, "cost": 1e-5, "estimated": 1e-5}, "96 → 8, estimated"),
    ],
)
def test_what_was_recorded_is_told_in_words(act: dict[str, float], words: str) -> None:
    assert told({**NOTHING, **act}) == words


def test_what_is_told_is_what_an_instrument_adds_to_the_methods_it_replaces() -> None:
    import openai
    from openai.resources.chat.completions import Completions

    before, original = Methods(), Completions.create
    made: list[tuple[str, int]] = []

    def instrumented(*_arguments: object) -> None:
        """Stands in for what an instrument puts in its place."""

    def batch(name: str, seconds: float) -> Callable[[int], float]:
        def make(times: int) -> float:
            replaced = openai.OpenAI(api_key="none").chat.completions.create.__name__
            assert (replaced == "instrumented") == (name == "watched")
            made.append((name, times))
            return seconds * times

        return make

    try:
        Completions.create = instrumented  # type: ignore[method-assign, assignment]
        measured = added(before, Methods(), batch("bare", 2.0), batch("watched", 2.5))
        assert [measured(4), measured(4)] == [2.0, 2.0]
    finally:
        before.put_back()
    assert made == [("bare", 4), ("watched", 4), ("watched", 4), ("bare", 4)]
    assert Completions.create is original


def test_the_figures_are_told_beside_the_bare_sdk_of_each_environment(
    capsys: pytest.CaptureFixture[str],
) -> None:
    figures = {
        name: {"median": median, "low": median - 1.5, "high": median + 1}
        for name, median in {BARE: 600.0, "Vigie": 50.0, BARE_APART: 500.0, "OpenLIT": 125}.items()
    }
    about = {"python": "CPython 3.11.7", "clock": "cpu", "versions": {BARE: {"openai": "3.54.0"}}}
    act = {**NOTHING, "input": 96, "output": 24}
    acts = {"call": act, "stream": NOTHING, "closed": NOTHING}
    show(about, {"call": figures}, {"Vigie": acts, "OpenLIT": acts})
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "nothing: openai 3.54.0" in lines
    assert "A call takes 600 µs (500 µs apart); what is added to it" in lines
    assert "Vigie 50.0 µs 48.5 to 51.0 1.0 × Vigie" in lines
    assert "OpenLIT 125.0 µs 123.5 to 126.0 2.5 × Vigie" in lines
    assert "OpenLIT 96 → 24, no price nothing nothing" in lines


def test_where_nobody_watches_progress_tells_the_end_only(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tell = progress("a call")
    tell(1, 2)
    tell(2, 2)
    assert capsys.readouterr().err == "\ra call: round 2 of 2\n"


@pytest.mark.servers
def test_vigie_records_what_was_billed_and_estimates_what_was_closed_early() -> None:
    done = subprocess.run(
        [sys.executable, SDKS, "Vigie", "records"], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    for act in ("call", "stream"):
        told_tokens = (found[act]["input"], found[act]["output"])
        assert told_tokens == (INPUT_TOKENS, OUTPUT_TOKENS)
        assert found[act]["cost"] > 0
        assert found[act]["estimated"] == 0
    assert found["closed"]["estimated"] == found["closed"]["cost"] > 0


@pytest.mark.servers
@pytest.mark.parametrize("measured", ["call", "chunk"])
@pytest.mark.parametrize("contender", [BARE, "Vigie"])
def test_the_process_of_a_contender_takes_orders(contender: str, measured: str) -> None:
    done = subprocess.run(
        [sys.executable, SDKS, contender, measured, "cpu"],
        input="2\n",
        capture_output=True,
        text=True,
        check=True,
    )
    ready, took = done.stdout.splitlines()
    assert ready == "ready"
    assert -1 < float(took) < 1
