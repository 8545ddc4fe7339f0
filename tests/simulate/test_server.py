"""The provider as a process."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import openai
import pytest

from simulator_process import running_simulator

pytestmark = pytest.mark.servers

QUESTION = [{"role": "user", "content": "Bonjour"}]


def client(port: int) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="k", max_retries=0)


def test_it_ends_orderly_on_sigterm_and_prints_nothing(free_port: Callable[[], int]) -> None:
    port = free_port()
    with running_simulator(port, "--speed", "1000") as process:
        client(port).chat.completions.create(model="gpt-4o", messages=QUESTION)
        httpx.post(f"http://127.0.0.1:{port}/faults", json={"drop_stream_after": 2})
        with pytest.raises(openai.APIConnectionError):
            list(client(port).chat.completions.create(
                model="gpt-4o", messages=QUESTION, stream=True
            ))  # fmt: skip
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert output == ""


def test_sigterm_breaks_off_what_still_runs_and_bills_it(
    free_port: Callable[[], int], tmp_path: Path
) -> None:
    port = free_port()
    invoice = str(tmp_path / "invoice.sqlite3")
    with running_simulator(port, "--invoice", invoice, "--speed", "0.5") as process:
        stream = client(port).chat.completions.create(model="gpt-4", messages=QUESTION, stream=True)
        next(stream)
        next(stream)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
        with pytest.raises(openai.APIConnectionError):
            list(stream)
    again = free_port()
    with running_simulator(again, "--invoice", invoice):
        statement = httpx.get(f"http://127.0.0.1:{again}/invoice?detail=requests").json()
    (request,) = statement["requests"]
    assert request["outcome"] == "broken_off"
    assert 1 <= request["output_tokens"] < 60


def test_a_port_in_use_is_named(free_port: Callable[[], int]) -> None:
    port = free_port()
    with running_simulator(port):
        second = subprocess.run(
            [sys.executable, "-m", "vigie.simulate", "--port", str(port)],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
    assert second.returncode == 2
    assert second.stderr == (
        f"python -m vigie.simulate: 127.0.0.1:{port}: Address already in use: "
        "choose another --port\n"
    )


def test_a_wrong_speed_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vigie.simulate", "--speed", "-1"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 2
    assert "speed is -1.0: write a number above 0, e.g. 1" in done.stderr
