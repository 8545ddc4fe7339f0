"""The console as a process: what outlives it, and who may run beside it."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from console_process import ConsoleProcess, console_process
from running_store import opened, opened_spans, served
from span_sender import request, send
from told_alerts import sent, watchdog
from vigie.incidents.inbox import FILE_NAME, Journal

pytestmark = pytest.mark.servers


@pytest.fixture
def start(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Callable[..., ConsoleProcess]]:
    """Starts a console of the test's one state folder, and waits until it answers."""
    with ExitStack() as stack:
        yield lambda ready=True: stack.enter_context(
            console_process(tmp_path, free_port(), ready=ready)
        )


def test_a_death_right_after_the_answer_loses_nothing(start: Callable[..., ConsoleProcess]) -> None:
    first = start()
    for number in range(20):
        assert first.tell(sent(f"f{number}"), watchdog()) == 200
    first.process.send_signal(signal.SIGKILL)
    first.process.wait()
    with closing(Journal.open(first.inbox)) as journal:
        assert len(journal.firing()) == 20
    again = start()
    told = again.get("/api/alerts")
    assert len(told["firing"]) == 20
    assert told["watchdog"]["heard"] is not None
    assert told["watchdog"]["hearing"] == "waiting"  # what the last one heard, this one has not


def test_a_second_console_says_who_holds_the_inbox(start: Callable[..., ConsoleProcess]) -> None:
    first = start()
    second = start(ready=False)
    said, _ = second.process.communicate(timeout=60)
    assert second.process.returncode == 2
    assert said == (
        f"The console: http://127.0.0.1:{second.port}\n"
        f"vigie: a console holds {first.inbox.parent} already: http://127.0.0.1:{first.port} "
        f"(pid {first.process.pid})\n"
        "end that one (`vigie down`), or name another folder: --state DIR\n"
    )


def test_a_disk_that_takes_nothing_is_503_until_it_does_again(
    start: Callable[..., ConsoleProcess],
) -> None:
    running = start()
    assert running.tell(sent("before")) == 200
    # No file of this process may grow: to SQLite, that is a disk that does not take it.
    limits = resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (4096, limits[1]))
    large = [sent(f"f{n}", annotations={"summary": "x" * 4000}) for n in range(50)]
    assert running.tell(*large) == 503
    assert running.get("/api/watchdog")["trouble"] != ""
    assert [one["fingerprint"] for one in running.get("/api/alerts")["firing"]] == ["before"]
    resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, limits)
    assert running.tell(*large) == 200
    assert len(running.get("/api/alerts")["firing"]) == 51
    assert running.get("/api/watchdog")["trouble"] == ""


def test_it_ends_in_order_and_leaves_one_file(start: Callable[..., ConsoleProcess]) -> None:
    running = start()
    assert running.tell(sent("a")) == 200
    running.process.send_signal(signal.SIGTERM)
    said, _ = running.process.communicate(timeout=60)
    assert (running.process.returncode, said) == (
        0,
        f"The console: http://127.0.0.1:{running.port}\n",
    )
    assert {path.name for path in running.inbox.parent.iterdir()} == {FILE_NAME, "console.lock"}


def test_it_tells_since_when_lines_and_traces_are_kept_and_when_that_is_not_known(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    now = time.time_ns() // 10**9 * 10**9
    line, trace = now - 6 * 86_400 * 10**9 + 123_456_000, now - 2 * 86_400 * 10**9
    with ExitStack() as stack:
        logs = stack.enter_context(opened(tmp_path / "logs"))
        spans = stack.enter_context(opened_spans(tmp_path / "spans"))
        loki = stack.enter_context(served(logs, spans))
        tempo_goes = ExitStack()
        tempo = stack.enter_context(tempo_goes).enter_context(served(logs, spans))
        pushed = loki.push(({"service": "django", "level": "info"}, [[str(line), "an old line"]]))
        assert pushed.status == 204
        times = {"startTimeUnixNano": str(trace), "endTimeUnixNano": str(trace + 10**9)}
        assert send(tempo, request(**times)).status == 200
        (tmp_path / "vigie.yml").write_text(
            f"ports: {{logs: {loki.port}, traces: {tempo.port}}}\n", encoding="utf-8"
        )
        # Asked every second, and not every five minutes.
        running = stack.enter_context(console_process(tmp_path, free_port(), "--pace", "300"))

        def exposed() -> dict[str, float]:
            with urllib.request.urlopen(f"{running.url}/metrics", timeout=30) as answer:
                families = text_string_to_metric_families(answer.read().decode())
                return {
                    f"{sample.labels['kind']} {sample.name.removeprefix('vigie_oldest_record_')}": (
                        sample.value
                    )
                    for family in families
                    for sample in family.samples
                    if "oldest_record" in sample.name
                }

        def until(wanted: Callable[[dict[str, float]], bool]) -> dict[str, float]:
            deadline = time.monotonic() + 60
            while not wanted(found := exposed()) and time.monotonic() < deadline:
                threading.Event().wait(0.05)
            return found

        known = {
            "logs timestamp_seconds": line / 1e9,
            "traces timestamp_seconds": trace / 1e9,
            "logs failed_looks": 0,
            "traces failed_looks": 0,
        }
        assert until(lambda found: found == known) == known
        tempo_goes.close()
        lost = until(lambda found: found["traces failed_looks"] >= 2)
        assert lost.pop("traces failed_looks") >= 2
        del known["traces timestamp_seconds"], known["traces failed_looks"]
        assert lost == known
        assert running.get("/api/alerts")["firing"] == []
        running.process.terminate()
        said, _ = running.process.communicate(timeout=60)
        assert "nobody tells how old the oldest of the traces is: " in said


def test_a_port_that_is_taken_is_told(start: Callable[..., ConsoleProcess], tmp_path: Path) -> None:
    first = start()
    done = subprocess.run(
        [
            *(sys.executable, "-m", "vigie", "console"),
            *("--state", str(tmp_path / "other"), "--port", str(first.port)),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr == (
        f"vigie: port {first.port} cannot be had: Address already in use\n"
        "name another: --port PORT\n"
    )
