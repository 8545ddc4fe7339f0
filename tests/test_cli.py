"""The command as a person types it: what it prints, and its exit code."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import psutil
import pytest

from vigie.stack import binaries

pytestmark = pytest.mark.servers  # each test starts the command as a process

COMMANDS = (
    *("up", "status", "logs", "restart", "down", "render", "costs", "simulate"),
    *("incidents", "console"),
)


@dataclass
class Terminal:
    """Runs `vigie` in a folder of its own, with free ports and a state folder of its own."""

    folder: Path
    environ: dict[str, str]
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def vigie(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "vigie", *arguments],
            cwd=self.folder,
            env={**self.environ, **environ},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "vigie", *arguments],
            cwd=self.folder,
            env={**self.environ, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,
        )
        self.running.append(process)
        return process

    def processes(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            try:
                here = process.environ().get("VIGIE_STATE") == str(self.state)
                if here and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def end(self) -> None:
        try:
            for process in self.running:
                process.kill()
                process.communicate()
        finally:
            self.vigie("down", "--volumes")


@pytest.fixture
def terminal(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Terminal]:
    cache = os.environ.get("VIGIE_CACHE")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("VIGIE_")}
    environ |= {
        "VIGIE_STATE": str(tmp_path / "state"),
        **({"VIGIE_CACHE": cache} if cache else {}),
        "VIGIE_PORTS__PROMETHEUS": str(free_port()),
        "VIGIE_PORTS__ALERTMANAGER": str(free_port()),
        "VIGIE_PORTS__NODE_EXPORTER": str(free_port()),
        "VIGIE_PORTS__COSTS": str(free_port()),
        "VIGIE_PORTS__CONSOLE": str(free_port()),
        "VIGIE_PORTS__LOGS": str(free_port()),
        "VIGIE_PORTS__TRACES": str(free_port()),
        "VIGIE_PORTS__OTLP": str(free_port()),
        "VIGIE_PORTS__SIMULATOR": str(free_port()),
    }
    made = Terminal(tmp_path, environ)
    yield made
    made.end()


def lines_until(process: subprocess.Popen[str], what: str) -> list[str]:
    """The output up to a line that holds `what`; fails at its end."""
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(line)
        if what in line:
            return seen
    pytest.fail(f"{what!r} did not come:\n" + "".join(seen))


def test_a_whole_day_with_the_engines(terminal: Terminal) -> None:
    up = terminal.vigie("up")
    assert up.returncode == 0, up.stdout + up.stderr
    titles = ("Prometheus", "Alertmanager", "Node exporter", "Costs", "Store", "Console")
    for title in titles:
        assert re.search(rf"^{title}: ready in \d+\.\d s$", up.stdout, re.MULTILINE)
    assert re.search(r"^Everything is ready, in \d+\.\d s\.$", up.stdout, re.MULTILINE)
    address = f"http://localhost:{terminal.environ['VIGIE_PORTS__PROMETHEUS']}"
    assert re.search(rf"^Prometheus +{address} +metrics and rules", up.stdout, re.MULTILINE)

    again = terminal.vigie("up")
    assert again.returncode == 0
    assert "It already runs." in again.stdout
    assert address in again.stdout

    status = terminal.vigie("status")
    assert status.returncode == 0
    heading, prometheus, *_ = [line.split() for line in status.stdout.splitlines()]
    assert heading == ["component", "state", "pid", "up", "restarts", "memory", "address"]
    assert [prometheus[0], prometheus[1], prometheus[-1]] == ["Prometheus", "ready", address]

    told = json.loads(terminal.vigie("status", "--json").stdout)
    assert (told["running"], told["folder"]) == (True, str(terminal.state))
    assert [one["name"] for one in told["components"]] == [
        "prometheus",
        "alertmanager",
        "node-exporter",
        "costs",
        "store",
        "console",
    ]
    assert {one["restarts"] for one in told["components"]} == {0}

    restart = terminal.vigie("restart", "node_exporter")
    assert restart.returncode == 0
    assert re.fullmatch(r"Node exporter: ready in \d+\.\d s\n", restart.stdout)

    logs = terminal.vigie("logs", "-n", "2", "prometheus")
    assert len(logs.stdout.splitlines()) == 2
    every = terminal.vigie("logs", "-n", "1").stdout
    assert {line.split(" | ")[0].strip() for line in every.splitlines()} == {
        "prometheus",
        "alertmanager",
        "node-exporter",
        "costs",
        "store",
        "console",
    }

    down = terminal.vigie("down", "--volumes")
    assert down.returncode == 0
    assert re.match(r"Stopped 6 processes in \d+\.\d s\.\nDeleted .*/state \(\d+ .B\)", down.stdout)
    assert terminal.processes() == []
    assert not terminal.state.exists()


def test_a_port_in_use_is_told_on_stderr_and_nothing_is_left(terminal: Terminal) -> None:
    port = int(terminal.environ["VIGIE_PORTS__ALERTMANAGER"])
    with socket.create_server(("127.0.0.1", port)):
        up = terminal.vigie("up")
    assert up.returncode == 1
    assert up.stderr == (
        f"vigie: port {port}, where Alertmanager is to listen, is in use by "
        f"{psutil.Process().name()} (pid {os.getpid()})\n"
        "  end that process, or move Alertmanager: ports.alertmanager in vigie.yml, or "
        "VIGIE_PORTS__ALERTMANAGER in the environment\n"
    )
    assert terminal.processes() == []


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_in_the_foreground_a_signal_stops_everything(
    terminal: Terminal, kind: signal.Signals
) -> None:
    up = terminal.start("up", "--foreground")
    lines_until(up, "Ctrl-C stops everything.")
    pid = json.loads(terminal.vigie("status", "--json").stdout)["components"][0]["pid"]
    assert terminal.vigie("restart", "alertmanager").returncode == 0
    seen = lines_until(up, "alertmanager  | ")  # its log is shown as it grows
    up.send_signal(kind)
    rest = up.stdout.read() if up.stdout else ""
    assert up.wait(60) == 0, "".join(seen) + rest
    assert re.search(r"\nStopped \d processes in \d+\.\d s\.\n$", rest)
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    assert terminal.processes() == []


def test_in_the_foreground_a_down_from_elsewhere_is_noticed(terminal: Terminal) -> None:
    up = terminal.start("up", "--foreground")
    lines_until(up, "Ctrl-C stops everything.")
    assert terminal.vigie("down").returncode == 0
    rest = up.stdout.read() if up.stdout else ""
    assert up.wait(60) == 1
    assert rest.endswith("vigie: the stack was stopped by somebody else\n")


def test_ctrl_c_while_it_starts_stops_what_was_started(terminal: Terminal, tmp_path: Path) -> None:
    slow = tmp_path / "slow-prometheus"
    slow.write_text("#!/bin/sh\nexec sleep 1000\n")
    slow.chmod(0o755)
    terminal.environ["VIGIE_BINARIES__PROMETHEUS"] = str(slow)
    up = terminal.start("up")
    lines_until(up, "Alertmanager: ready")
    up.send_signal(signal.SIGINT)
    rest = up.stdout.read() if up.stdout else ""
    assert up.wait(60) == 130
    assert rest.endswith("vigie: interrupted; what had been started was stopped\n")
    assert terminal.processes() == []


def test_an_up_that_is_killed_while_it_starts_is_finished_by_the_next(
    terminal: Terminal, tmp_path: Path
) -> None:
    slow, real = tmp_path / "slow-prometheus", binaries.find_all()["prometheus"].path
    slow.write_text(f'#!/bin/sh\n[ $1 = --version ] || sleep 5\nexec {real} "$@"\n')
    slow.chmod(0o755)
    terminal.environ["VIGIE_BINARIES__PROMETHEUS"] = str(slow)
    up = terminal.start("up")
    lines_until(up, "Alertmanager: ready")
    up.kill()
    again = terminal.vigie("up")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "Prometheus: ready in " in again.stdout
    supervisors = [one for one in terminal.processes() if "supervisor.supervisord" in one.cmdline()]
    assert len(supervisors) == 1
    assert terminal.vigie("status").returncode == 0


def test_ctrl_c_while_it_downloads_ends_at_once(terminal: Terminal, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("apt-get", "dpkg-deb"):
        (tools / name).write_text("#!/bin/sh\nexec sleep 1000\n")
        (tools / name).chmod(0o755)
    terminal.environ |= {
        "PATH": f"{tools}:/usr/bin:/bin",
        "VIGIE_CACHE": str(tmp_path / "cache"),
        "VIGIE_RELEASES_URL": "http://127.0.0.1:1",
    }
    up = terminal.start("up")
    lines_until(up, "Prometheus: fetching it from Debian")
    os.killpg(up.pid, signal.SIGINT)  # as a terminal does: to the command and to apt
    up.communicate(timeout=60)
    assert up.returncode == 130


def test_two_ups_at_once_make_one_stack(terminal: Terminal) -> None:
    ups = [terminal.start("up"), terminal.start("up")]
    outputs = [up.communicate(timeout=120)[0] for up in ups]
    assert [up.returncode for up in ups] == [0, 0], outputs
    assert sorted("It already runs." in output for output in outputs) == [False, True]
    assert terminal.vigie("status").returncode == 0


def test_a_killed_supervisor_is_told_and_the_next_up_cleans_up(terminal: Terminal) -> None:
    assert terminal.vigie("up").returncode == 0
    (supervisord,) = [
        one for one in terminal.processes() if "supervisor.supervisord" in one.cmdline()
    ]
    supervisord.kill()
    status = terminal.vigie("status")
    assert status.returncode == 1
    assert status.stdout.startswith(
        "The supervisor of this stack was killed. These still run, and nothing watches them:\n"
        "  alertmanager (pid "
    )
    assert status.stdout.endswith("`vigie up` ends them and starts anew; `vigie down` ends them.\n")
    up = terminal.vigie("up")
    assert up.returncode == 0
    assert "ended 6 processes of a stack whose supervisor was killed\n" in up.stdout
    assert terminal.vigie("status").returncode == 0


def test_logs_are_followed_until_ctrl_c(terminal: Terminal) -> None:
    assert terminal.vigie("up").returncode == 0
    logs = terminal.start("logs", "-f", "-n", "0", "node-exporter")
    seen = threading.Event()

    def read() -> None:
        for _ in logs.stdout or ():
            seen.set()

    reader = threading.Thread(target=read)
    reader.start()
    while not seen.is_set():  # each restart prints lines; the first ones may come too early
        assert terminal.vigie("restart", "node-exporter").returncode == 0
    logs.send_signal(signal.SIGINT)
    assert logs.wait(30) == 0
    reader.join()


def test_logs_are_asked_of_the_store_and_read_in_the_files_where_it_does_not_run(
    terminal: Terminal,
) -> None:
    assert terminal.vigie("up").returncode == 0
    asked = ("logs", "--json", "--since", "1h", "--level", "info", "--grep", "SERVER is ready")
    store = f"http://127.0.0.1:{terminal.environ['VIGIE_PORTS__LOGS']}"
    kept: set[str] = set()
    while not kept >= {"prometheus", "alertmanager", "node-exporter", "console", "supervisor"}:
        with urllib.request.urlopen(f"{store}/loki/api/v1/label/service/values") as answered:
            kept = set(json.load(answered).get("data") or ())  # they are collected twice a second
    told = terminal.vigie(*asked)
    assert (told.returncode, told.stderr) == (0, "")
    (line,) = [json.loads(each) for each in told.stdout.splitlines()]
    assert (line["service"], line["level"]) == ("prometheus", "info")
    assert datetime.fromisoformat(line["ts"]).utcoffset() is not None
    assert "supervisor" not in terminal.vigie("logs", "-n", "1").stdout
    wrong = terminal.vigie("logs", "--level", "loud")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.startswith('vigie: --level is "loud": write one of debug, ')
    assert terminal.vigie("down").returncode == 0
    files = terminal.vigie(*asked)
    assert files.returncode == 0
    assert files.stderr == f"vigie: nothing runs in {terminal.state}: these are the log files\n"
    assert json.loads(files.stdout)["line"] == line["line"]


def test_when_nothing_runs_status_says_how_to_start(terminal: Terminal) -> None:
    status = terminal.vigie("status")
    assert status.returncode == 1
    assert status.stdout == (
        f"Nothing runs in {terminal.state}.\n"
        "Start the engines with `vigie up`, or with something to watch: `--demo`.\n"
    )
    assert json.loads(terminal.vigie("status", "--json").stdout)["running"] is False
    assert terminal.vigie("down").stdout == "Nothing ran.\n"
    logs = terminal.vigie("logs")
    assert (logs.returncode, logs.stderr) == (
        1,
        f"vigie: nothing ever ran in {terminal.state}\nstart it: vigie up\n",
    )


def test_the_state_option_wins_over_the_variable(terminal: Terminal) -> None:
    other = terminal.folder / "other"
    assert f"Nothing runs in {other}." in terminal.vigie("status", "--state", "other").stdout


def test_wrong_settings_are_told_with_exit_code_2(terminal: Terminal) -> None:
    (terminal.folder / "vigie.yml").write_text("scrape_interval: soon\nbind: here\n")
    up = terminal.vigie("up")
    assert up.returncode == 2
    assert up.stderr.startswith("vigie: ")
    assert "vigie.yml:1: scrape_interval" in up.stderr
    assert "vigie.yml:2: bind" in up.stderr
    assert not terminal.state.exists()


def test_a_running_stack_follows_vigie_yml_or_is_left_alone(terminal: Terminal) -> None:
    file = terminal.folder / "vigie.yml"
    file.write_text("")
    assert terminal.vigie("up").returncode == 0

    def running() -> dict[str, int]:
        told = json.loads(terminal.vigie("status", "--json").stdout)
        return {one["name"]: one["pid"] for one in told["components"]}

    before = running()
    file.write_text("retention: {logs: soon}\nthresholds: {memory: {warning: '<20%'}}\n")
    wrong = terminal.vigie("up")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "vigie.yml:1: retention.logs" in wrong.stderr
    assert "vigie.yml:2: thresholds.memory" in wrong.stderr
    assert running() == before

    file.write_text("thresholds: {memory_available: {warning: '<30%'}}\n")
    followed = terminal.vigie("up")
    assert followed.returncode == 0, followed.stdout + followed.stderr
    first, second, *_ = followed.stdout.splitlines()
    assert first == "Prometheus: has read its new configuration, and runs on"
    assert second.startswith("Console: ready in ")
    assert "Everything is ready, in " in followed.stdout
    assert running() == before | {"console": running()["console"]}
    assert "It already runs." in terminal.vigie("up").stdout


def test_fast_is_told_until_it_goes_by_the_clock_again(terminal: Terminal) -> None:
    fast = terminal.vigie("up", "--fast")
    assert fast.returncode == 0, fast.stdout + fast.stderr
    assert "\nfast: 15×. At the usual pace again: vigie up\n" in fast.stdout
    assert "\nfast: 15×\n" in terminal.vigie("status").stdout
    assert json.loads(terminal.vigie("status", "--json").stdout)["pace"] == 15
    usual = terminal.vigie("up")
    assert "Alertmanager: has read its new configuration, and runs on\n" in usual.stdout
    assert "Prometheus: ready in " in usual.stdout
    assert "fast" not in usual.stdout + terminal.vigie("status").stdout


def test_a_folder_that_is_not_vigies_is_refused(terminal: Terminal) -> None:
    photos = terminal.folder / "photos"
    photos.mkdir()
    (photos / "holiday.jpg").write_text("")
    for command in (["up"], ["down", "--volumes"]):
        refused = terminal.vigie(*command, "--state", "photos")
        assert refused.returncode == 2
        assert refused.stderr.startswith(f"vigie: {photos} ")
    assert [path.name for path in photos.iterdir()] == ["holiday.jpg"]


def test_a_disk_that_takes_no_more_is_told_with_the_file(terminal: Terminal) -> None:
    """With the shell's limit on the size of files in the place of a full disk."""
    command = f"ulimit -f 0; exec {shlex.quote(sys.executable)} -m vigie up"
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=terminal.folder,
        env=terminal.environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr == (
        f"vigie: cannot write {terminal.state}/vigie.state: File too large\n"
        "make room or give access there, or name another folder: --state DIR, or VIGIE_STATE=DIR\n"
    )


def test_the_provider_is_simulated_where_it_is_told(terminal: Terminal) -> None:
    port = terminal.environ["VIGIE_PORTS__SIMULATOR"]
    simulate = terminal.start("simulate", "--port", port)
    lines_until(simulate, f"OPENAI_BASE_URL=http://127.0.0.1:{port}/v1")
    until_answered(f"http://127.0.0.1:{port}/health")
    taken = terminal.vigie("simulate", "--port", port)
    assert taken.returncode == 1
    assert taken.stderr == (
        f"vigie: port {port} cannot be had: Address already in use\nname another: --port PORT\n"
    )
    simulate.send_signal(signal.SIGINT)
    assert simulate.wait(30) == 0


def until_answered(url: str) -> None:
    for _ in range(10_000):
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            continue
        return
    pytest.fail(f"{url} did not answer")


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself_with_two_examples(terminal: Terminal, command: str) -> None:
    told = terminal.vigie(command, "--help")
    assert told.returncode == 0
    for option in ("--state DIR", "--settings FILE", "--no-color"):
        assert option in told.stdout
    assert told.stdout.count(f"    vigie {command}") == 2


def test_the_help_names_each_command_and_the_version_is_told(terminal: Terminal) -> None:
    for arguments in ([], ["--help"], ["-h"]):
        told = terminal.vigie(*arguments)
        assert told.returncode == 0
        assert all(f"\n  {command} " in told.stdout for command in COMMANDS)
    assert re.fullmatch(r"vigie \d+\.\d+\.\d+\n", terminal.vigie("--version").stdout)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["lgos"], "No such command 'lgos'. Did you mean 'logs'?"),
        (["up", "--deom"], "No such option: --deom (Possible options: --demo)"),
        (["restart"], "Missing argument"),
    ],
)
def test_a_wrong_request_is_answered_with_exit_code_2(
    terminal: Terminal, arguments: list[str], told: str
) -> None:
    wrong = terminal.vigie(*arguments)
    assert wrong.returncode == 2
    assert told in wrong.stderr


def test_colours_are_written_on_terminals_only_and_not_when_unwanted(terminal: Terminal) -> None:
    assert "\x1b[" not in terminal.vigie("status").stdout


def test_a_reader_that_goes_away_is_no_crash(terminal: Terminal) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as output:
        done = subprocess.run(
            [sys.executable, "-m", "vigie", "render"],
            cwd=terminal.folder,
            env=terminal.environ,
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.stderr == ""
    assert done.returncode == 1


def test_without_the_extra_the_command_says_what_to_install(terminal: Terminal) -> None:
    (terminal.folder / "typer.py").write_text("raise ModuleNotFoundError(name='typer')")
    told = terminal.vigie("up", PYTHONPATH=str(terminal.folder))
    assert told.returncode == 1
    assert told.stderr == (
        "vigie: typer is not installed: the command needs more than the instruments\n"
        "install it: pip install 'vigie[stack]'\n"
    )
