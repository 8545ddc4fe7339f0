"""Lines are kept once, in order, and as long as they are to be."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path

import pytest

from running_store import opened
from vigie.store.logql import parse
from vigie.store.logql import tree as t
from vigie.store.query import Extract, log_query
from vigie.store.segments import (
    HeldError,
    Lines,
    LogStore,
    QueueFullError,
    StoreLimits,
    TooManyStreamsError,
)
from vigie.store.segments.wal import path_of

DAY = 86_400 * 10**9
NOW = 1_795_000_000 * 10**9
"""A moment in 2026, in ns."""

STILL = StoreLimits(idle_seconds=3600)


def lines(
    times: Sequence[int],
    texts: Sequence[str],
    meta: Sequence[str | None] | None = None,
    **labels: str,
) -> Lines:
    metadata = None if meta is None else list(meta)
    size = sum(map(len, texts))
    return Lines(tuple(sorted(labels.items())), list(times), list(texts), metadata, size)


def all_lines(store: LogStore, query: str = '{job=~".+"}') -> list[str]:
    tree = parse(query)
    assert isinstance(tree, t.LogQuery)
    asked = Extract(0, NOW + 400 * DAY, 10**6, backward=False)
    found = [entry for one in log_query(store, tree, asked) for entry in one.entries]
    return [entry[1] for entry in sorted(found, key=lambda entry: entry[0])]


def test_a_line_that_was_there_already_is_kept_once_wherever_it_is(store: LogStore) -> None:
    for _ in range(2):
        store.push([lines([NOW, NOW + 1, NOW], ["a", "b", "a"], job="x")]).result()
        assert all_lines(store) == ["a", "b"]
    store.flush()
    store.push([lines([NOW, NOW + 1, NOW + 2], ["a", "c", "d"], job="x")]).result()
    store.push([lines([NOW], ["a"], job="y")]).result()
    assert sorted(all_lines(store)) == ["a", "a", "b", "c", "d"]
    store.flush()
    assert store.refine()
    assert sorted(all_lines(store)) == ["a", "a", "b", "c", "d"]
    assert store.counters.repeated_lines == 5


def test_the_same_line_with_other_metadata_is_another_line(store: LogStore) -> None:
    one = json.dumps({"trace_id": "1"})
    store.push([lines([NOW, NOW], ["a", "a"], [None, one], job="x")]).result()
    store.push([lines([NOW], ["a"], [one], job="x")]).result()
    assert all_lines(store) == ["a", "a"]


def test_lines_of_equal_times_stay_in_the_order_in_which_they_came(store: LogStore) -> None:
    came = ["d", "b", "c", "a"]
    for text in came:
        store.push([lines([NOW], [text], job="x")]).result()
        store.flush()
    assert all_lines(store) == came
    assert store.refine()
    assert all_lines(store) == came


def test_what_was_acknowledged_is_there_after_a_restart_once(tmp_path: Path) -> None:
    with opened(tmp_path, STILL) as store:
        store.push([lines([NOW], ["in a segment"], job="x")]).result()
        store.flush()
        store.push([lines([NOW + 1], ["in the log"], job="x")]).result()
    with opened(tmp_path, STILL) as store:
        assert all_lines(store) == ["in a segment", "in the log"]
        store.push([lines([NOW, NOW + 2], ["in a segment", "new"], job="x")]).result()
        assert all_lines(store) == ["in a segment", "in the log", "new"]


def test_what_a_crash_left_behind_is_cleared_away(tmp_path: Path) -> None:
    with opened(tmp_path, STILL) as store:
        store.push([lines([NOW], ["kept"], job="x")]).result()
        store.flush()
        store.push([lines([NOW + 1], ["kept too"], job="x")]).result()
        (number,) = [chunk.number for chunk in store._contents.head.chunks]
    log = path_of(tmp_path / "log", number)
    log.write_bytes(log.read_bytes() + b"vgl1 what was cut off")
    (tmp_path / "segments" / "000000009-20000.parquet").write_bytes(b"half of it")
    streams = tmp_path / "streams.jsonl"
    streams.write_bytes(streams.read_bytes() + b'[9, {"half')
    with opened(tmp_path, STILL) as store:
        assert all_lines(store) == ["kept", "kept too"]
        store.push([lines([NOW], ["new"], job="y")]).result()
        assert sorted(all_lines(store)) == ["kept", "kept too", "new"]
    assert [path.name for path in (tmp_path / "segments").glob("000000009*")] == []


def test_a_second_process_is_told_who_holds_the_store(tmp_path: Path) -> None:
    with opened(tmp_path) as _, pytest.raises(HeldError) as caught:
        LogStore(tmp_path)
    first, second = str(caught.value).splitlines()
    assert first.startswith(f"the store in {tmp_path} is held by process ")
    assert second == "stop that one, or name another folder: --state DIR"


def test_a_store_of_a_newer_vigie_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"version": 2}')
    with pytest.raises(ValueError, match="is of version 2, and this Vigie reads 1"):
        LogStore(tmp_path)


def test_days_that_are_over_are_dropped_whole(tmp_path: Path) -> None:
    now = [NOW / 1e9]
    store = LogStore(tmp_path, STILL, clock=lambda: now[0])
    try:
        days = [NOW - 6 * DAY, NOW - DAY, NOW]
        for i, day in enumerate(days):
            store.push([lines([day], [f"day {i}"], job=f"job{i}")]).result()
        store.flush()
        store.expire()
        assert all_lines(store) == ["day 0", "day 1", "day 2"]
        now[0] += 3 * 86_400
        store.expire()
        assert all_lines(store) == ["day 1", "day 2"]
        assert store.counters.dropped_segments_age == 1
        assert [labels["job"] for labels in store.streams.labels.values()] == ["job1", "job2"]
        assert len(list((tmp_path / "segments").glob("*.parquet"))) == 2
        store.push([lines([NOW + 1], ["back"], job="job0")]).result()
        assert all_lines(store, '{job="job0"}') == ["back"]
    finally:
        store.close()


def test_too_many_bytes_drop_the_oldest_segments_and_say_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    limits = StoreLimits(idle_seconds=3600, max_bytes=10**9, retention_seconds=10**9)
    with opened(tmp_path, limits) as store:
        for i in range(4):
            texts = [f"{i} {n * 7919 % 104729:x}" for n in range(3000)]
            times = [NOW + i * DAY + n for n in range(3000)]
            store.push([lines(times, texts, job="x")]).result()
            store.flush()
        sizes = [one.file_size for one in store.segments()]
        kept = StoreLimits(
            idle_seconds=3600,
            retention_seconds=10**9,
            max_bytes=sum(sizes[2:]) + store.disk_bytes() - sum(sizes) + 10,
        )
        store.limits = kept
        with caplog.at_level(logging.WARNING):
            store.expire()
        assert {line[0] for line in all_lines(store)} == {"2", "3"}
        assert store.counters.dropped_segments_size == 2
    assert (
        f"retention.max_bytes is {kept.max_bytes}: dropping the 2 oldest segments, with 6000 lines"
        in caplog.text
    )


def test_files_that_a_query_reads_stay_until_it_is_done(store: LogStore, tmp_path: Path) -> None:
    store.push([lines([NOW - 30 * DAY], ["old"], job="x")]).result()
    store.flush()
    files = tmp_path / "store" / "segments"
    with store.snapshot() as snapshot:
        store.expire()
        assert store.segments() == ()
        assert snapshot.segments[0].path.exists()
    assert list(files.iterdir()) == []


def test_small_segments_of_a_day_become_one(store: LogStore) -> None:
    for i in range(9):
        store.push([lines([NOW + i], [f'{{"n":{i},"kind":"a"}}'], job="x")]).result()
        store.flush()
    assert len(store.segments()) == 9
    while store.refine():
        pass
    (one,) = store.segments()
    assert one.fields is not None
    assert [field.name for field in one.fields] == ["kind", "n"]
    assert len(all_lines(store)) == 9


def test_what_memory_cannot_hold_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path, StoreLimits(queue_bytes=100)) as store:
        waiting = [lines([NOW + i], ["x" * 90], job="x") for i in range(50)]
        refused = 0
        futures = []
        for one in waiting:
            try:
                futures.append(store.push([one]))
            except QueueFullError:
                refused += 1
        for future in futures:
            future.result()
        assert store.counters.refused_queue == refused
        assert len(all_lines(store)) == 50 - refused


def test_streams_are_bounded(tmp_path: Path) -> None:
    with opened(tmp_path, StoreLimits(most_streams=2)) as store:
        store.push([lines([NOW], ["a"], job="a"), lines([NOW], ["b"], job="b")]).result()
        with pytest.raises(TooManyStreamsError):
            store.push([lines([NOW], ["c"], job="c")]).result()
        store.push([lines([NOW], ["d"], job="a")]).result()
        assert sorted(all_lines(store)) == ["a", "b", "d"]


def test_many_pushes_share_one_commit(store: LogStore) -> None:
    with store._contents.lock:  # the writer waits for the first commit to be over
        futures = [store.push([lines([NOW + i], [str(i)], job="x")]) for i in range(100)]
    for future in futures:
        future.result()
    assert store.counters.commits <= 10
    assert len(all_lines(store)) == 100
