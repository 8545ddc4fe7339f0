"""What later tellings make of an alert, in whatever order they come."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie.incidents.alert import Alert, Status, told

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
FIRES = Alert(
    fingerprint="f",
    started=NOON,
    ended=None,
    heard=NOON + timedelta(seconds=5),
    labels={"alertname": "DiskSpace", "device": 'a"b\\c'},
    annotations={"summary": "Disk", "summary_fr": "Disque", "value": "0.08"},
)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def ends(minutes: float, heard: float | None = None) -> Alert:
    return replace(FIRES, ended=at(minutes), heard=at(minutes if heard is None else heard))


def after(*news: Alert) -> list[Alert]:
    known: list[Alert] = []
    for one in news:
        known = told(known, one)
    return known


def test_what_is_told_again_is_the_same() -> None:
    again = replace(FIRES, heard=at(60))
    assert after(FIRES, FIRES, again) == [again]


def test_its_end_ends_it_and_its_last_words_are_kept() -> None:
    ended = replace(ends(3), annotations={"summary": "Disk", "value": "0.11"})
    assert after(FIRES, ended) == [ended]
    assert (ended.status, FIRES.status) == (Status.RESOLVED, Status.FIRING)


def test_an_end_that_is_told_first_is_an_end() -> None:
    late = replace(FIRES, heard=at(3) + timedelta(seconds=9))
    assert after(ends(3), late) == [ends(3)]


def test_what_goes_on_after_its_end_was_told_fires() -> None:
    """As Alertmanager tells it when Prometheus could not reach it for a while."""
    again = replace(FIRES, heard=at(3) + timedelta(seconds=15))
    assert after(FIRES, ends(3), again) == [again]


def test_a_new_time_ends_the_old_one_whose_end_nobody_told() -> None:
    """As it is after Alertmanager was restarted: it forgets what fires."""
    new = replace(FIRES, started=at(10), heard=at(10))
    assert after(FIRES, new) == [replace(FIRES, ended=at(10)), new]


def test_an_old_time_that_is_told_late_has_ended() -> None:
    new = replace(FIRES, started=at(10), heard=at(10))
    assert after(new, FIRES) == [replace(FIRES, ended=at(10)), new]


def test_an_end_ends_every_time_that_began_before() -> None:
    """As it is where two of Prometheus tell the same alert with two starts."""
    second = replace(FIRES, started=at(0.1), heard=at(0.2))
    one, other = after(FIRES, second, ends(5))
    assert (one.ended, other.ended) == (at(5), at(5))


def test_an_end_leaves_what_began_after_it() -> None:
    new = replace(FIRES, started=at(10), heard=at(10))
    assert after(new, ends(5)) == [ends(5), new]


def test_a_clock_that_was_set_back_hears_nothing_before_what_it_heard() -> None:
    (one,) = after(FIRES, replace(ends(3), heard=at(-60)))
    assert (one.ended, one.heard) == (at(3), FIRES.heard)


def test_whatever_the_order_an_alert_that_ended_has_ended() -> None:
    """Within the seconds in which deliveries may overtake each other."""
    news = [replace(FIRES, heard=at(3)), replace(FIRES, heard=at(3.05)), ends(3, heard=3.1)]
    for order in permutations(news):
        (one,) = after(*order)
        assert one.ended == at(3)


starts = st.integers(0, 5).map(lambda n: at(10 * n))


@given(
    st.lists(
        st.tuples(starts, st.none() | st.integers(0, 60).map(at), st.integers(0, 90).map(at)),
        max_size=12,
    )
)
def test_an_alert_never_fires_twice_at_once(
    drawn: list[tuple[datetime, datetime | None, datetime]],
) -> None:
    news = [
        replace(FIRES, started=start, ended=end and max(end, start), heard=heard)
        for start, end, heard in drawn
    ]
    times = after(*news)
    assert [one.started for one in times] == sorted({one.started for one in news})
    assert all(one.ended is not None for one in times[:-1])
    assert all(one.ended is None or one.ended >= one.started for one in times)


def test_it_says_what_it_is_in_both_languages() -> None:
    assert (FIRES.name, FIRES.summary(), FIRES.summary("fr")) == ("DiskSpace", "Disk", "Disque")
    assert (FIRES.service, FIRES.severity, FIRES.description("fr")) == ("", "", "")
    assert replace(FIRES, annotations={}).summary() == "DiskSpace"
    assert replace(FIRES, annotations={}, labels={}).summary() == "f"


@pytest.mark.parametrize(
    ("text", "value"), [("0.08", 0.08), ("1e+06", 1e6), ("NaN", None), ("+Inf", None), ("x", None)]
)
def test_its_value_is_a_number_or_none(text: str, value: float | None) -> None:
    assert replace(FIRES, annotations={"value": text}).value == value


def test_it_lasts_until_now_or_its_end() -> None:
    assert FIRES.lasted(at(7)) == timedelta(minutes=7)
    assert ends(3).lasted(at(7)) == timedelta(minutes=3)
    assert FIRES.lasted(at(-7)) == timedelta()


def test_what_is_not_told_again_is_unconfirmed() -> None:
    assert not FIRES.is_unconfirmed(at(119))
    assert FIRES.is_unconfirmed(at(121))
    assert not ends(3).is_unconfirmed(at(1000))


def test_its_matchers_match_it_alone() -> None:
    assert FIRES.matchers == r'{alertname="DiskSpace",device="a\"b\\c"}'
