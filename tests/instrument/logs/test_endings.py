"""However a process ends, its lines arrive; and a receiver that is away is not felt."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from record_receiver import RecordReceiver, receiving

pytestmark = pytest.mark.servers

PREPARE = """
import logging, multiprocessing, os, signal, sys, time
from vigie.instrument import logs
log = logging.getLogger("test")
def say(*numbers):
    for number in numbers:
        log.info("n=%d", number)
"""
SET_UP = "logs.setup('test', to=sys.argv[1], stdout=False)\n"
SIGTERM_TO_ONESELF = "os.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(60)"


def start(body: str, url: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, "-c", PREPARE + body, url],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(body: str, url: str) -> tuple[int, str]:
    process = start(body, url)
    out, err = process.communicate(timeout=60)
    assert err == ""
    return process.returncode, out


def numbers(receiver: RecordReceiver) -> list[int]:
    return sorted(line["n"] for line in receiver.lines if "n" in line)


@pytest.mark.parametrize(
    ("body", "exit_code"),
    [
        (SET_UP + "say(*range(50))", 0),
        (SET_UP + "say(*range(50)); sys.exit(3)", 3),
        (SET_UP + "say(*range(50))\n" + SIGTERM_TO_ONESELF, -signal.SIGTERM),
        # Somebody's own handler, there before or later, which logs too.
        (
            "signal.signal(signal.SIGTERM, lambda *_: (say(*range(25, 50)), sys.exit(4)))\n"
            + SET_UP
            + "say(*range(25))\n"
            + SIGTERM_TO_ONESELF,
            4,
        ),
        (
            SET_UP
            + "signal.signal(signal.SIGTERM, lambda *_: (say(*range(25, 50)), sys.exit(5)))\n"
            + "say(*range(25))\n"
            + SIGTERM_TO_ONESELF,
            5,
        ),
        # Last words of others, which come after ours.
        (
            "import atexit; atexit.register(lambda: say(*range(25, 50)))\n"
            + SET_UP
            + "say(*range(25))",
            0,
        ),
        # What waits at a fork is the parent's to send; the child sends its own.
        (
            SET_UP + "say(*range(25))\n"
            "if os.fork() == 0:\n    say(*range(25, 50)); sys.exit()\n"
            "sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))",
            0,
        ),
        (
            SET_UP + "say(*range(25)); logging.getLogger().handlers[0].flush()\n"
            "def child(): say(*range(25, 50))\n"
            "p = multiprocessing.get_context('fork').Process(target=child); p.start(); p.join()\n"
            "sys.exit(p.exitcode)",
            0,
        ),
        (
            SET_UP + "say(*range(25))\n"
            "if os.fork() == 0:\n    say(*range(25, 50))\n    "
            + SIGTERM_TO_ONESELF.replace("\n", "; ")
            + "\nsys.exit(-os.waitstatus_to_exitcode(os.wait()[1]))",
            signal.SIGTERM,
        ),
    ],
)
def test_whatever_ends_a_process_each_line_arrives_once(
    receiver: RecordReceiver, body: str, exit_code: int
) -> None:
    assert run(body, receiver.url) == (exit_code, "")
    assert numbers(receiver) == list(range(50))


def test_sigkill_loses_the_last_moment_and_nothing_before_it(receiver: RecordReceiver) -> None:
    body = SET_UP + "n = 0\nwhile True:\n    say(n); n += 1; time.sleep(0.001)"
    process = start(body, receiver.url)
    receiver.wait_until(lambda: len(receiver.entries) > 300)
    process.kill()
    process.communicate(timeout=60)
    arrived = numbers(receiver)
    assert arrived == list(range(len(arrived)))


def test_a_hundred_thousand_lines_with_the_receiver_away_are_not_felt(
    free_port: Callable[[], int],
) -> None:
    body = """
import resource
from prometheus_client import REGISTRY

def peak_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

logs.setup("test", to=sys.argv[1], stdout=False)
say(0)
before, longest = peak_bytes(), 0.0
for n in range(1, 100_000):
    began = time.thread_time()
    log.info("n=%d %s", n, "x" * 1000)
    longest = max(longest, time.thread_time() - began)
held = peak_bytes() - before
logs.shutdown()
labels = {"where": "logs"}
print(
    held < 100_000_000,  # of 130 MB that were logged, 16 MiB may wait
    longest < 0.5,
    REGISTRY.get_sample_value("vigie_dropped_records_total", labels),
    REGISTRY.get_sample_value("vigie_internal_errors_total", labels),
)
"""
    assert run(body, f"http://127.0.0.1:{free_port()}") == (0, "True True 100000.0 1.0\n")


def test_a_receiver_that_never_answers_lets_a_process_end(receiver: RecordReceiver) -> None:
    receiver.may_answer.clear()
    # What is registered first is called last.
    body = "import atexit; atexit.register(lambda: print(time.monotonic() - began < 20))\n"
    body += SET_UP + "say(1); began = time.monotonic()"
    assert run(body, receiver.url) == (0, "True\n")


def test_what_logs_while_it_is_written_comes_to_an_end(receiver: RecordReceiver) -> None:
    body = """
class Talkative:
    def __str__(self):
        log.info("Said %s", self)
        return "itself"
"""
    assert run(body + SET_UP + 'log.info("Said %s", Talkative())', receiver.url) == (0, "")
    assert set(receiver.messages) == {"Said itself"}


def test_the_receiver_comes_back_and_what_waited_arrives(free_port: Callable[[], int]) -> None:
    port = free_port()
    body = SET_UP + "say(*range(50)); print('said', flush=True); time.sleep(60)"
    process = start(body, f"http://127.0.0.1:{port}")
    assert process.stdout is not None
    assert process.stdout.readline() == "said\n"
    with receiving(port) as receiver:
        receiver.wait_until(lambda: len(receiver.entries) >= 50)
        process.terminate()
        process.communicate(timeout=60)
        assert numbers(receiver) == list(range(50))
