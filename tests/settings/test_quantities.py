"""Numbers with units, read and written back."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie.catalogue.signals import SIGNALS
from vigie.settings.quantities import duration, limit, size_bytes, written_duration, written_limit


@given(st.integers(1, 10**9).map(lambda ms: timedelta(milliseconds=ms)))
def test_a_written_duration_reads_back_as_itself(span: timedelta) -> None:
    assert duration(written_duration(span)) == span


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500ms", 0.5),
        ("15s", 15),
        ("10m", 600),
        ("10min", 600),
        ("1.5h", 5400),
        ("7d", 604800),
        ("13mo", 13 * 31 * 86400),
    ],
)
def test_durations_are_read_in_their_unit(text: str, seconds: float) -> None:
    assert duration(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "7", "d", "-1s", "0s", "7 fortnights", 7, None])
def test_a_duration_without_sense_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="write a duration with its unit"):
        duration(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1B", 1), ("500MB", 500_000_000), ("10 GB", 10**10), ("1GiB", 2**30), ("1.5kB", 1500)],
)
def test_sizes_are_decimal_or_binary_as_written(text: str, expected: int) -> None:
    assert size_bytes(text) == expected


@pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.name)
@pytest.mark.parametrize("currency", ["EUR", "USD", "CHF"])
def test_each_signals_written_limits_read_back_as_themselves(signal, currency) -> None:  # type: ignore[no-untyped-def]
    for value in (value for value in (signal.warning, signal.critical) if value is not None):
        assert limit(written_limit(value, signal, currency), signal, currency) == pytest.approx(
            value
        )
