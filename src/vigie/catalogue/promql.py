"""PromQL from the catalogue's metrics: a name, a label or a trap of the language is written once.

Windows are written for a scrape every 15 seconds, and hold at least four of them. Whoever renders
an expression may divide its durations; so nothing here depends on how long a window is.
"""

from dataclasses import dataclass
from textwrap import indent

from vigie.catalogue.metric import Kind, Metric
from vigie.catalogue.scrape import TARGET_LABELS, UP

_LINE = 76


@dataclass(frozen=True, slots=True)
class Matcher:
    """How a label is matched, where it is not simply equal."""

    operator: str
    value: str


def like(pattern: str) -> Matcher:
    """The label's value as a whole is like the regular expression."""
    return Matcher("=~", pattern)


def unlike(pattern: str) -> Matcher:
    """The label's value as a whole is not like the regular expression."""
    return Matcher("!~", pattern)


def other_than(value: str) -> Matcher:
    """The label has another value."""
    return Matcher("!=", value)


def select(metric: Metric, /, **matchers: str | Matcher) -> str:
    """The series of a counter or gauge. Raises ValueError for a label that it does not have."""
    return _select(metric, "", matchers)


def quantile(q: float, metric: Metric, window: str, /, *by: str, **matchers: str | Matcher) -> str:
    """A quantile per service (and `by`) of a histogram, from summed buckets; NaN without events."""
    rates = f"rate({_select(metric, '_bucket', matchers)}[{window}])"
    return f"histogram_quantile({q:g},\n{_in(total(rates, *by, 'le'))}\n)"


def increase(metric: Metric, window: str, /, **matchers: str | Matcher) -> str:
    """By how much each series of a counter rose within the window.

    `increase()` needs two samples, so it misses the event with which a series appears. Series whose
    labels are closed sets exist from the start; of the others, one that appeared within the window
    counts with its whole value, if its target was being scraped before. (Otherwise it is not new:
    Prometheus is.)
    """
    series = select(metric, **matchers)
    rose = f"increase({series}[{window}])"
    if all(label.values for label in metric.labels):
        return rose
    new = f"{series}\nunless {metric.name} offset {window}"
    watched = f"and on (service) ({UP.name} offset {window} == 1)"
    return either(f"(\n{_in(new)}\n  {watched}\n)", rose)


def observations(metric: Metric, window: str, /, **matchers: str | Matcher) -> str:
    """How many observations each series of a histogram had within the window."""
    return f"increase({_select(metric, '_count', matchers)}[{window}])"


def per_minute(metric: Metric, window: str, /, *by: str, **matchers: str | Matcher) -> str:
    """Events of a counter per minute, per service and `by`."""
    return f"60 * {total(f'rate({select(metric, **matchers)}[{window}])', *by)}"


def total(series: str, /, *by: str) -> str:
    """Summed per service and `by`."""
    return aggregated("sum", series, *by)


def aggregated(how: str, series: str, /, *by: str) -> str:
    """Aggregated per service and `by`: `how` is sum, max, min, avg or count."""
    return call(f"{how} by ({', '.join(('service', *by))}) ", series)


def share(part: str, whole: str) -> str:
    """`part` of `whole`: 0 where there is no part, and nothing where there is no whole."""
    return f"(\n{_in(either(part, f'0 * {whole}'))}\n)\n/ {grouped(f'{whole} > 0')}"


def either(*expressions: str) -> str:
    """The series of the first expression, and those of the others that differ in their labels."""
    return "\nor\n".join(expressions)


def grouped(expression: str) -> str:
    """In parentheses."""
    return call("", expression)


def labelled(expression: str, label: str, value: str) -> str:
    """The same series with one more label."""
    return f'label_replace(\n{_in(expression)},\n  "{label}", "{value}", "", ""\n)'


def relabelled(expression: str, label: str, source: str) -> str:
    """The same series with one more label, which has the value that `source` has."""
    return f'label_replace(\n{_in(expression)},\n  "{label}", "$1", "{source}", "(.*)"\n)'


def call(function: str, argument: str) -> str:
    """A function of one argument, on several lines where it is long."""
    if "\n" in argument or len(function) + len(argument) > _LINE:
        return f"{function}(\n{_in(argument)}\n)"
    return f"{function}({argument})"


def _select(metric: Metric, suffix: str, matchers: dict[str, str | Matcher]) -> str:
    if (metric.kind is Kind.HISTOGRAM) != bool(suffix):
        raise ValueError(f"{metric.name} is a {metric.kind}: it has other series")
    unknown = matchers.keys() - {*metric.label_names, *TARGET_LABELS}
    if unknown:
        raise ValueError(f"{metric.name} has no label {', '.join(sorted(unknown))}")
    texts = []
    for name, matched in matchers.items():
        matcher = Matcher("=", matched) if isinstance(matched, str) else matched
        texts.append(f'{name}{matcher.operator}"{matcher.value}"')
    return metric.name + suffix + (f"{{{', '.join(texts)}}}" if texts else "")


def _in(text: str) -> str:
    return indent(text, "  ")
