"""What a scrape reads: the registry's text, whichever worker answers.

Rendering many series takes long (65 ms for 10,000), so asynchronous services call this in a thread.
"""

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.exposition import choose_encoder

from vigie.instrument import workers
from vigie.instrument.meters import meters


def exposition(accept: str = "", registry: CollectorRegistry = REGISTRY) -> tuple[bytes, str]:
    """The exposition and its Content-Type.

    `accept` is the scraper's Accept header: OpenMetrics where it asks for it, else Prometheus' text
    format. With several workers, the figures are those of all of them.
    """
    meters(registry).refresh()
    encoder, content_type = choose_encoder(accept)
    with workers.everyones(registry) as whole:
        return encoder(whole), content_type
