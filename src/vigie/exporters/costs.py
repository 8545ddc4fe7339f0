"""Today's cost, its budget and its projection, read from the ledger at each scrape.

    python -m vigie.exporters.costs [--port 9400] [--settings vigie.yml] [--state DIR]

All processes of a machine share the ledger, so one exporter speaks for them. What the ledger cannot
tell is absent: without a ledger no cost, without history no projection, and no end of a budget that
lasts. A ledger that a newer Vigie made is refused at the start, with what to do.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, make_wsgi_app, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from vigie.catalogue import costs as catalogue
from vigie.catalogue.metric import Metric
from vigie.costs.ledger import Ledger, NewerLedgerError, NoLedgerError, reading
from vigie.costs.ledger.reading import Extent
from vigie.costs.priced_call import UNPRICED
from vigie.costs.today import Today, Watch
from vigie.settings import Settings, SettingsError, load
from vigie.settings.costs import CostSettings, cost_settings, daily_limits
from vigie.settings.state_folder import default_folder

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger("vigie")

READY_PATH = "/-/ready"
"""Answered at once; the figures take as long as the ledger does."""

EXTENT_EVERY = timedelta(minutes=5)
"""How often the rows are counted, which reads them all."""


class CostCollector(Collector):
    """Makes the families of `vigie.catalogue.costs` at each scrape."""

    def __init__(
        self,
        settings: CostSettings,
        limits: Mapping[str, float],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings = settings
        self._limits = limits
        self._now = now
        self._watch = Watch(settings.zone, settings.currency)
        self._extent: tuple[datetime, str, Extent] | None = None
        self._errors = 0
        self._one_at_a_time = threading.Lock()

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        """The families: settings' own, then the ledger's where it can be read."""
        with self._one_at_a_time:
            now = self._now()
            yield from self._settled(now)
            if self._settings.ledger is not None:
                try:
                    with reading(self._settings.ledger) as ledger:
                        found = [*self._of_today(ledger, now), *self._of_ledger(ledger, now)]
                    yield from found
                except NoLedgerError:
                    pass  # it is made with the first call
                except Exception as error:
                    if not self._errors:
                        log.error("the ledger cannot be read: %s", error)
                    self._errors += 1
            errors = catalogue.LEDGER_READ_ERRORS
            yield CounterMetricFamily(errors.name, errors.help, value=self._errors)

    def refuse_newer_ledger(self) -> None:
        """Raises NewerLedgerError, which no later scrape mends; other troubles may pass."""
        if self._settings.ledger is None:
            return
        try:
            with reading(self._settings.ledger):
                pass
        except NewerLedgerError:
            raise
        except Exception as error:
            log.debug("not yet: %s", error)

    def _settled(self, now: datetime) -> Iterator[GaugeMetricFamily]:
        code = self._settings.currency.code
        levels = [((code, level), limit) for level, limit in self._limits.items()]
        yield _gauge(catalogue.BUDGET, levels)
        rate = float(self._settings.currency.per_usd)
        yield _gauge(catalogue.CURRENCY_RATE, [((code,), rate)])
        checked = datetime.combine(self._settings.rate_checked, time(), UTC)
        age = max((now - checked).total_seconds(), 0.0)
        yield _gauge(catalogue.CURRENCY_RATE_AGE, [((code,), age)])

    def _of_today(self, ledger: Ledger, now: datetime) -> Iterator[GaugeMetricFamily]:
        currency = self._settings.currency
        today = self._watch.look(ledger, now, self._limits)
        yield _gauge(catalogue.COST_TODAY, _cost_by_source(today, currency.code))
        if (projection := today.projection) is not None:
            quantiles = {"0.1": projection.low, "0.5": projection.middle, "0.9": projection.high}
            values = [((currency.code, name), value) for name, value in quantiles.items()]
            yield _gauge(catalogue.COST_PROJECTED_TODAY, values)
        ends = [((level,), at.timestamp()) for level, at in today.runs_out.items()]
        yield _gauge(catalogue.BUDGET_EXHAUSTION, ends)
        if (estimated := today.estimated_ratio(currency)) is not None:
            yield _gauge(catalogue.ESTIMATED_RATIO, [((), estimated)])
        yield _gauge(catalogue.UNPRICED_CALLS, [((), today.unpriced_calls)])
        if (unpriced := today.unpriced_tokens_ratio) is not None:
            yield _gauge(catalogue.UNPRICED_TOKENS_RATIO, [((), unpriced)])

    def _of_ledger(self, ledger: Ledger, now: datetime) -> Iterator[GaugeMetricFamily]:
        which = ledger.installation
        known = self._extent
        if known is None or known[1] != which or abs(now - known[0]) >= EXTENT_EVERY:
            known = self._extent = (now, which, ledger.extent())
        extent = known[2]
        yield _gauge(catalogue.LEDGER_ROWS, [((), extent.rows)])
        if extent.oldest is not None:
            yield _gauge(catalogue.LEDGER_OLDEST, [((), extent.oldest.timestamp())])


def collector(settings: Settings, state_folder: Path) -> CostCollector:
    """The collector of a machine's ledger. Raises `SettingsError`."""
    return CostCollector(cost_settings(settings, state_folder), daily_limits(settings))


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve /metrics until SIGTERM or Ctrl-C.

    2 for wrong settings, 1 where the port is taken or the ledger is a newer Vigie's.
    """
    parser = argparse.ArgumentParser(prog="python -m vigie.exporters.costs")
    parser.add_argument("--port", type=int, help="default: ports.costs")
    parser.add_argument("--settings", type=Path, help="default: the nearest vigie.yml")
    parser.add_argument("--state", type=Path, help="default: $VIGIE_STATE, else as vigie's")
    chosen = parser.parse_args(arguments)
    try:
        settings = load(chosen.settings)
        found = collector(settings, (chosen.state or default_folder()).absolute())
        found.refuse_newer_ledger()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    except NewerLedgerError as error:
        print(error, file=sys.stderr)
        return 1
    registry = CollectorRegistry()
    registry.register(found)
    port = settings.ports.costs if chosen.port is None else chosen.port
    try:
        server, thread = start_http_server(port, settings.bind, registry)
    except OSError as error:
        print(
            f"cannot listen on {settings.bind}:{port}: {error.strerror}\n"
            "name another port: --port, or ports.costs in vigie.yml",
            file=sys.stderr,
        )
        return 1
    server.set_app(_ready_at_once(make_wsgi_app(registry)))
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: ended.set())
    print(f"serving costs on http://{settings.bind}:{server.server_port}/metrics", flush=True)
    ended.wait()
    server.shutdown()
    thread.join()
    server.server_close()
    return 0


def _ready_at_once(metrics: WSGIApplication) -> WSGIApplication:
    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != READY_PATH:
            return metrics(environ, start_response)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"ready\n"]

    return answer


def _cost_by_source(today: Today, code: str) -> list[tuple[tuple[str, ...], float]]:
    """Each source of the configured currency, also where it is 0, then what is in others."""
    _, source_label = catalogue.COST_TODAY.labels
    costs = {(code, source): 0.0 for source in source_label.values}
    for spend in today.spends:
        if spend.source != UNPRICED:
            costs[spend.currency, spend.source] = float(spend.amount)
    return list(costs.items())


def _gauge(metric: Metric, samples: Sequence[tuple[tuple[str, ...], float]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(metric.name, metric.help, labels=metric.label_names)
    for labels, value in samples:
        family.add_metric(labels, value)
    return family


if __name__ == "__main__":
    sys.exit(main())
