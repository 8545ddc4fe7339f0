"""What is settled off the request path: before the price list is there, after forks, at the end."""

import subprocess
import sys
import threading

import pytest

from vigie.instrument.openai.backlog import Backlog

PROLOGUE = """
import atexit, os, sys, threading
sys.path.insert(0, {environment!r})
from prometheus_client import CollectorRegistry
from scripted_provider import MESSAGES, Provider, http_of_the_sdk
from vigie.instrument.openai import instrument

provider = Provider(http_of_the_sdk(), CollectorRegistry())
provider.will_chat("Hello", " you")

def ask():
    return provider.client().chat.completions.create(
        model="gpt-4o-mini", messages=MESSAGES, stream=True
    )
"""


def run(script: str, pytestconfig: pytest.Config) -> str:
    """What a script prints, in a process of its own."""
    environment = str(pytestconfig.rootpath / "tests" / "environment")
    done = subprocess.run(
        [sys.executable, "-c", PROLOGUE.format(environment=environment) + script],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class Item:
    """Something to settle."""

    def __init__(self, settled: list[int], number: int, *, fails: bool = False) -> None:
        self._settled, self._number, self._fails = settled, number, fails

    def settle(self) -> None:
        if self._fails:
            raise RuntimeError("an attempt that is meant to fail")
        self._settled.append(self._number)


def test_draining_settles_what_was_put_in_its_order_and_survives_a_failure() -> None:
    settled: list[int] = []
    backlog = Backlog(lambda: None)
    for number in range(5):
        backlog.put(Item(settled, number, fails=number == 2))
    backlog.drain()
    backlog.drain()
    assert settled == [0, 1, 3, 4]


def test_nothing_is_settled_before_all_is_loaded_and_no_two_threads_load_at_once() -> None:
    loading, opened, steps = threading.Event(), threading.Event(), []

    def load() -> None:
        if not opened.is_set():
            steps.append("loads")
            loading.set()
            opened.wait()
            steps.append("loaded")

    class Watched:
        def settle(self) -> None:
            steps.append("settled")

    backlog = Backlog(load)
    backlog.start()
    loading.wait()
    backlog.put(Watched())
    threading.Timer(0.05, opened.set).start()
    backlog.drain()
    backlog.stop()
    assert steps == ["loads", "loaded", "settled"]


@pytest.mark.servers
def test_a_call_does_not_wait_for_the_price_list(pytestconfig: pytest.Config) -> None:
    script = """
from importlib.machinery import PathFinder

opened = threading.Event()

class Gate:
    def find_spec(self, name, path=None, target=None):
        if name != "genai_prices.data":
            return None
        spec = PathFinder.find_spec(name, path)
        load = spec.loader.exec_module
        spec.loader.exec_module = lambda module: opened.wait() and load(module)
        return spec

sys.meta_path.insert(0, Gate())
instrument(registry=provider.registry)
print(len(list(ask())))
opened.set()
print(provider.outcomes(), list(provider.money()))
"""
    assert run(script, pytestconfig) == "4\n{'ok': 1.0} ['computed']\n"


@pytest.mark.servers
def test_a_forked_worker_settles_in_a_thread_of_its_own(pytestconfig: pytest.Config) -> None:
    script = """
instrument(registry=provider.registry)
list(ask())
if os.fork() == 0:
    ask().close()
    labels = {"model": "gpt-4o-mini", "operation": "chat", "status": "cancelled"}
    while not provider.registry.get_sample_value("openai_requests_total", labels):
        pass
    os._exit(0)
print(os.waitstatus_to_exitcode(os.wait()[1]))
"""
    assert run(script, pytestconfig) == "0\n"


@pytest.mark.servers
def test_what_waits_is_counted_when_the_process_ends(pytestconfig: pytest.Config) -> None:
    script = """
def show():
    name = "openai_requests_total"
    labels = {"model": "gpt-4o-mini", "operation": "chat", "status": "cancelled"}
    print(provider.registry.get_sample_value(name, labels))

atexit.register(show)
instrument(registry=provider.registry)
ask().close()
"""
    assert run(script, pytestconfig) == "1.0\n"
