"""Several workers: in processes of their own, and behind real servers under load."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import pytest
from prometheus_client.parser import text_string_to_metric_families

from vigie.instrument.workers import FOLDER_VARIABLE

pytestmark = pytest.mark.servers

ENVIRONMENT = Path(__file__).parents[1] / "environment"
PRELUDE = """
import os, sys
from prometheus_client import REGISTRY
from vigie import catalogue
from vigie.instrument.exposition import exposition
from vigie.instrument.meters import meters
requests = meters()[catalogue.fastapi.HTTP.requests].child("GET", "/", "200")
in_progress = meters()[catalogue.fastapi.HTTP.in_progress].child()
latest = meters()[catalogue.django.ACTIVE_USERS].child()
def scrape(prefix):
    lines = exposition()[0].decode().splitlines()
    return [line.rpartition(" ")[2] for line in lines if line.startswith(prefix)]
"""


def run(folder: Path, script: str) -> str:
    """What a worker prints that runs `script` and ends."""
    return subprocess.run(
        [sys.executable, "-c", PRELUDE + script],
        env={**os.environ, FOLDER_VARIABLE: str(folder)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


# Workers that are processes of our own


def test_the_folder_is_made_and_counts_outlive_their_workers(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there" / "yet"
    for number in range(1, 4):
        printed = run(folder, "requests.inc(); print(scrape('fastapi_requests_total'))")
        assert printed == f"['{number}.0']"


def test_without_the_variable_a_worker_counts_for_itself(tmp_path: Path) -> None:
    script = "requests.inc(); print(scrape('fastapi_requests_total'))"
    alone = {name: value for name, value in os.environ.items() if name != FOLDER_VARIABLE}
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", PRELUDE + script], env=alone, capture_output=True, check=True
        )
        assert done.stdout == b"['1.0']\n"


def test_a_forked_worker_counts_in_a_file_of_its_own(tmp_path: Path) -> None:
    script = """
requests.inc(5)
in_progress.set(1)
child = os.fork()
if child == 0:
    requests.inc(2)
    in_progress.inc()
    meters()[catalogue.fastapi.HTTP.requests].child("POST", "/", "200").inc()
    print(scrape('fastapi_requests'), flush=True)
    os._exit(0)
os.waitpid(child, 0)
print(scrape('fastapi_requests'))
"""
    of_child, of_parent = run(tmp_path, script).splitlines()
    assert of_child == "['7.0', '1.0', '2.0']"
    assert of_parent == "['7.0', '1.0', '1.0']"


def test_a_gauge_of_the_latest_value_is_that_of_whoever_set_it_last(tmp_path: Path) -> None:
    script = """
latest.set(9)
child = os.fork()
if child == 0:
    latest.set(4)
    print(scrape('django_active_users'), flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""
    assert run(tmp_path, script) == "['4.0']"


@pytest.mark.parametrize("folder", ["a file", "a file/below"])
def test_an_unusable_folder_is_reported_and_each_worker_counts_for_itself(
    tmp_path: Path, folder: str
) -> None:
    (tmp_path / "a file").write_text("")
    script = """
requests.inc()
print(scrape('fastapi_requests_total'), scrape('vigie_internal_errors_total{where="workers"}'))
"""
    assert run(tmp_path / folder, script) == "['1.0'] ['1.0']"


def test_a_folder_that_nothing_can_be_written_to_is_reported_too(tmp_path: Path) -> None:
    script = """
print(scrape('vigie_internal_errors_total{where="workers"}'))
"""
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
    done = subprocess.run(
        [sys.executable, "-c", limited + PRELUDE + script],
        env={**os.environ, FOLDER_VARIABLE: str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "['1.0']\n"
    assert list(tmp_path.iterdir()) == []


def test_what_dead_workers_left_is_merged_when_one_starts_though_nobody_scrapes(
    tmp_path: Path,
) -> None:
    (tmp_path / "counter_1-1000000000000.db").write_bytes(b"damaged")
    for _ in range(3):
        run(tmp_path, "requests.inc()")
    archives = [file.name for file in tmp_path.glob("counter_archive-*.db")]
    assert archives == ["counter_archive-3.db"]
    assert run(tmp_path, "print(scrape('fastapi_requests_total'))") == "['3.0']"


def test_gunicorns_configuration_makes_a_folder_and_leaves_a_given_one_alone(
    tmp_path: Path,
) -> None:
    script = """
import sys, os
import vigie.instrument.gunicorn as configuration
folder = configuration.raw_env[0].partition("=")[2]
assert "prometheus_client" not in sys.modules
assert os.path.isdir(folder)
configuration.on_exit(None)
print(folder, os.path.isdir(folder))
"""

    def print_of(**environment: str) -> str:
        bare = {name: value for name, value in os.environ.items() if name != FOLDER_VARIABLE}
        return subprocess.run(
            [sys.executable, "-c", script],
            env={**bare, **environment},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

    made, _, is_left = print_of(TMPDIR=str(tmp_path)).rpartition(" ")
    assert Path(made).parent == tmp_path
    assert is_left == "False"
    given = tmp_path / "given"
    assert print_of(**{FOLDER_VARIABLE: str(given)}) == f"{given} True"


# Workers behind real servers


@dataclass
class Service:
    """A server with four workers, and the load that it is under."""

    port: int
    prefix: str
    folder: Path
    answered: int = 0
    unanswered: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, path: str) -> str:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            assert response.status == 200, response.read()
            return response.read().decode()
        finally:
            connection.close()

    def work(self, _: object = None) -> None:
        """One request: count whether it was answered."""
        try:
            self.get("/work")
        except (OSError, HTTPException):
            with self._lock:
                self.unanswered += 1
        else:
            with self._lock:
                self.answered += 1

    def scrape(self) -> dict[str, float]:
        """Counts of /work, by what they count, and the gauge."""
        found: dict[str, float] = {}
        for family in text_string_to_metric_families(self.get("/metrics")):
            for sample in family.samples:
                name = sample.name.removeprefix(self.prefix)
                of_work = sample.labels.get("endpoint", "/work") == "/work"
                if name != sample.name and of_work and "le" not in sample.labels:
                    found[name] = sample.value
        return found

    def workers(self) -> set[int]:
        """The ids of the workers that answer; those of all four when it has asked often enough."""
        with ThreadPoolExecutor(8) as pool:
            return {int(answer) for answer in pool.map(lambda _: self.get("/pid"), range(40))}

    def all_workers(self) -> set[int]:
        return until(self.workers, lambda found: len(found) == 4)


T = TypeVar("T")


def until(ask: Callable[[], T], accept: Callable[[T], bool], seconds: float = 60) -> T:
    """Ask until the answer is acceptable, or there is none for so long."""
    last = time.monotonic() + seconds
    while True:
        try:
            answer = ask()
            if accept(answer) or time.monotonic() > last:
                assert accept(answer), answer
                return answer
        except (OSError, HTTPException):
            if time.monotonic() > last:
                raise
        threading.Event().wait(0.05)


@contextmanager
def running(command: list[str], service: Service, **environment: str) -> Iterator[None]:
    log = service.folder.with_suffix(".log")
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", *command],
            env={**os.environ, **environment},
            cwd=ENVIRONMENT,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            try:
                service.all_workers()
            except Exception as error:
                raise AssertionError(log.read_text()) from error
            yield
        finally:
            server.terminate()
            try:
                server.wait(timeout=20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


@pytest.fixture(scope="module", params=["uvicorn", "gunicorn"])
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp(request.param) / "workers"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    if request.param == "uvicorn":
        found = Service(port, "fastapi_", folder)
        command = ["uvicorn", "counting_app:app", "--workers", "4", "--port", str(port)]
    else:
        found = Service(port, "django_", folder)
        command = ["gunicorn", "counting_wsgi:app", "--workers", "4", "--bind", f"127.0.0.1:{port}"]
        command += ["--config", "python:vigie.instrument.gunicorn", "--no-control-socket"]
    with running(command, found, **{FOLDER_VARIABLE: str(folder)}):
        yield found


def test_four_workers_are_counted_exactly_though_one_is_killed_under_load(
    service: Service,
) -> None:
    scrapes: list[dict[str, float]] = []
    over = threading.Event()

    def scrape_again_and_again() -> None:
        while not over.is_set():
            with suppress(OSError, HTTPException):  # it may be with the worker that is killed
                scrapes.append(service.scrape())

    scraper = threading.Thread(target=scrape_again_and_again)
    scraper.start()
    try:
        with ThreadPoolExecutor(8) as pool:
            victim = min(service.all_workers())
            load = pool.map(service.work, range(600))
            until(lambda: service.answered, lambda answered: answered > 200)
            os.kill(victim, signal.SIGKILL)
            list(load)
        assert victim not in service.all_workers()
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(service.work, range(200)))
    finally:
        over.set()
        scraper.join()
    assert service.unanswered <= 8, "no more than were in flight at the kill"

    counted = service.scrape()
    assert service.answered <= counted["requests_total"] <= service.answered + service.unanswered
    assert counted["request_duration_seconds_count"] == counted["requests_total"]
    assert counted["requests_in_progress"] == 0.0
    assert len(scrapes) > 4
    for earlier, later in pairwise(scrapes):
        for name in ("requests_total", "request_duration_seconds_count"):
            assert earlier.get(name, 0.0) <= later.get(name, 0.0)
        assert (
            earlier.get("request_duration_seconds_sum", 0.0)
            <= later.get("request_duration_seconds_sum", 0.0) + 1e-9
        )


def test_workers_that_are_killed_again_and_again_leave_no_gauge_and_no_files(
    service: Service,
) -> None:
    workers = service.all_workers()
    for _ in range(3):
        before = service.scrape()
        with closing(HTTPConnection("127.0.0.1", service.port, timeout=30)) as hanging:
            hanging.request("GET", "/hang")
            until(service.scrape, lambda found: found["requests_in_progress"] == 1.0)
            for worker in workers:
                os.kill(worker, signal.SIGKILL)
        workers = service.all_workers()
        assert service.scrape() == before
        # Three a worker, two archives, the manifest and the lock.
        assert len(list(service.folder.iterdir())) <= 4 * 3 + 4
