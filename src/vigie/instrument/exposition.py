"""What a scrape reads: the registry's text, whichever worker answers.

Rendering many series takes long (65 ms for 10,000), so asynchronous services call this in a thread.
"""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client import Metric as Family
from prometheus_client.exposition import choose_encoder

from vigie.instrument import workers
from vigie.instrument.meters import meters


def exposition(accept: str = "", registry: CollectorRegistry = REGISTRY) -> tuple[bytes, str]:
    """The exposition and its Content-Type.

    `accept` is the scraper's Accept header: OpenMetrics where it asks for it, else Prometheus' text
    format. With several workers, the figures are those of all of them; then raises OSError where
    these cannot be read, which is better than the figures of one.
    """
    meters(registry).refresh()
    encoder, content_type = choose_encoder(accept)
    with workers.everyones(registry) as whole:
        return encoder(_WithoutCreated(whole)), content_type


class _WithoutCreated:
    """A registry without the `_created` series that prometheus_client adds to each counter.

    They are a third more series, which Prometheus drops or stores as gauges that nobody asks for.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterable[Family]:
        for family in self._registry.collect():
            created = f"{family.name}_created"
            if family.type == "gauge" or all(s.name != created for s in family.samples):
                yield family
                continue
            without = Family(family.name, family.documentation, family.type, family.unit)
            without.samples = [sample for sample in family.samples if sample.name != created]
            yield without
