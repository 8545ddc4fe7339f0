"""The ledger of a service: where it is, and how what goes wrong is counted."""

from __future__ import annotations

from pathlib import Path

from prometheus_client import CollectorRegistry

from priced_calls import LATE, LONG_AGO, priced
from vigie.costs.ledger import LedgerPlace, reading
from vigie.instrument.ledger import ledger_writer


def environment(folder: Path, settings: str = "time_zone: UTC") -> dict[str, str]:
    (folder / "vigie.yml").write_text(settings)
    return {"VIGIE_SETTINGS": str(folder / "vigie.yml"), "VIGIE_STATE": str(folder / "state")}


def test_calls_go_to_the_ledger_that_the_settings_name(tmp_path: Path) -> None:
    writer = ledger_writer(CollectorRegistry(), environment(tmp_path))
    writer.append(priced(1))
    writer.close()
    with reading(LedgerPlace.in_folder(tmp_path / "state")) as ledger:
        assert len(ledger.calls(LONG_AGO, LATE)) == 1


def test_one_registry_has_one_writer(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    writer = ledger_writer(registry, environment(tmp_path))
    assert ledger_writer(registry) is writer
    assert ledger_writer(CollectorRegistry()) is not writer


def test_failures_and_losses_are_counted(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    writer = ledger_writer(registry, environment(tmp_path, "time_zone: Mars"))
    writer.append(priced(1))
    writer.append(priced(2))
    assert not writer.flush(within_seconds=0)
    failures = registry.get_sample_value("vigie_internal_errors_total", {"where": "ledger"})
    assert failures is not None
    assert failures >= 1
    writer.close(within_seconds=0)
    assert registry.get_sample_value("vigie_dropped_records_total", {"where": "ledger"}) == 2
