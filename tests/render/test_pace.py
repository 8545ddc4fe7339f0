"""How durations of rules follow the pace and the interval of scrapes."""

from datetime import timedelta
from pathlib import Path

import pytest

from vigie.render.pace import Pace
from vigie.settings import load


def pace(factor: float = 1, scrape_seconds: float = 15) -> Pace:
    return Pace(factor, timedelta(seconds=scrape_seconds) / factor)


def test_by_the_clock_an_expression_is_as_it_was_written() -> None:
    promql = 'rate(x_total{path="a[5m]"}[5m]) and up offset 15m == 1 and y5m > 5'
    assert pace().expression(promql) == promql


def test_fifteen_times_faster_five_minutes_are_twenty_seconds() -> None:
    fast = pace(15)
    assert fast.scrape_interval == timedelta(seconds=1)
    assert fast.expression("rate(x[5m]) unless x offset 15m") == "rate(x[20s]) unless x offset 1m"
    assert fast.expression("count_over_time(up[1h:1m])") == "count_over_time(up[4m:4s])"
    assert fast.written(timedelta(minutes=2)) == "8s"


def test_quoted_text_keeps_its_durations() -> None:
    assert pace(15).expression(r'x{a="\"5m", b="1h"}[5m]') == r'x{a="\"5m", b="1h"}[20s]'


def test_a_window_is_never_shorter_than_four_scrapes() -> None:
    slow = pace(scrape_seconds=120)
    assert slow.expression("rate(x[5m]) unless x offset 5m") == "rate(x[8m]) unless x offset 8m"
    assert slow.expression("avg_over_time(up[1h])") == "avg_over_time(up[1h])"
    assert slow.expression("count_over_time(up[1h:1m])") == "count_over_time(up[1h:2m])"


def test_nothing_goes_slower_than_the_clock(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cannot go 0\.5 times faster"):
        Pace.of(load(environ={}, start=tmp_path), 0.5)
