"""prometheus.yml as the engine itself reads it."""

from pathlib import Path

import pytest
import yaml

from vigie.render import embedded
from vigie.settings import load


@pytest.fixture
def rendered(tmp_path: Path) -> dict[str, str]:
    return embedded(load(environ={}, start=tmp_path))


def test_every_service_is_scraped_every_15_seconds_where_it_exposes(
    rendered: dict[str, str],
) -> None:
    document = yaml.safe_load(rendered["prometheus/prometheus.yml"])
    assert document["global"]["scrape_interval"] == "15s"
    scraped = {
        job["job_name"]: job["static_configs"][0]["targets"][0] + job["metrics_path"]
        for job in document["scrape_configs"]
    }
    assert scraped == {
        "prometheus": "127.0.0.1:9090/metrics",
        "alertmanager": "127.0.0.1:9093/metrics",
        "node": "127.0.0.1:9100/metrics",
        "costs": "127.0.0.1:9400/metrics",
        "console": "127.0.0.1:3300/metrics",
        "store": "127.0.0.1:3100/metrics",
        "django": "localhost:8002/metrics/",
        "fastapi": "localhost:8000/metrics",
        "streamlit": "localhost:8501/metrics",
    }


def test_targets_say_whether_they_are_watched_or_watch(rendered: dict[str, str]) -> None:
    document = yaml.safe_load(rendered["prometheus/prometheus.yml"])
    labels = {
        job["job_name"]: job["static_configs"][0]["labels"] for job in document["scrape_configs"]
    }
    assert labels["node"] == {"service": "node", "role": "engine"}
    assert labels["costs"] == {"service": "costs", "role": "engine"}
    assert labels["django"] == {
        "service": "django",
        "role": "application",
        "framework": "django",
    }


def test_the_rules_are_read(rendered: dict[str, str]) -> None:
    document = yaml.safe_load(rendered["prometheus/prometheus.yml"])
    assert document["rule_files"] == ["rules/*.yml"]
    assert "prometheus/rules/coaching_alerts.yml" in rendered


def test_at_another_pace_scrapes_come_as_much_sooner(tmp_path: Path) -> None:
    text = embedded(load(environ={}, start=tmp_path), pace=15)["prometheus/prometheus.yml"]
    assert yaml.safe_load(text)["global"] == {
        "scrape_interval": "1s",
        "scrape_timeout": "1s",
        "evaluation_interval": "1s",
    }


def test_a_service_behind_tls_is_scraped_over_tls(tmp_path: Path) -> None:
    environ = {"VIGIE_SERVICES__DJANGO__URL": "https://api.example.org"}
    text = embedded(load(environ=environ, start=tmp_path))["prometheus/prometheus.yml"]
    job = next(j for j in yaml.safe_load(text)["scrape_configs"] if j["job_name"] == "django")
    assert (job["scheme"], job["static_configs"][0]["targets"]) == (
        "https",
        ["api.example.org:443"],
    )
