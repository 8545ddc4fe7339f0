"""What columns say is what the stages say, whatever the lines are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from running_store import opened
from vigie.store.logql import parse
from vigie.store.logql import tree as t
from vigie.store.logql.errors import PipelineError
from vigie.store.query import Extract, Grid, log_query, metric_query
from vigie.store.segments import Lines, LogStore, StoreLimits

NOW = 1_795_000_000 * 10**9
SECOND = 10**9

names = st.sampled_from(["a", "b", "n", "x_y", "x", "job", "a-b", " a", "é"])
scalars = st.one_of(
    st.sampled_from(["1", "1.0", "", "yes", "no", "\n", 'q"', "é", "1e3", "[1]"]),
    st.integers(-3, 600),
    st.sampled_from([999_999_999_999_999, 1_000_000_000_000_000, 9_007_199_254_740_993]),
    st.sampled_from([1.5, 0.1, 2e3, -0.0, 12345678901234567890, 1e300]),
    st.booleans(),
    st.none(),
)
values = st.one_of(
    scalars,
    st.lists(scalars, max_size=2),
    st.dictionaries(names, scalars, max_size=2),
)
objects = st.dictionaries(names, values, max_size=5)
json_lines = st.builds(
    lambda one, spaces, ascii_only: json.dumps(
        one, separators=(", ", ": ") if spaces else (",", ":"), ensure_ascii=ascii_only
    ),
    objects,
    st.booleans(),
    st.booleans(),
)
odd_lines = st.sampled_from(
    [
        "no json",
        "",
        '{"a":1',
        '{"a":1} trailing',
        '{"a":01,"n":5}',
        '{"n":1.50}',
        '{"a":"\\u00e9"}',
        '{"a":"\\ud83c\\udfc3"}',
        '{"a":"x","a":"y"}',
        '  {"a":"padded"}',
        '{"a":NaN}',
        '{"n":1,}',
        '{"x":{"y":"nested"},"x_y":"plain"}',
        '{"x_y":"plain","x":{"y":"nested"}}',
        "[1,2]",
        "{}",
        '{"a":"tab\\tx","n":7}',
        '{"n":+5}',
        '{"n":5.}',
        '{"n":-5e2,"a":"b"}',
        '{"a" : "b", "n" : 3}',
    ]
)
lines = st.lists(st.one_of(json_lines, json_lines, json_lines, odd_lines), min_size=1, max_size=40)
plain_lines = st.lists(
    st.fixed_dictionaries(
        {"a": st.sampled_from(["yes", "no", "1", ""]), "n": st.integers(-3, 600)},
        optional={"b": st.integers(0, 2) | st.just(0.5), "x": st.integers(0, 9)},
    ).map(json.dumps),
    min_size=1,
    max_size=40,
)
"""Of these the columns say all."""

FILTERS = [
    "",
    '| a="yes"',
    '| a!="yes"',
    '| a=~"y.*|1"',
    '| a!~".+"',
    '| n > 1.5 | __error__=""',
    '| n >= 500 and a!="no"',
    "| n == 1000000000000000",
    '| n="1" or x=~"[0-9]"',
    '| n < 5 or a="1"',
    '| x_y="nested"',
    '| job="x"',
    '| job_extracted="1"',
    '| nosuch=""',
    '| a="1", n != 2',
]
METRICS = [
    'sum by (a) (count_over_time({{job=~".+"}} | json {0} [10s]))',
    'sum by (a, x_y) (rate({{job=~".+"}} | json {0} [7s]))',
    'sum(bytes_over_time({{job=~".+"}} | json {0} | n!="" [10s]))',
    'sum by (job, b) (count_over_time({{job="x"}} | json {0} [10s]))',
    'sum by (a) (sum_over_time({{job=~".+"}} | json {0} | unwrap n | __error__="" [10s]))',
    'max_over_time({{job=~".+"}} | json {0} | unwrap n | __error__="" [10s]) by (a)',
    'quantile_over_time(0.5, {{job=~".+"}} | json {0} | unwrap n | __error__="" [9s]) by (b)',
    'avg_over_time({{job=~".+"}} | json {0} | unwrap n | __error__="" [10s]) by ()',
]


def filled(folder: Path, texts: list[str], metadata: bool) -> LogStore:
    store = LogStore(folder, StoreLimits(idle_seconds=3600, quiet_seconds=3600))
    for job in ("x", "1"):
        mine = texts[job == "1" :: 2]
        if mine:
            times = [NOW + i * SECOND for i in range(len(mine))]
            meta = ['{"a":"meta"}' if metadata and i % 7 == 6 else None for i in range(len(mine))]
            size = sum(map(len, mine))
            store.push([Lines((("job", job),), times, list(mine), meta, size)]).result()
    return store


Answer = list[tuple[object, ...]] | str


def metric(store: LogStore, query: str) -> Answer:
    tree = parse(query)
    assert not isinstance(tree, t.LogQuery)
    try:
        found = metric_query(store, tree, Grid(NOW, NOW + 40 * SECOND, 5 * SECOND))
    except PipelineError:
        return "refused"
    return sorted(
        (one.key, one.steps.tolist(), [round(value, 6) for value in one.values.tolist()])
        for one in found
    )


def logs(store: LogStore, query: str) -> Answer:
    tree = parse(query)
    assert isinstance(tree, t.LogQuery)
    found = log_query(store, tree, Extract(NOW, NOW + 60 * SECOND, 1000))
    return sorted((tuple(sorted(one.labels.items())), one.entries) for one in found)


@pytest.mark.servers
@example(
    texts=['{"a":"yes"}', '{"a":[null,null]}', '{"a":{"n":1}}', '{"a":"[1]"}'] * 3,
    metadata=False,
    each="",
    query=METRICS[0],
)
@given(
    texts=st.one_of(lines, plain_lines),
    metadata=st.booleans(),
    each=st.sampled_from(FILTERS),
    query=st.sampled_from(METRICS),
)
@settings(
    max_examples=60,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_columns_and_stages_answer_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    texts: list[str],
    metadata: bool,
    each: str,
    query: str,
) -> None:
    store = filled(tmp_path_factory.mktemp("fields"), texts, metadata)
    asked = query.format(each)
    try:
        for place in ("head", "plain segment", "segment with columns"):
            if place == "plain segment":
                store.flush()
            elif place == "segment with columns":
                assert store.refine()
            by_columns = logs(store, '{job=~".+"} | json ' + each)
            by_stages = logs(store, '{job=~".+"} | json | drop no__such ' + each)
            assert by_columns == by_stages, place
            slow = asked.replace("| json ", "| json | drop no__such ")
            assert metric(store, asked) == metric(store, slow), (place, asked)
    finally:
        store.close()


def test_fields_that_are_asked_often_have_columns(tmp_path: Path) -> None:
    texts = [
        json.dumps({"level": "INFO", "n": i, "took": i / 7, "id": f"{i:032x}", "user": {"id": i}})
        for i in range(3000)
    ]
    with opened(tmp_path) as store:
        times = [NOW + i for i in range(3000)]
        store.push([Lines((("job", "x"),), times, texts, None, 1)]).result()
        store.flush()
        store.refine()
        (segment,) = store.segments()
        assert segment.fields is not None
        assert {one.name: one.kind for one in segment.fields} == {
            "level": "text",
            "n": "integer",
            "took": "number",
        }
        assert not segment.exact  # of an object within the object there is no column


@pytest.mark.parametrize("odd", [None, "no json", '{"a":{"b":1}}', '{"status":"\\u0032"}'])
def test_a_segment_tells_whether_its_columns_say_all_of_its_lines(
    tmp_path: Path, odd: str | None
) -> None:
    texts = [json.dumps({"level": "INFO", "status": 200 + i % 3}) for i in range(3000)]
    texts += [odd] if odd is not None else []
    with opened(tmp_path) as store:
        times = [NOW + i for i in range(len(texts))]
        store.push([Lines((("job", "x"),), times, texts, None, 1)]).result()
        store.flush()
        store.refine()
        assert [one.exact for one in store.segments()] == [odd is None]
    with opened(tmp_path) as store:
        assert [one.exact for one in store.segments()] == [odd is None]


def test_a_segment_of_before_that_could_be_told_is_not_taken_for_one_that_says_all(
    tmp_path: Path,
) -> None:
    texts = [json.dumps({"status": 200 + i % 3}) for i in range(300)]
    with opened(tmp_path) as store:
        times = [NOW + i for i in range(len(texts))]
        store.push([Lines((("job", "x"),), times, texts, None, 1)]).result()
        store.flush()
        store.refine()
        (description,) = [one.path.with_suffix(".json") for one in store.segments()]
    told = json.loads(description.read_text())
    del told["exact"]
    description.write_text(json.dumps(told))
    with opened(tmp_path) as store:
        assert [one.exact for one in store.segments()] == [False]
        assert len(logs(store, '{job="x"} | json | status=201')[0][1]) == 100
