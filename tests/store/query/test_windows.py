"""A search goes through time window by window; what it finds does not depend on where these end."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import pytest

from running_store import opened
from vigie.store.logql import parse
from vigie.store.logql import tree as t
from vigie.store.query import Extract, log_query
from vigie.store.query import logs as searching
from vigie.store.segments import Lines, LogStore, StoreLimits

NOW = 1_795_000_000 * 10**9
SEGMENTS, LINES = 12, 20


def filled(store: LogStore, apart: int, dice: random.Random) -> list[tuple[int, str]]:
    """Segments whose beginnings are `apart`, so that they follow one another or overlap."""
    kept = []
    for number in range(SEGMENTS):
        times = sorted(NOW + number * apart + dice.randrange(1000) for _ in range(LINES))
        texts = [f"{number}-{i} {dice.choice(('yes', 'no'))}" for i in range(LINES)]
        store.push([Lines((("job", "x"),), times, texts, None, 1)]).result()
        store.flush()
        kept += zip(times, texts, strict=True)
    assert len(store.segments()) == SEGMENTS
    return kept


@pytest.mark.parametrize("apart", [0, 10, 400, 1000, 5000])
@pytest.mark.parametrize("backward", [True, False])
def test_wherever_windows_end_the_newest_or_oldest_lines_are_found_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, apart: int, backward: bool
) -> None:
    dice = random.Random(apart)
    query = parse('{job="x"} |= "yes"')
    assert isinstance(query, t.LogQuery)
    with opened(tmp_path, StoreLimits(idle_seconds=3600, quiet_seconds=3600)) as store:
        kept = filled(store, apart, dice)
        end = max(time for time, _ in kept) + 1
        wanted = sorted(
            (one for one in kept if "yes" in one[1]), key=lambda one: one[0], reverse=backward
        )
        for first_window in (1, 7, 30, 100, 10_000):
            monkeypatch.setattr(searching, "_FIRST_WINDOW", first_window)
            for limit in (1, 5, 50, 1000):
                answers = log_query(store, query, Extract(NOW, end, limit, backward))
                found = [one for answer in answers for one in answer.entries]
                assert [one[0] for one in found] == [time for time, _ in wanted[:limit]]
                assert len(set(found)) == len(found)
                assert set(found) <= set(wanted)


@pytest.mark.parametrize(
    ("first_window", "newest", "oldest"),
    [(50, (9000, 9991), (0, 991)), (30, (9692, 9991), (0, 299))],
    ids=["near enough", "too far"],
)
def test_a_window_is_stretched_to_the_end_of_a_segment_that_it_would_cut(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    first_window: int,
    newest: tuple[int, int],
    oldest: tuple[int, int],
) -> None:
    reads: list[tuple[int, int]] = []
    sources = searching.Reader.sources

    def noted(reader: searching.Reader, streams: object, start: int, end: int) -> object:
        reads.append((start - NOW, end - NOW))
        return sources(reader, streams, start, end)  # type: ignore[arg-type] # as it is given

    monkeypatch.setattr(searching.Reader, "sources", noted)
    monkeypatch.setattr(searching, "_FIRST_WINDOW", first_window)
    query = parse('{job="x"} |= "nowhere"')
    assert isinstance(query, t.LogQuery)
    with opened(tmp_path, StoreLimits(idle_seconds=3600, quiet_seconds=3600)) as store:
        for number in range(10):
            times = [NOW + number * 1000 + i * 10 for i in range(100)]
            store.push([Lines((("job", "x"),), times, ["text"] * 100, None, 1)]).result()
            store.flush()
        log_query(store, query, Extract(NOW, NOW + 10_000, 10))
        backward, reads[:] = list(reads), []
        log_query(store, query, Extract(NOW, NOW + 10_000, 10, backward=False))
    assert (backward[0], reads[0]) == (newest, oldest)
    for windows in (backward[::-1], reads):
        assert all(one[1] == next_[0] for one, next_ in pairwise(windows))
