"""Docker Compose's file: what runs, who waits for whom, who listens where, no known password."""

from __future__ import annotations

import json
import re
import subprocess
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest
import yaml

from docker_machine import clients
from vigie.render import compose, deployment
from vigie.settings import load
from vigie.stack.releases import RELEASES

ENGINES = [
    *("prometheus", "alertmanager", "node-exporter", "cadvisor"),
    *("loki", "tempo", "alloy", "grafana"),
]


def rendered(folder: Path, given: str = "") -> dict[str, str]:
    (folder / "vigie.yml").write_text(given, encoding="utf-8")
    return deployment(load(environ={}, start=folder))


@pytest.fixture
def document(tmp_path: Path) -> Any:
    return yaml.safe_load(rendered(tmp_path)[compose.PATH])


def test_every_engine_is_there_at_one_version(document: Any) -> None:
    assert list(document["services"]) == ENGINES
    for one in document["services"].values():
        assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+", one["image"])
    assert "version" not in document


@pytest.mark.parametrize("name", list(RELEASES))
def test_containers_are_of_the_versions_that_are_downloaded(name: str, document: Any) -> None:
    image = document["services"][name.replace("_", "-")]["image"]
    assert image.rpartition(":")[2] == f"v{RELEASES[name].version}"


def test_each_port_is_for_this_machine_only(document: Any) -> None:
    published = [port for one in document["services"].values() for port in one.get("ports", [])]
    assert published == [
        "127.0.0.1:9180:8080",
        "127.0.0.1:3100:3100",
        "127.0.0.1:3200:3200",
        "127.0.0.1:4317:4317",
        "127.0.0.1:4318:4318",
        "127.0.0.1:12345:12345",
    ]


def test_ports_and_address_are_the_users(tmp_path: Path) -> None:
    given = 'ports: {prometheus: 9091, logs: 3101, grafana: 3001}\nbind: "::1"'
    services = yaml.safe_load(rendered(tmp_path, given)[compose.PATH])["services"]
    assert services["loki"]["ports"] == ["[::1]:3101:3100"]
    assert services["grafana"]["environment"]["GF_SERVER_ROOT_URL"] == "http://localhost:3001"
    assert "--web.external-url=http://localhost:9091" in services["prometheus"]["command"]


def test_who_waits_can_be_waited_for(document: Any) -> None:
    services = document["services"]
    without = [name for name, one in services.items() if "healthcheck" not in one]
    assert without == ["tempo"], "its image holds nothing that could look"
    waits = {name: one.get("depends_on", {}) for name, one in services.items()}
    for awaited in waits.values():
        assert all(how == {"condition": "service_healthy"} for how in awaited.values())
        assert not set(without) & set(awaited)
    assert list(TopologicalSorter(waits).static_order()), "nobody waits for themselves"


def test_what_must_outlive_a_container_is_in_a_volume_and_files_are_read_only(
    document: Any, tmp_path: Path
) -> None:
    files = rendered(tmp_path)
    used = set()
    for one in document["services"].values():
        for volume in one["volumes"]:
            source, _, rest = volume.replace(":-", "|").partition(":")
            if source in document["volumes"]:
                used.add(source)
                continue
            assert rest.endswith((":ro", ":ro,rslave")), volume
            if source.startswith("./"):
                folder = source.removeprefix("./")
                assert any(name.startswith(f"{folder}/") for name in files), volume
    assert used == set(document["volumes"])


def test_every_configuration_is_where_its_engine_is_told_to_look(document: Any) -> None:
    for name, option, path in (
        ("prometheus", "--config.file=", "/etc/prometheus/prometheus.yml"),
        ("alertmanager", "--config.file=", "/etc/alertmanager/alertmanager.yml"),
        ("loki", "-config.file=", "/etc/loki/loki-config.yml"),
        ("tempo", "-config.file=", "/etc/tempo/tempo.yml"),
        ("alloy", "", "/etc/alloy/config.alloy"),
    ):
        service = document["services"][name]
        assert f"{option}{path}" in service["command"]
        assert f"./{name}:/etc/{name}:ro" in service["volumes"]


def test_there_is_no_password_that_everybody_knows(tmp_path: Path) -> None:
    files = rendered(tmp_path)
    document = yaml.safe_load(files[compose.PATH])
    grafana = document["services"]["grafana"]
    inside = "/run/secrets/grafana_admin_password"
    assert grafana["environment"]["GF_SECURITY_ADMIN_PASSWORD__FILE"] == inside
    assert document["secrets"] == {
        "grafana_admin_password": {"file": "./secrets/grafana_admin_password"}
    }
    assert "GF_SECURITY_ADMIN_PASSWORD" not in grafana["environment"]
    assert not any("admin123" in text for text in files.values())
    assert "/secrets/\n" in files[".gitignore"]


_CHANNELS = """
notify:
  webhook: {url: "https://hooks.example.org/a", token_file: token}
  slack: {webhook_url_file: slack}
  email: {to: team@example.org, smtp: "smtp.example.org:587", username: u, password_file: mail}
"""


def test_channels_secrets_are_files_in_the_container_too(tmp_path: Path) -> None:
    files = rendered(tmp_path, _CHANNELS)
    document = yaml.safe_load(files[compose.PATH])
    secrets = {name: one["file"] for name, one in document["secrets"].items()}
    assert secrets == {
        "grafana_admin_password": "./secrets/grafana_admin_password",
        "webhook_token": str(tmp_path / "token"),
        "slack_webhook_url": str(tmp_path / "slack"),
        "email_password": str(tmp_path / "mail"),
    }
    alertmanager = document["services"]["alertmanager"]
    assert alertmanager["secrets"] == ["webhook_token", "slack_webhook_url", "email_password"]
    for name in alertmanager["secrets"]:
        assert f"/run/secrets/{name}\n" in files["alertmanager/alertmanager.yml"]
    assert str(tmp_path) not in files["alertmanager/alertmanager.yml"]


def test_who_reads_a_secret_has_the_power_for_it_and_no_other(tmp_path: Path) -> None:
    services = yaml.safe_load(rendered(tmp_path, _CHANNELS)[compose.PATH])["services"]
    for name, one in services.items():
        powers = (one.get("user"), one.get("cap_drop"), one.get("cap_add"))
        expected = ("0:0", ["ALL"], ["DAC_OVERRIDE"]) if "secrets" in one else (None, None, None)
        assert powers == expected, name
        assert one["security_opt"] == ["no-new-privileges:true"]


def test_whatever_is_on_this_machine_is_reached_without_being_opened(tmp_path: Path) -> None:
    """Services, console and exporter may stay on 127.0.0.1, and so do those who ask them."""
    given = (
        "services:\n"
        "  django: {url: 'http://127.0.0.1:8002'}\n"
        "  fastapi: {url: 'https://api.example.org'}\n"
    )
    files = rendered(tmp_path, given)
    prometheus = yaml.safe_load(files["prometheus/prometheus.yml"])
    targets = {
        job["job_name"]: job["static_configs"][0]["targets"][0]
        for job in prometheus["scrape_configs"]
    }
    assert targets == {
        "prometheus": "127.0.0.1:9090",
        "alertmanager": "127.0.0.1:9093",
        "node": "127.0.0.1:9100",
        "cadvisor": "127.0.0.1:9180",
        "loki": "127.0.0.1:3100",
        "tempo": "127.0.0.1:3200",
        "alloy": "127.0.0.1:12345",
        "grafana": "127.0.0.1:3000",
        "costs": "127.0.0.1:9400",
        "console": "127.0.0.1:3300",
        "django": "127.0.0.1:8002",
        "fastapi": "api.example.org:443",
    }
    (alertmanager,) = prometheus["alerting"]["alertmanagers"]
    assert alertmanager["static_configs"][0]["targets"] == ["127.0.0.1:9093"]
    inbox = "http://127.0.0.1:3300/api/webhook/alertmanager"
    assert inbox in files["alertmanager/alertmanager.yml"]


def test_who_asks_has_the_machines_network_and_listens_where_it_would_without_a_container(
    tmp_path: Path,
) -> None:
    given = 'bind: "::1"\nports: {prometheus: 9091, alertmanager: 9094, node_exporter: 9101}'
    services = yaml.safe_load(rendered(tmp_path, given)[compose.PATH])["services"]
    of_machine = {name for name, one in services.items() if one.get("network_mode") == "host"}
    assert of_machine == {"prometheus", "alertmanager", "node-exporter", "grafana"}
    for name, one in services.items():
        assert ("ports" in one) == ("networks" in one) == (name not in of_machine), name
    for name, port in (("prometheus", 9091), ("alertmanager", 9094), ("node-exporter", 9101)):
        assert f"--web.listen-address=[::1]:{port}" in services[name]["command"]
        assert f"http://[::1]:{port}" in " ".join(services[name]["healthcheck"]["test"])
    grafana = services["grafana"]["environment"]
    assert (grafana["GF_SERVER_HTTP_ADDR"], grafana["GF_SERVER_HTTP_PORT"]) == ("::1", "3000")


def test_who_only_listens_has_a_network_in_which_all_have_names(tmp_path: Path) -> None:
    alloy = rendered(tmp_path, "ports: {logs: 3101}")["alloy/config.alloy"]
    assert '"http://loki:3100/loki/api/v1/push"' in alloy
    assert '"http://tempo:4318"' in alloy


def test_no_setting_leads_outside(document: Any) -> None:
    texts = json.dumps(document)
    assert "0.0.0.0:" not in texts.replace("listen-addr=0.0.0.0:12345", "")
    assert "host.docker.internal" not in texts


def test_cadvisor_knows_the_names_of_containers(document: Any) -> None:
    cadvisor = document["services"]["cadvisor"]
    assert "--docker_only" in cadvisor["command"]
    assert "--store_container_labels=false" in cadvisor["command"]
    mounted = {volume.split(":")[0] for volume in cadvisor["volumes"]}
    assert mounted == {
        *("/", "/var/run", "/sys", "/var/lib/docker", "/dev/disk"),
        "/run/containerd/containerd.sock",
    }


def test_a_dollar_is_no_variable(document: Any, tmp_path: Path) -> None:
    texts = json.dumps(document)
    assert re.findall(r"\$\{?\w+", texts.replace("$$", "")) == ["${VIGIE_LOGS"]
    known = load(environ={}, start=tmp_path)
    secrets = yaml.safe_load(deployment(known, "/home/$me/secrets")[compose.PATH])["secrets"]
    assert secrets["grafana_admin_password"]["file"].startswith("/home/$$me/secrets/")


def test_metrics_are_kept_as_long_as_is_set(tmp_path: Path) -> None:
    services = yaml.safe_load(rendered(tmp_path, "retention: {metrics: 36h}")[compose.PATH])
    command = services["services"]["prometheus"]["command"]
    assert "--storage.tsdb.retention.time=36h" in command


@pytest.mark.servers
def test_compose_itself_accepts_it(tmp_path: Path) -> None:
    """Debian's, which is the oldest that is to understand it; it needs no engine for this."""
    for name, text in rendered(tmp_path, _CHANNELS).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        [clients(tmp_path) / "docker-compose", "-f", compose.PATH, "config", "--quiet"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
