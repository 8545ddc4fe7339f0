"""A registry of its own for each test, and what a scrape of it shows."""

from collections.abc import Callable, Iterator

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from record_receiver import RecordReceiver, receiving
from vigie.catalogue.metric import OTHER
from vigie.instrument import traces
from vigie.instrument.exposition import exposition

Series = dict[str, float]


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def exposed(registry: CollectorRegistry) -> Callable[..., Series]:
    """A function: the series of a scrape whose name starts so, as `name{label=value,…}`.

    Without the series of rare metrics that nothing has happened to.
    """

    def series(prefix: str = "", scraped: CollectorRegistry = registry) -> Series:
        return series_of(exposition("", scraped)[0].decode(), prefix)

    return series


@pytest.fixture
def traced(registry: CollectorRegistry) -> Iterator[Callable[[], RecordReceiver]]:
    """A function: the receiver, with all spans that have ended. Tracing is on in the test.

    With a provider of its own: the process's can be set once only.
    """
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    provider = TracerProvider(sampler=ParentBased(TraceIdRatioBased(1.0)), shutdown_on_exit=False)
    with receiving() as receiver:
        traces.setup("django", to=receiver.url, provider=provider, registry=registry)

        def ended() -> RecordReceiver:
            provider.force_flush()
            return receiver

        yield ended
        traces.shutdown()


def series_of(text: str, prefix: str = "") -> Series:
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.value == 0.0 and set(sample.labels.values()) == {OTHER}:
                continue
            labels = ",".join(f"{name}={sample.labels[name]}" for name in sorted(sample.labels))
            if sample.name.startswith(prefix):
                found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found
