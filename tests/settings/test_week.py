"""Days and times of day, as people write them."""

import pytest

from vigie.settings.week import DAYS, day_after, days_of_week, minute_of_day, written_minute


@pytest.mark.parametrize(
    ("text", "minute"),
    [("00:00", 0), ("7:05", 425), ("22:00", 1320), ("24:00", 1440), (" 09:30 ", 570)],
)
def test_a_time_of_day_is_minutes_since_midnight(text: str, minute: int) -> None:
    assert minute_of_day(text) == minute
    assert minute_of_day(written_minute(minute)) == minute


@pytest.mark.parametrize("text", ["24:01", "7", "7h", "12:60", "", "-1:00", 1320, None, 7.5])
def test_what_is_no_time_of_day_is_refused_with_an_example(text: object) -> None:
    with pytest.raises(ValueError, match=r"from 00:00 to 24:00, e\.g\. 22:00"):
        minute_of_day(text)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("saturday", ("saturday",)),
        ("Mon-Fri", ("monday", "tuesday", "wednesday", "thursday", "friday")),
        ("fri - mon", ("friday", "saturday", "sunday", "monday")),
        ("sunday-sunday", ("sunday",)),
    ],
)
def test_days_are_one_or_from_one_to_another(text: str, days: tuple[str, ...]) -> None:
    assert days_of_week(text) == days


@pytest.mark.parametrize("text", ["", "s", "caturday", "mon-tue-wed", "monday-", 1, None])
def test_what_is_no_day_is_refused_with_an_example(text: object) -> None:
    with pytest.raises(ValueError, match="write days such as saturday or monday-friday"):
        days_of_week(text)


def test_after_sunday_comes_monday() -> None:
    assert [day_after(day) for day in DAYS] == [*DAYS[1:], "monday"]
