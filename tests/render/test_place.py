"""By which address engines reach each other and the watched services."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from vigie.render import deployment, embedded
from vigie.render.place import Place
from vigie.render.yaml_text import yaml_text
from vigie.settings import Settings, load


def settings(folder: Path, text: str = "") -> Settings:
    (folder / "vigie.yml").write_text(text, encoding="utf-8")
    return load(environ={}, start=folder)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://localhost:8002", "localhost:8002"),
        ("http://[::1]:8002", "[::1]:8002"),
        ("http://[fd00::7]:8002", "[fd00::7]:8002"),
        ("https://api.example.org", "api.example.org:443"),
    ],
)
def test_a_service_is_scraped_where_it_is_wherever_prometheus_runs(
    url: str, target: str, tmp_path: Path
) -> None:
    known = settings(tmp_path, f"services: {{django: {{url: '{url}'}}}}")
    for rendered in (embedded(known), deployment(known)):
        jobs = yaml.safe_load(rendered["prometheus/prometheus.yml"])["scrape_configs"]
        (django,) = [job for job in jobs if job["job_name"] == "django"]
        assert django["static_configs"][0]["targets"] == [target]


def test_engines_are_where_their_ports_and_address_say(tmp_path: Path) -> None:
    known = settings(tmp_path, 'bind: "::1"\nports: {prometheus: 9091, costs: 9401, logs: 3101}')
    processes, containers = Place.embedded(known).engines, Place.compose(known).engines
    assert processes["prometheus"] == containers["prometheus"] == "[::1]:9091"
    assert processes["costs"] == containers["costs"] == "[::1]:9401"
    assert processes["store"] == containers["loki"] == "[::1]:3101"
    assert set(processes) - set(containers) == {"store"}
    assert set(containers) - set(processes) == {"loki", "tempo", "alloy", "cadvisor", "grafana"}


def test_yaml_is_written_without_anchors_and_text_in_blocks() -> None:
    same = ["x"]
    text = yaml_text({"a": same, "b": same, "c": "one\ntwo"})
    assert text == "a:\n  - x\nb:\n  - x\nc: |-\n  one\n  two\n"
