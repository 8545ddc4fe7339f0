"""When the watchdog counts as lost, and when not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from vigie.incidents.watchdog import Hearing, Heartbeat

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def test_a_start_grants_five_minutes() -> None:
    beat = Heartbeat(NOON)
    assert beat.hearing(at(5)) is Hearing.WAITING
    assert beat.looked_at(at(5)) == beat
    assert beat.looked_at(at(5.1)).hearing(at(5.1)) is Hearing.LOST


def test_five_minutes_without_it_lose_it() -> None:
    beat = Heartbeat(NOON).beaten(at(60))
    assert beat.hearing(at(65)) is Hearing.HEARD
    assert beat.looked_at(at(65)) == beat
    lost = beat.looked_at(at(65.1))
    assert (lost.lost, lost.is_lost) == (at(65.1), True)


def test_a_loss_is_noticed_once_and_over_once() -> None:
    lost = Heartbeat(NOON).looked_at(at(6))
    assert lost.looked_at(at(60)) == lost
    again = lost.beaten(at(61))
    assert (again.lost, again.recovered, again.is_lost) == (at(6), at(61), False)
    assert again.beaten(at(62)).recovered == at(61)
    assert again.hearing(at(62)) is Hearing.HEARD


def test_a_second_loss_is_another() -> None:
    second = Heartbeat(NOON).looked_at(at(6)).beaten(at(61)).looked_at(at(70))
    assert (second.lost, second.recovered) == (at(70), None)


def test_who_listens_anew_has_five_minutes_again_but_forgets_no_loss() -> None:
    beat = Heartbeat(NOON).beaten(at(1)).listened_anew(at(60))
    assert beat.hearing(at(64)) is Hearing.WAITING
    assert Heartbeat(NOON).looked_at(at(6)).listened_anew(at(60)).hearing(at(61)) is Hearing.LOST


def test_who_only_reads_sees_a_silence_that_nobody_noticed() -> None:
    assert Heartbeat(NOON).beaten(at(1)).hearing(at(30)) is Hearing.LOST


def test_compressed_time_has_less_patience() -> None:
    assert Heartbeat(NOON).hearing(at(0.5), timedelta(seconds=20)) is Hearing.LOST
