"""The ledger: what is appended is read back, once and exactly, whichever database keeps it."""

from __future__ import annotations

import sqlite3
import tempfile
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from priced_calls import LATE, LONG_AGO, NOON, Told, priced
from vigie.costs.ledger import (
    LedgerError,
    LedgerPlace,
    LedgerWriter,
    NewerLedgerError,
    NoLedgerError,
    reading,
)
from vigie.costs.ledger.database import Database, connect
from vigie.costs.ledger.reading import Extent
from vigie.costs.ledger.rows import delete_before, from_pico, to_pico
from vigie.costs.ledger.schema import STEPS, bring_up_to_date, claim_pruning
from vigie.costs.ledger.users import user_hash, user_key
from vigie.costs.ledger.writer import PRUNE_EVERY
from vigie.costs.money import Source
from vigie.costs.usage import Usage


def columns(place: LedgerPlace, *names: str) -> list[tuple[object, ...]]:
    database = connect(place, create=False, wait_seconds=5)
    try:
        return database.rows(f"SELECT {', '.join(names)} FROM vigie_calls ORDER BY seq")
    finally:
        database.close()


def test_every_field_of_a_call_is_kept(place: LedgerPlace, writer: LedgerWriter) -> None:
    usage = Usage(10, 9, cached_input=8, cache_write=1, input_audio=2, reasoning=3, output_audio=4)
    at = datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC)
    writer.append(priced(7, at=at, usage=usage, feature="plan", user="alice", service_tier="flex"))
    assert writer.flush()
    names = (
        "at_us, service, feature, model, asked_model, operation, service_tier, outcome, input, "
        "output, cached_input, cache_write, input_audio, reasoning, output_audio, source, "
        "amount_pico, currency, usd_pico, price_date, trace_id, response_id"
    )
    assert columns(place, names) == [
        (
            1_795_176_000_123_456,
            "fastapi",
            "plan",
            "gpt-4o-mini-2024-07-18",
            "gpt-4o-mini",
            "chat",
            "flex",
            "ok",
            *(10, 9, 8, 1, 2, 3, 4),
            "computed",
            3_864_000_000,
            "EUR",
            4_200_000_000,
            "2026-10-14",
            f"{7:032x}",
            f"chatcmpl-{7:020d}",
        )
    ]


def test_an_unpriced_call_is_kept_with_its_tokens_and_without_an_amount(
    place: LedgerPlace, writer: LedgerWriter
) -> None:
    writer.append(priced(usd=None, price_date=None))
    assert writer.flush()
    assert columns(place, "source, amount_pico, currency, usd_pico, input") == [
        ("unpriced", None, None, None, 100)
    ]
    with reading(place) as ledger:
        (share,) = ledger.shares("model", LONG_AGO, LATE)
    assert (share.spend.source, share.spend.currency) == ("unpriced", "")
    assert (share.spend.calls, share.spend.tokens, share.spend.amount) == (1, 120, 0)


def test_the_same_response_counts_once_however_often_it_is_appended(
    place: LedgerPlace, writer: LedgerWriter, told: Told
) -> None:
    second = told.writer(place)
    for _ in range(3):
        writer.append(priced(1))
        second.append(priced(1, at=NOON + timedelta(seconds=30)))
    writer.append(priced(2))
    assert writer.flush()
    second.close()
    assert len(columns(place, "key")) == 2


def test_ids_that_are_too_short_to_be_unique_do_not_swallow_calls(
    place: LedgerPlace, writer: LedgerWriter
) -> None:
    # One popular server draws its ids out of 999 numbers.
    for number in range(3):
        writer.append(priced(number, response_id="chatcmpl-7"))
    writer.append(priced(0, response_id="chatcmpl-7"))
    for _ in range(2):
        writer.append(priced(0, response_id=""))
    assert writer.flush()
    assert Counter(columns(place, "response_id")) == {("chatcmpl-7",): 3, ("",): 2}


@given(st.lists(st.decimals(0, 1000, places=12), min_size=1, max_size=30))
@settings(max_examples=30, deadline=None)
def test_sums_are_exact_to_the_last_digit(amounts: list[Decimal]) -> None:
    told = Told()
    with tempfile.TemporaryDirectory() as folder:
        place = LedgerPlace.in_folder(Path(folder))
        writer = told.writer(place)
        for number, usd in enumerate(amounts):
            writer.append(priced(number, usd=str(usd)))
        writer.close()
        with reading(place) as ledger:
            (share,) = ledger.shares("model", LONG_AGO, LATE)
    assert share.spend.usd == sum(amounts)
    assert not told.failures


def test_the_sum_of_large_amounts_of_a_small_currency_does_not_overflow(
    place: LedgerPlace, writer: LedgerWriter
) -> None:
    for number in range(100):
        writer.append(priced(number, usd="9000000"))
    assert writer.flush()
    with reading(place) as ledger:
        (share,) = ledger.shares("model", LONG_AGO, LATE)
    assert share.spend.usd == 900_000_000


@given(st.integers(0, 2**63 - 1))
def test_pico_units_are_read_back_as_they_were(pico: int) -> None:
    assert to_pico(from_pico(pico)) == pico


def test_an_amount_is_rounded_half_to_even_at_the_last_digit_kept() -> None:
    written = ["0.0000000000005", "0.0000000000015", "0.00000000000249"]
    assert [to_pico(Decimal(each)) for each in written] == [0, 2, 2]


def test_spend_is_told_by_each_word_and_by_quarter(
    place: LedgerPlace, writer: LedgerWriter
) -> None:
    writer.append(priced(1, usd="1", feature="plan", user="alice"))
    writer.append(priced(2, usd="2", feature="chat", user="bob", source=Source.ESTIMATED))
    writer.append(priced(3600, usd="4", feature="chat", user="bob", service="django"))
    assert writer.flush()
    alice, bob = (user_hash(user_key(place.user_key_file or Path()), u) for u in ("alice", "bob"))
    with reading(place) as ledger:
        by = {
            word: {
                (share.label, share.spend.source): share.spend.usd
                for share in ledger.shares(word, NOON, LATE)  # type: ignore[arg-type]
            }
            for word in ("feature", "service", "user", "model")
        }
        quarters, last = ledger.quarters(LONG_AGO, LATE)
        later, same = ledger.quarters(LONG_AGO, LATE, after=last)
    assert by == {
        "feature": {("plan", "computed"): 1, ("chat", "estimated"): 2, ("chat", "computed"): 4},
        "service": {
            ("fastapi", "computed"): 1,
            ("fastapi", "estimated"): 2,
            ("django", "computed"): 4,
        },
        "user": {(alice, "computed"): 1, (bob, "estimated"): 2, (bob, "computed"): 4},
        "model": {
            ("gpt-4o-mini-2024-07-18", "computed"): 5,
            ("gpt-4o-mini-2024-07-18", "estimated"): 2,
        },
    }
    assert [(q.start, q.spend.source, q.spend.usd) for q in quarters] == [
        (NOON, "computed", 1),
        (NOON, "estimated", 2),
        (NOON + timedelta(hours=1), "computed", 4),
    ]
    assert (later, same) == ([], last)


def test_a_reader_that_goes_on_where_it_stopped_misses_nothing_and_counts_nothing_twice(
    place: LedgerPlace, writer: LedgerWriter
) -> None:
    total, last = Decimal(0), 0
    for number in range(5):
        writer.append(priced(number, usd="1"))
        writer.append(priced(number, usd="1"))
        assert writer.flush()
        with reading(place) as ledger:
            quarters, last = ledger.quarters(LONG_AGO, LATE, after=last)
        total += sum(each.spend.usd for each in quarters)
    assert total == 5


def test_the_extent_tells_rows_and_the_oldest(place: LedgerPlace, writer: LedgerWriter) -> None:
    assert writer.flush()
    writer.append(priced(5))
    writer.append(priced(3))
    assert writer.flush()
    with reading(place) as ledger:
        assert ledger.extent() == Extent(2, NOON + timedelta(seconds=3))


def test_a_user_is_kept_as_a_hash_under_a_key_that_only_its_owner_reads(
    place: LedgerPlace, writer: LedgerWriter, tmp_path: Path
) -> None:
    writer.append(priced(1, user="alice@example.org"))
    writer.append(priced(2, user="alice@example.org"))
    writer.append(priced(3))
    assert writer.flush()
    hashes = [row[0] for row in columns(place, "user_hash")]
    assert hashes[0] == hashes[1]
    assert hashes[2] is None
    assert len(str(hashes[0])) == 20
    assert "alice" not in str(columns(place, "*"))
    key = tmp_path / "secrets/ledger-users"
    assert key.stat().st_mode & 0o777 == 0o600
    assert user_hash(b"another key", "alice@example.org") != hashes[0]


def test_a_key_that_is_none_is_told_and_the_call_is_kept_without_its_user(
    place: LedgerPlace, writer: LedgerWriter, told: Told
) -> None:
    assert place.user_key_file is not None
    place.user_key_file.parent.mkdir()
    place.user_key_file.write_text("short")
    writer.append(priced(1, user="alice"))
    assert writer.flush()
    assert columns(place, "user_hash") == [(None,)]
    assert [str(each) for each in told.failures] == [
        f"{place.user_key_file} holds no key: delete it, and a new one is made"
    ]


def test_text_that_a_database_refuses_is_made_acceptable(
    place: LedgerPlace, writer: LedgerWriter, told: Told
) -> None:
    writer.append(priced(1, model="a\0b\ud800c", feature="x" * 5000))
    assert writer.flush()
    assert columns(place, "model, feature") == [("ab?c", "x" * 200)]
    assert not told.failures


def test_a_call_that_cannot_be_true_is_given_up_and_the_rest_is_kept(
    place: LedgerPlace, writer: LedgerWriter, told: Told
) -> None:
    writer.append(priced(1))
    writer.append(priced(2, usd="1e30"))
    writer.append(priced(3, usd="NaN"))
    writer.append(priced(4, usage=Usage(input=2**70)))
    writer.append(priced(5))
    assert writer.flush()
    assert len(columns(place, "key")) == 2
    assert (len(told.failures), told.dropped) == (3, 3)


def test_without_a_ledger_nothing_is_kept_and_nobody_complains(told: Told) -> None:
    writer = told.writer(None)
    writer.append(priced(1))
    writer.close()
    assert (told.failures, told.dropped) == ([], 0)


def test_a_file_is_for_its_owner_only(file: LedgerPlace, told: Told) -> None:
    writer = told.writer(file)
    writer.append(priced(1))
    writer.close()
    assert file.path is not None
    assert file.path.stat().st_mode & 0o777 == 0o600


def test_a_file_is_in_wal_mode(file: LedgerPlace, told: Told) -> None:
    writer = told.writer(file)
    writer.append(priced(1))
    writer.close()
    connection = sqlite3.connect(file.path or "")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_reading_where_there_is_no_ledger_says_so_and_makes_none(place: LedgerPlace) -> None:
    with pytest.raises(NoLedgerError) as raised, reading(place):
        pass
    assert str(raised.value) == f"there is no ledger at {place}"
    assert place.path is None or not place.path.exists()


def test_a_file_that_is_no_ledger_is_refused(file: LedgerPlace) -> None:
    assert file.path is not None
    file.path.write_text("Dear diary, " * 1000)
    with pytest.raises(LedgerError) as raised, reading(file):
        pass
    assert str(raised.value) == (f"{file.path} is no SQLite file: name another one in ledger.url")


def _add_a_column(database: Database) -> None:
    database.run("ALTER TABLE vigie_calls ADD COLUMN team TEXT NOT NULL DEFAULT ''")


def test_an_older_ledger_becomes_a_present_one_and_keeps_its_rows(
    place: LedgerPlace, writer: LedgerWriter
) -> None:
    writer.append(priced(1))
    assert writer.flush()
    database = connect(place, create=False, wait_seconds=5)
    for _ in range(2):
        bring_up_to_date(database, place, (*STEPS, _add_a_column))
    assert database.rows("SELECT version FROM vigie_ledger") == [(2,)]
    assert database.rows("SELECT input, team FROM vigie_calls") == [(100, "")]
    database.close()


def test_a_newer_ledger_is_refused_with_what_to_do(
    place: LedgerPlace, writer: LedgerWriter, told: Told
) -> None:
    database = connect(place, create=True, wait_seconds=5)
    bring_up_to_date(database, place, (*STEPS, _add_a_column))
    expected = (
        f"the ledger {place} is of version 2, and this Vigie knows versions up to 1: install the"
        " Vigie that wrote it (pip install -U vigie), or name another ledger in ledger.url"
    )
    with pytest.raises(NewerLedgerError) as raised, reading(place):
        pass
    assert str(raised.value) == expected
    writer.append(priced(1))
    assert not writer.flush(within_seconds=0)
    assert {str(each) for each in told.failures} == {expected}
    # What waits is written when the ledger is one that this Vigie knows.
    database.run("UPDATE vigie_ledger SET version = 1")
    assert writer.flush()
    assert database.rows("SELECT COUNT(*) FROM vigie_calls") == [(1,)]
    database.close()


def test_old_rows_are_deleted_the_oldest_first_and_a_few_at_a_time(
    place: LedgerPlace, writer: LedgerWriter
) -> None:
    for number in range(5):
        writer.append(priced(number))
    assert writer.flush()
    database = connect(place, create=False, wait_seconds=5)
    cutoff = NOON + timedelta(seconds=3)
    assert delete_before(database, cutoff, at_most=2) == 2
    assert [row[0] for row in columns(place, "trace_id")] == [f"{n:032x}" for n in (2, 3, 4)]
    assert delete_before(database, cutoff, at_most=2) == 1
    assert delete_before(database, cutoff, at_most=2) == 0
    database.close()


def test_a_writer_deletes_what_is_older_than_the_retention_once_an_hour(
    place: LedgerPlace, told: Told
) -> None:
    old = told.writer(replace(place, retention=timedelta(days=10_000)))
    for number in range(1234):
        old.append(priced(number, at=NOON - timedelta(days=31, seconds=number)))
    old.append(priced(2000, at=NOON - timedelta(days=29)))
    old.close()
    database = connect(place, create=False, wait_seconds=5)
    database.run("UPDATE vigie_ledger SET pruned_us = 0")
    writer = told.writer(replace(place, retention=timedelta(days=30)), now=lambda: NOON)
    writer.append(priced(2001))
    while database.rows("SELECT COUNT(*) FROM vigie_calls") != [(2,)]:
        pass
    writer.close()
    assert not told.failures
    claimed = database.rows("SELECT pruned_us FROM vigie_ledger")
    assert claimed == [(1_795_176_000_000_000,)]
    assert not claim_pruning(database, NOON + timedelta(minutes=59), PRUNE_EVERY)
    assert claim_pruning(database, NOON + timedelta(minutes=60), PRUNE_EVERY)
    database.close()
