"""Loki, Tempo and Alloy: what each is told, by the names that it has for it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from vigie.catalogue import logs
from vigie.render import deployment
from vigie.settings import load


def rendered(folder: Path, given: str = "") -> dict[str, str]:
    (folder / "vigie.yml").write_text(given, encoding="utf-8")
    return deployment(load(environ={}, start=folder))


def loki(folder: Path, given: str = "") -> Any:
    return yaml.safe_load(rendered(folder, given)["loki/loki-config.yml"])


def tempo(folder: Path, given: str = "") -> Any:
    return yaml.safe_load(rendered(folder, given)["tempo/tempo.yml"])


def alloy(folder: Path) -> str:
    return rendered(folder)["alloy/config.alloy"]


def test_loki_deletes_after_seven_days_and_really_does(tmp_path: Path) -> None:
    """All of these are needed; with one missing, everything is kept for ever, in silence."""
    document = loki(tmp_path)
    assert document["limits_config"]["retention_period"] == "168h"
    compactor = document["compactor"]
    assert compactor["retention_enabled"] is True
    assert compactor["delete_request_store"] == "filesystem"
    compose = yaml.safe_load(rendered(tmp_path)["docker-compose-monitoring.yml"])
    volumes = compose["services"]["loki"]["volumes"]
    kept = [volume.split(":")[1] for volume in volumes if volume.startswith("loki-data:")]
    assert Path(kept[0]) in Path(compactor["working_directory"]).parents
    assert "table_manager" not in document
    # It would hide what is older instead of showing that it is still there.
    assert "max_query_lookback" not in document["limits_config"]


def test_lokis_schema_is_the_current_one_with_a_day_an_index(tmp_path: Path) -> None:
    (schema,) = loki(tmp_path)["schema_config"]["configs"]
    assert (schema["store"], schema["schema"], schema["object_store"]) == (
        *("tsdb", "v13"),
        "filesystem",
    )
    assert schema["index"]["period"] == "24h"


def test_logs_are_compressed_and_nothing_is_told_to_others(tmp_path: Path) -> None:
    document = loki(tmp_path)
    assert document["ingester"]["chunk_encoding"] == "zstd"
    assert document["analytics"] == {"reporting_enabled": False}
    assert tempo(tmp_path)["usage_report"] == {"reporting_enabled": False}


def test_loki_adds_no_label_of_its_own(tmp_path: Path) -> None:
    limits = loki(tmp_path)["limits_config"]
    assert (limits["discover_service_name"], limits["discover_log_levels"]) == ([], False)


@pytest.mark.parametrize(
    ("given", "hours"), [("30d", "720h"), ("36h", "36h"), ("25h", "25h"), ("6h", "24h")]
)
def test_retention_of_logs_is_the_users_but_no_less_than_loki_can(
    given: str, hours: str, tmp_path: Path
) -> None:
    limits = loki(tmp_path, f"retention: {{logs: {given}}}")["limits_config"]
    assert limits["retention_period"] == limits["reject_old_samples_max_age"] == hours


def test_both_who_delete_traces_know_after_how_long(tmp_path: Path) -> None:
    for given, hours in (("", "72h"), ("retention: {traces: 90m}", "2h")):
        document = tempo(tmp_path, given)
        scheduler = document["backend_scheduler"]["provider"]["compaction"]["compaction"]
        assert scheduler["block_retention"] == hours
        assert document["backend_worker"]["compaction"]["block_retention"] == hours


def test_tempo_keeps_everything_in_its_volume(tmp_path: Path) -> None:
    text = rendered(tmp_path)["tempo/tempo.yml"]
    paths = re.findall(r"(?:path|dir): (/\S+)", text)
    assert len(paths) == 5
    assert all(path.startswith("/var/tempo/") for path in paths)
    # What version 2 had and version 3 refuses.
    assert {"ingester", "compactor", "metrics_generator_client"} & set(tempo(tmp_path)) == set()


def components(text: str) -> set[str]:
    """The components of a configuration of Alloy: loki.write.store."""
    found = re.findall(r'^([a-z][\w.]*) "(\w+)" \{$', text, re.MULTILINE)
    return {f"{kind}.{label}" for kind, label in found}


def test_every_component_of_alloy_that_is_named_is_there_and_used(tmp_path: Path) -> None:
    text = alloy(tmp_path)
    used = set(re.findall(r"[\[ ]([a-z]\w*(?:\.\w+)+)\.(?:receiver|input|targets|output)\b", text))
    assert used <= components(text)
    sources = {
        "loki.source.docker.containers",
        "loki.source.file.services",
        "otelcol.receiver.otlp.services",
    }
    assert components(text) - used == sources


def test_alloys_blocks_are_closed(tmp_path: Path) -> None:
    text = re.sub(r'`[^`]*`|"(?:\\.|[^"\\])*"|//.*', "", alloy(tmp_path))
    depth = 0
    for mark in re.findall(r"[{}]", text):
        depth += 1 if mark == "{" else -1
        assert depth >= 0
    assert depth == 0
    assert text.count("[") == text.count("]")


def test_streams_have_the_two_labels_and_no_other(tmp_path: Path) -> None:
    text = alloy(tmp_path)
    assert f'values = ["{logs.LABELS[0]}", "{logs.LABELS[1]}"]' in text
    kept = text.index("stage.label_keep")
    assert text.index("stage.labels") < kept < text.index("loki.write.store.receiver")


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("2026-11-24 08:00:01,123 WARNING django.request Slow request", "WARNING"),
        ('ts=2026-11-24T08:00:00Z caller=main.go level=info msg="no error"', "info"),
        ("[ERROR] it broke", "ERROR"),
        ("nothing of the kind", None),
        ("information is no level", None),
    ],
)
def test_the_level_of_a_plain_line_is_found(line: str, level: str | None, tmp_path: Path) -> None:
    (expression,) = re.findall(r"expression = `(.*)`", alloy(tmp_path))
    found = re.search(expression, line)
    assert (found and found["level"]) == level


def test_every_level_is_one_that_boards_offer(tmp_path: Path) -> None:
    (template,) = re.findall(r"template = `(.*)`", alloy(tmp_path))
    said = set(re.findall(r"\}\}(\w+)\{\{", template))
    assert said <= set(logs.LEVELS)
    for level in logs.LEVELS:
        assert f'(eq $level "{level}")' in template


def test_alloy_writes_where_the_stores_are(tmp_path: Path) -> None:
    text = alloy(tmp_path)
    assert re.findall(r'"(http://\S+)"', text) == [
        "http://loki:3100/loki/api/v1/push",
        "http://tempo:4318",
    ]
    receivers = tempo(tmp_path)["distributor"]["receivers"]["otlp"]["protocols"]
    assert receivers["http"]["endpoint"].endswith(":4318")
