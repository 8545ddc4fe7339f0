"""The reader of PromQL that the other contracts stand on."""

import pytest

from promql_reader import LabelError, PromqlError, Selector, labels_of, parse, tokens, walk
from vigie.catalogue.signals import SIGNALS

KNOWN = {
    "a_total": {"service", "status"},
    "a_bucket": {"service", "le"},
    "b": {"service", "alias"},
    "up": {"service"},
}


@pytest.mark.parametrize(
    ("promql", "labels"),
    [
        ("a_total", {"service", "status"}),
        ('a_total{status=~"5..", service!="x"}', {"service", "status"}),
        ("sum by (service) (rate(a_total[5m]))", {"service"}),
        ("sum(rate(a_total[5m])) by (service)", None),
        ("sum without (status) (a_total)", {"service"}),
        ("max(b)", set()),
        ("histogram_quantile(0.95, sum by (service, le) (rate(a_bucket[5m])))", {"service"}),
        ('label_replace(b, "database", "$1", "alias", "(.*)")', {"service", "alias", "database"}),
        ('label_replace(up, "kind", "x", "", "")', {"service", "kind"}),
        ("a_total unless a_total offset 5m", {"service", "status"}),
        ("(a_total and on (service) (up offset 5m == 1)) or b", {"service", "status", "alias"}),
        ("count_over_time(up[1h:1m])", {"service"}),
        ("60 * b / on (service) group_left () up", {"service", "alias"}),
        ("time() - b", {"service", "alias"}),
        ("vector(1)", set()),
        ("topk(3, sum by (service, alias) (b))", {"service", "alias"}),
        ("a_total and ignoring (alias) b", {"service", "status"}),
    ],
)
def test_the_labels_of_a_result_are_known(promql: str, labels: set[str] | None) -> None:
    if labels is None:
        with pytest.raises(PromqlError):
            parse(promql)
    else:
        assert labels_of(parse(promql), KNOWN) == labels


@pytest.mark.parametrize(
    ("promql", "message"),
    [
        ("c", "no metric is called c"),
        ('b{status="x"}', "b: no label status"),
        ("sum by (srevice) (b)", "sum by: no label srevice"),
        ("sum without (status) (b)", "sum without: no label status"),
        ("a_total / on (status) b", "the right of /: no label status"),
        ("a_total and ignoring (le) b", "either side of and: no label le"),
        ("histogram_quantile(0.9, rate(a_total[5m]))", "histogram_quantile: no label le"),
        ('label_replace(b, "x", "$1", "y", "(.*)")', "label_replace: no label y"),
    ],
)
def test_a_name_that_is_not_there_is_found(promql: str, message: str) -> None:
    with pytest.raises(LabelError, match=f"^{message}$"):
        labels_of(parse(promql), KNOWN)


@pytest.mark.parametrize(
    "text", ["", "a_total[5m", "sum by service (b)", "a b", "a_total{status}", "1 +", "€"]
)
def test_what_is_no_promql_is_refused(text: str) -> None:
    with pytest.raises(PromqlError):
        parse(text)


def test_multiplication_binds_before_comparison_and_that_before_or() -> None:
    tree = parse("a_total or b > 2 * up")
    assert (tree.operator, tree.right.operator, tree.right.right.operator) == ("or", ">", "*")


def test_every_token_is_where_it_is_written() -> None:
    for signal in SIGNALS:
        for token in tokens(signal.expression):
            assert signal.expression[slice(*token.span)] == token.text


def test_every_selector_of_a_signal_is_walked() -> None:
    for signal in SIGNALS:
        walked = [
            node.name for node in walk(parse(signal.expression)) if isinstance(node, Selector)
        ]
        assert walked, signal.name
