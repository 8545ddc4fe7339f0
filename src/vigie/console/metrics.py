"""The console's own metrics: the inbox's, and since when lines and traces are kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response

from vigie.catalogue import inbox as catalogue
from vigie.catalogue.metric import OTHER, Metric
from vigie.console.desk import Desk
from vigie.exporters import oldest_records
from vigie.exporters.oldest_records import OldestRecord
from vigie.incidents.inbox import UnavailableError
from vigie.incidents.watchdog import Hearing


class Exposition(Collector):
    """Makes the families at each scrape; those of the database are absent while it cannot be read.

    `deliveries` is counted by whoever receives them.
    """

    def __init__(self, desk: Desk, oldest: Sequence[OldestRecord] = ()) -> None:
        self.deliveries = Counter(dict.fromkeys(catalogue.DELIVERIES.labels[0].values, 0))
        self._desk = desk
        self._oldest = oldest
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def answer(self, _request: Request) -> Response:
        """Answer a scrape."""
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """The families."""
        switch = self._desk.switch
        delivered = _counter(catalogue.DELIVERIES)
        for result, count in self.deliveries.items():
            delivered.add_metric([result], count)
        yield delivered
        messages = _counter(catalogue.WATCHDOG_MESSAGES)
        for courier in switch.couriers:
            messages.add_metric([courier.channel.name, "delivered"], courier.delivered)
            messages.add_metric([courier.channel.name, "failed"], courier.failed)
        yield messages
        heard = switch.heartbeat.heard
        yield _gauge(catalogue.WATCHDOG_HEARD, heard.timestamp() if heard else 0)
        lost = switch.hearing(self._desk.now()) is Hearing.LOST
        yield _gauge(catalogue.WATCHDOG_LOST, lost)
        yield from oldest_records.families(self._oldest)
        try:
            yield from self._of_the_database()
        except UnavailableError:
            return

    def _of_the_database(self) -> list[GaugeMetricFamily]:
        counts, extent = self._desk.inbox.firing_by_severity(), self._desk.inbox.extent()
        severity = catalogue.FIRING.labels[0]
        firing = GaugeMetricFamily(
            catalogue.FIRING.name, catalogue.FIRING.help, labels=[severity.name]
        )
        for each in severity.values:
            firing.add_metric([each], counts.pop(each, 0))
        if counts:
            firing.add_metric([OTHER], sum(counts.values()))
        families = [firing, _gauge(catalogue.STORED, extent.alerts)]
        if extent.oldest is not None:
            families.append(_gauge(catalogue.OLDEST, extent.oldest.timestamp()))
        return families


def _counter(metric: Metric) -> CounterMetricFamily:
    return CounterMetricFamily(metric.name, metric.help, labels=metric.label_names)


def _gauge(metric: Metric, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(metric.name, metric.help, value=value)
