"""PromQL that is written from metrics, whole."""

import pytest

from vigie.catalogue import django, interservice, openai, streamlit
from vigie.catalogue.promql import (
    aggregated,
    either,
    increase,
    labelled,
    like,
    observations,
    other_than,
    per_minute,
    quantile,
    relabelled,
    select,
    share,
    total,
    unlike,
)


def flat(promql: str) -> str:
    """On one line, however it was broken into several."""
    return " ".join(promql.split())


def test_series_are_matched_by_their_labels_and_by_those_of_their_target() -> None:
    assert select(openai.REQUESTS, status="ok", model=unlike("gpt.*"), service="fastapi") == (
        'openai_requests_total{status="ok", model!~"gpt.*", service="fastapi"}'
    )
    assert select(openai.REQUESTS, status=other_than("ok")) == 'openai_requests_total{status!="ok"}'
    assert select(streamlit.MEMORY) == "streamlit_memory_bytes"


def test_a_label_that_a_metric_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="openai_requests_total has no label code, kind"):
        select(openai.REQUESTS, code="500", kind="x")


def test_a_histogram_has_no_series_of_its_own_name_and_a_counter_no_buckets() -> None:
    with pytest.raises(ValueError, match="is a histogram: it has other series"):
        select(openai.REQUEST_DURATION)
    with pytest.raises(ValueError, match="is a counter: it has other series"):
        quantile(0.95, openai.REQUESTS, "5m")


def test_a_quantile_is_that_of_summed_buckets() -> None:
    assert flat(quantile(0.95, openai.REQUEST_DURATION, "5m", "model")) == (
        "histogram_quantile(0.95, sum by (service, model, le) "
        "(rate(openai_request_duration_seconds_bucket[5m])) )"
    )


def test_counters_that_exist_from_the_start_are_asked_for_their_increase() -> None:
    assert increase(django.AUTH_FAILURES, "5m") == "increase(django_auth_failures_total[5m])"


def test_a_counter_that_appears_counts_with_what_it_has() -> None:
    assert flat(increase(interservice.REQUESTS, "5m", status="timeout")) == (
        '( interservice_requests_total{status="timeout"} '
        "unless interservice_requests_total offset 5m "
        "and on (service) (up offset 5m == 1) ) "
        'or increase(interservice_requests_total{status="timeout"}[5m])'
    )


def test_observations_are_counted_per_series() -> None:
    assert observations(streamlit.PAGE_LOAD, "5m", page="chat") == (
        'increase(streamlit_page_load_seconds_count{page="chat"}[5m])'
    )


def test_a_rate_is_told_per_minute() -> None:
    assert per_minute(openai.TOKENS, "5m", type=like("input|output")) == (
        '60 * sum by (service) (rate(openai_tokens_total{type=~"input|output"}[5m]))'
    )


def test_a_share_is_0_without_a_part_and_nothing_without_a_whole() -> None:
    assert flat(share("bad", "all")) == "( bad or 0 * all ) / (all > 0)"


def test_sums_keep_the_service() -> None:
    assert total("x", "target") == "sum by (service, target) (x)"
    assert aggregated("max", "x") == "max by (service) (x)"


def test_long_arguments_get_lines_of_their_own() -> None:
    long = "x" * 90
    assert total(long) == f"sum by (service) (\n  {long}\n)"
    assert total(either("x", "y")) == "sum by (service) (\n  x\n  or\n  y\n)"


def test_labels_are_added() -> None:
    assert flat(labelled("x", "kind", "logs")) == 'label_replace( x, "kind", "logs", "", "" )'
    assert flat(relabelled("x", "database", "alias")) == (
        'label_replace( x, "database", "$1", "alias", "(.*)" )'
    )
