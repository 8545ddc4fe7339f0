"""`vigie up --docker` on a machine of its own with a real Docker engine, and down again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import pytest

from docker_images import make_images
from docker_machine import DockerMachine, NoEngineError, docker_machine

pytestmark = [pytest.mark.servers, pytest.mark.timeout(600)]

ASK = """
import sys, urllib.request
body = sys.argv[2].encode() if len(sys.argv) > 2 else None
request = urllib.request.Request(sys.argv[1], body, {"Content-Type": "application/json"})
print(urllib.request.urlopen(request, timeout=10).read().decode())
"""


@dataclass
class Host:
    """The machine as its user sees it: commands in a folder with a vigie.yml."""

    machine: DockerMachine
    folder: Path

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def write(self, vigie_yml: str) -> None:
        (self.folder / "vigie.yml").write_text("scrape_interval: 1s\n" + vigie_yml)

    def vigie(self, *arguments: str) -> Any:
        return self.machine.run(sys.executable, "-m", "vigie", *arguments, cwd=self.folder)

    def ask(self, port: int, path: str, body: Any = None) -> Any:
        """The JSON that is answered on the machine's loopback address."""
        told = [] if body is None else [json.dumps(body)]
        done = self.machine.run(sys.executable, "-c", ASK, f"http://127.0.0.1:{port}{path}", *told)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.strip() or "null")

    def query(self, expression: str) -> Any:
        return self.ask(9090, f"/api/v1/query?query={quote(expression)}")["data"]["result"]

    def up(self) -> set[str]:
        """Whom Prometheus reaches."""
        return {one["metric"]["job"] for one in self.query("up == 1")}

    def containers(self) -> dict[str, str]:
        """The id of each container, by its service."""
        told = self.machine.docker(
            *("ps", "--all", "--no-trunc", "--format"),
            '{{.Label "com.docker.compose.service"}} {{.ID}}',
        )
        return dict(line.split() for line in told.splitlines())

    def processes(self) -> list[psutil.Process]:
        """Those of the stack, by the marks in their environment."""
        found = []
        for process in psutil.process_iter():
            try:
                marks = process.environ()
                if "VIGIE_COMPONENT" in marks and marks["VIGIE_STATE"] == str(self.state):
                    found.append(process)
            except psutil.Error:
                continue
        return found


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    folder = Path(tempfile.mkdtemp(prefix="vigie-docker-"))  # not below pytest's, which is too deep
    environ = {
        name: text
        for name, text in os.environ.items()
        if not name.startswith(("VIGIE_", "OPENAI_"))
    } | {"VIGIE_STATE": str(folder / "state"), "COLUMNS": "100"}
    try:
        with docker_machine(folder, environ) as machine:
            make_images(machine, folder)
            made = Host(machine, folder)
            made.write("")
            yield made
            made.vigie("down", "--volumes")
    except NoEngineError as error:
        pytest.skip(str(error))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def until(condition: Callable[[], bool], seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        if time.monotonic() > deadline:
            return False
        pause.wait(0.3)
    return True


def test_an_engine_that_is_not_there_is_told_before_anything_is_started(host: Host) -> None:
    vigie = (sys.executable, "-m", "vigie", "up", "--docker")
    dead = host.machine.run("env", "DOCKER_HOST=unix:///run/nobody", *vigie, cwd=host.folder)
    assert (dead.returncode, dead.stdout) == (1, "")
    said = dead.stderr.splitlines()
    assert said[0] == "vigie: Docker's engine does not answer:"
    assert "unix:///run/nobody" in said[1]
    assert said[2].endswith("`vigie up` runs the same engines without Docker")
    assert host.processes() == []
    assert host.containers() == {}


def test_the_engines_are_containers_and_the_console_and_the_costs_are_beside_them(
    host: Host,
) -> None:
    done = host.vigie("up", "--docker")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Containers: ready in" in done.stdout
    assert "http://localhost:3000" in done.stdout
    password = host.state / "secrets" / "grafana_admin_password"
    assert f"Grafana: user admin, password in {password}" in done.stdout
    assert password.stat().st_mode & 0o777 == 0o600
    assert password.parent.stat().st_mode & 0o777 == 0o700
    assert len(host.containers()) == 8
    told = json.loads(host.vigie("status", "--json").stdout)
    states = {one["name"]: one["state"] for one in told["components"]}
    assert states == {"containers": "ready", "costs": "ready", "console": "ready"}


def test_prometheus_in_its_container_scrapes_what_listens_on_the_machines_loopback(
    host: Host,
) -> None:
    assert until(lambda: {"console", "costs", "alertmanager", "node"} <= host.up()), host.up()


def test_nothing_listens_but_on_the_machines_loopback(host: Host) -> None:
    listening = "0A"  # its state, in what the kernel tells
    ipv4, ipv6 = (host.machine.run("cat", f"/proc/net/{kind}").stdout for kind in ("tcp", "tcp6"))
    rows = [line.split() for line in (ipv4 + ipv6).splitlines()]
    addresses = {row[1].split(":")[0] for row in rows if row[3] == listening}
    assert addresses == {"0100007F"}, "127.0.0.1, as a number"


def test_an_alert_told_to_the_container_is_in_the_inbox_on_the_machine(host: Host) -> None:
    labels = {"alertname": "Posted", "service": "console", "severity": "warning"}
    host.ask(9093, "/api/v2/alerts", [{"labels": labels}])

    def arrived() -> bool:
        told = json.loads(host.vigie("incidents", "--json").stdout)
        return "Posted" in json.dumps(told)

    assert until(arrived)


def test_what_containers_print_is_in_the_logs(host: Host) -> None:
    assert "prometheus" in host.vigie("logs", "containers", "-n", "500").stdout


def test_a_second_start_goes_on_with_containers_and_starts_nothing(host: Host) -> None:
    before = host.containers()
    again = host.vigie("up")
    assert (again.returncode, again.stderr) == (0, "")
    assert "It already runs." in again.stdout
    assert host.containers() == before


def test_settings_that_an_engine_refuses_change_nothing(host: Host) -> None:
    before = host.containers()
    host.write('links: {runbooks: "http://wiki.example/{{ }}"}\n')
    refused = host.vigie("up")
    assert refused.returncode == 1
    assert "promtool refuses what is to become of" in refused.stderr
    assert "nothing was changed: what runs goes on as it was" in refused.stderr
    assert host.containers() == before
    assert json.loads(host.vigie("status", "--json").stdout)["running"]


def test_edited_settings_reach_the_containers(host: Host) -> None:
    host.write('thresholds: {django_response_time: {warning: ">300ms"}}\n')
    edited = host.vigie("up")
    assert edited.returncode == 0, edited.stdout + edited.stderr
    rules = json.dumps(host.ask(9090, "/api/v1/rules"))
    assert "service:django_response_time:seconds > 0.3" in rules


def test_containers_whose_supervisor_was_killed_are_taken_over_and_a_demo_runs_beside_them(
    host: Host,
) -> None:
    (supervisor,) = [one for one in host.processes() if "supervisord" in " ".join(one.cmdline())]
    supervisor.send_signal(signal.SIGKILL)
    supervisor.wait(10)
    told = host.vigie("status")
    assert told.returncode == 1
    assert "nothing watches them" in told.stdout
    again = host.vigie("up", "--docker", "--demo")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "of a stack whose supervisor was killed" in again.stdout
    assert len(host.containers()) == 8
    assert until(lambda: {"django", "fastapi", "streamlit"} <= host.up()), host.up()


def test_down_leaves_no_container_and_no_process_and_with_volumes_nothing(host: Host) -> None:
    down = host.vigie("down")
    assert down.returncode == 0, down.stderr
    assert host.containers() == {}
    assert host.processes() == []
    assert host.machine.docker("volume", "ls", "--quiet") != ""
    gone = host.vigie("down", "--volumes")
    assert gone.returncode == 0, gone.stderr
    assert host.machine.docker("volume", "ls", "--quiet") == ""
    assert not host.state.exists()
