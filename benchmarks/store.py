"""How fast the embedded store takes lines in, how small it keeps them, how soon it answers.

    .venv/bin/python benchmarks/store.py [--lines 1000000] [--json] [--quick]

A `vigie store` of its own is pushed realistic JSON lines by two client processes, and is then asked
typical questions; the same lines in a file, and compressed, are asked with grep, zgrep and jq
where they are installed. Everything is on this machine and shares its cores: clients included.
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import json
import multiprocessing
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SECOND = 10**9
SPAN = 3600
"""Seconds over which the lines are spread."""
SERVICES = ("django", "fastapi", "streamlit", "prometheus")
LEVELS = {"INFO": 80, "DEBUG": 10, "WARNING": 7, "ERROR": 3}
ENDPOINTS = ("/api/sessions/", "/api/plans/", "/api/login/", "/chat", "/plan", "/health")
NEEDLE = "needle-7f3a9c"
BATCH = 1000
CLIENTS = 2

QUERIES = {
    "newest 100 of a service": ("range", '{service="django"}', ""),
    "rare text": ("range", f'{{service=~".+"}} |= "{NEEDLE}"', ""),
    "regular expression": ("range", '{service=~".+"} |~ "gave up after 9[0-9] tries"', ""),
    "JSON fields": (
        "range",
        '{service="fastapi"} | json | status >= 500 and duration_ms > 2000',
        "",
    ),
    "count by level, by minute": (
        "range",
        'sum by (level) (count_over_time({service=~".+"}[1m]))',
        "60",
    ),
    "p95 of a field by endpoint": (
        "range",
        'quantile_over_time(0.95, {service="fastapi"} | json | unwrap duration_ms [5m])'
        " by (endpoint)",
        "300",
    ),
    "top addresses": (
        "instant",
        'topk(10, sum by (source_ip) (count_over_time({service="django"} | json'
        ' | event="auth_failure" [1h])))',
        "",
    ),
}
TOOLS = {
    "rare text": (["grep", "-c", NEEDLE], ["zgrep", "-c", NEEDLE]),
    "regular expression": (
        ["grep", "-cE", "gave up after 9[0-9] tries"],
        ["zgrep", "-cE", "gave up after 9[0-9] tries"],
    ),
    "JSON fields": (
        ["jq", "-c", 'select(.service == "fastapi" and .status >= 500 and .duration_ms > 2000)'],
        None,
    ),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true", help="write JSON, for programs")
    parser.add_argument("--quick", action="store_true", help="a twentieth of the lines")
    options = parser.parse_args()
    count = options.lines // 20 if options.quick else options.lines
    count = max(BATCH, count // BATCH * BATCH)
    with tempfile.TemporaryDirectory(prefix="vigie-benchmark-") as folder:
        figures = measured(Path(folder), count)
    print(json.dumps(figures, indent=1) if options.json else told(figures))
    return 0


@dataclass(frozen=True)
class Server:
    process: subprocess.Popen[str]
    port: int
    folder: Path

    def memory_mib(self, name: str) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        found = re.search(rf"{name}:\s+(\d+)", status)
        return round(int(found[1]) / 1024, 1) if found else 0.0

    def disk_bytes(self) -> int:
        files = (path for path in self.folder.rglob("*") if path.is_file())
        return sum(path.stat().st_blocks * 512 for path in files)


def started(folder: Path) -> Server:
    command = [sys.executable, "-m", "vigie", "store", "--state", str(folder), "--port", "0"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    port = int(process.stdout.readline().split(" (")[0].rsplit(":", 1)[1])
    return Server(process, port, folder)


def measured(folder: Path, count: int) -> dict[str, Any]:
    server = started(folder / "state")
    try:
        end = int(time.time()) * SECOND
        figures = pushed(server, count, end)
        figures["settled_s"] = settled(server, end, count)
        raw = figures["line_bytes"]
        figures["disk_share"] = round(server.disk_bytes() / raw, 3)
        figures["queries_ms"] = {
            name: asked(server, kind, query, step, end)
            for name, (kind, query, step) in QUERIES.items()
        }
        figures["peak_memory_mib"] = server.memory_mib("VmHWM")
    finally:
        stop(server)
    began = time.monotonic()
    server = started(folder / "state")
    wait_until_ready(server)
    figures["ready_again_s"] = round(time.monotonic() - began, 2)
    stop(server)
    figures["tools_ms"] = tools(folder, count, end)
    return figures


def stop(server: Server) -> None:
    server.process.terminate()
    server.process.communicate()


def wait_until_ready(server: Server) -> None:
    while True:
        try:
            if get(server, "/ready")[0] == 200:
                return
        except OSError:
            time.sleep(0.01)


# --- pushing ---------------------------------------------------------------------------------


def pushed(server: Server, count: int, end: int) -> dict[str, Any]:
    spawn = multiprocessing.get_context("fork")
    built, results = spawn.Barrier(CLIENTS + 1), spawn.Queue()
    clients = [
        spawn.Process(target=client, args=(server.port, (one, count, end), built, results))
        for one in range(CLIENTS)
    ]
    for one in clients:
        one.start()
    built.wait()
    began = time.monotonic()
    answers = [results.get() for _ in clients]
    seconds = time.monotonic() - began
    for one in clients:
        one.join()
    took = sorted(x for answer in answers for x in answer["took"])
    return {
        "lines": count,
        "lines_per_s": round(count / seconds),
        "push_p50_ms": round(took[len(took) // 2] * 1000, 1),
        "push_p99_ms": round(took[int(len(took) * 0.99)] * 1000, 1),
        "refused": sum(answer["refused"] for answer in answers),
        "line_bytes": sum(answer["bytes"] for answer in answers),
    }


def client(port: int, share: tuple[int, int, int], built: Any, results: Any) -> None:
    which, count, end = share
    batches = [body(n, count, end) for n in range(which, count // BATCH, CLIENTS)]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.connect()
    built.wait()
    took, refused = [], 0
    for content, _ in batches:
        while True:
            began = time.perf_counter()
            headers = {"Content-Type": "application/json"}
            connection.request("POST", "/loki/api/v1/push", content, headers)
            response = connection.getresponse()
            response.read()
            took.append(time.perf_counter() - began)
            if response.status == 204:
                break
            refused += 1
            time.sleep(0.05)
    connection.close()
    results.put({"took": took, "refused": refused, "bytes": sum(size for _, size in batches)})


def body(number: int, count: int, end: int) -> tuple[bytes, int]:
    """One push, and the bytes of its lines; the same for the same number."""
    noise = random.Random(number)
    start, step = end - SPAN * SECOND, SPAN * SECOND // count
    streams: dict[tuple[str, str], list[list[str]]] = {}
    size = 0
    for i in range(number * BATCH, number * BATCH + BATCH):
        service, level, text = line(noise, i)
        size += len(text)
        streams.setdefault((service, level), []).append([str(start + i * step + 1), text])
    told = [
        {"stream": {"service": service, "level": level}, "values": values}
        for (service, level), values in streams.items()
    ]
    return json.dumps({"streams": told}).encode(), size


def line(noise: random.Random, i: int) -> tuple[str, str, str]:
    service = SERVICES[min(3, int(noise.expovariate(0.9)))]
    (level,) = noise.choices(list(LEVELS), list(LEVELS.values()))
    event, message = "http_request", "request served"
    if service == "django" and level == "WARNING":
        event, message = "auth_failure", "authentication failed"
    elif level == "ERROR":
        message = f"gave up after {noise.randrange(1, 100)} tries"
    if i % 100_003 == 50_000:
        message = NEEDLE
    record = {
        "ts": f"{i:010}",
        "level": level,
        "service": service,
        "event": event,
        "message": message,
        "trace_id": f"{noise.getrandbits(128):032x}",
        "request_id": f"req-{noise.getrandbits(32):08x}",
        "endpoint": noise.choice(ENDPOINTS),
        "status": noise.choice((500, 502, 503)) if level == "ERROR" else 200,
        "duration_ms": round(noise.lognormvariate(5, 1.2), 1),
        "source_ip": f"203.0.113.{min(254, int(noise.expovariate(0.03)))}",
    }
    return service, level, json.dumps(record, separators=(",", ":"))


# --- asking ----------------------------------------------------------------------------------


def get(server: Server, path: str, **parameters: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=300)
    try:
        connection.request("GET", f"{path}?{urllib.parse.urlencode(parameters)}")
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def settled(server: Server, end: int, count: int) -> float:
    """Seconds until all lines are found and the store has nothing left to do."""
    began = time.monotonic()
    query = 'sum(count_over_time({service=~".+"}[2h]))'
    while time.monotonic() - began < 300:
        _, content = get(server, "/loki/api/v1/query", query=query, time=str(end + SECOND))
        result = json.loads(content)["data"]["result"]
        found = int(result[0]["value"][1]) if result else 0
        before = server.disk_bytes()
        time.sleep(2)
        if found == count and server.disk_bytes() == before:
            break
    return round(time.monotonic() - began, 1)


def asked(server: Server, kind: str, query: str, step: str, end: int) -> float:
    """The median time of five answers, in ms."""
    parameters = {"query": query, "limit": "100"}
    if kind == "range":
        parameters |= {"start": str(end - SPAN * SECOND), "end": str(end)}
        if step:
            parameters["step"] = step
    else:
        parameters["time"] = str(end)
    path = "/loki/api/v1/query_range" if kind == "range" else "/loki/api/v1/query"
    took = []
    for _ in range(5):
        began = time.perf_counter()
        status, content = get(server, path, **parameters)
        took.append((time.perf_counter() - began) * 1000)
        if status != 200:
            raise SystemExit(f"{query}: {status} {content.decode()}")
    return round(statistics.median(took), 1)


def tools(folder: Path, count: int, end: int) -> dict[str, dict[str, float]]:
    """What grep and its like take for the same lines in a file, in ms."""
    plain, packed = folder / "lines.json", folder / "lines.json.gz"
    with plain.open("wb") as file:
        for number in range(count // BATCH):
            for stream in json.loads(body(number, count, end)[0])["streams"]:
                file.writelines(text.encode() + b"\n" for _, text in stream["values"])
    with plain.open("rb") as source, gzip.open(packed, "wb", 6) as target:
        shutil.copyfileobj(source, target)
    found: dict[str, dict[str, float]] = {}
    for name, (on_plain, on_packed) in TOOLS.items():
        for command, path in ((on_plain, plain), (on_packed, packed)):
            if command is None or shutil.which(command[0]) is None:
                continue
            began = time.perf_counter()
            # grep stops at the first match where nobody reads what it writes.
            subprocess.run([*command, str(path)], stdout=subprocess.PIPE, check=False)
            took = (time.perf_counter() - began) * 1000
            found.setdefault(name, {})[command[0]] = round(took, 1)
    return found


def told(figures: dict[str, Any]) -> str:
    rows = [
        f"{figures['lines']:,} lines of {figures['line_bytes'] // figures['lines']} bytes",
        f"  taken in      {figures['lines_per_s']:,} lines/s, {figures['refused']} pushes refused",
        f"  a push        p50 {figures['push_p50_ms']} ms, p99 {figures['push_p99_ms']} ms",
        f"  on disk       {figures['disk_share']:.1%} of the lines' bytes",
        f"  memory        {figures['peak_memory_mib']} MiB at its peak",
        f"  ready again   {figures['ready_again_s']} s after a start",
        f"  settled       {figures['settled_s']} s after the last push",
        "",
        f"{'median, in ms':28}{'store':>8}  the same lines in a file",
    ]
    for name, took in figures["queries_ms"].items():
        others = ", ".join(f"{k} {v:,.0f}" for k, v in figures["tools_ms"].get(name, {}).items())
        rows.append(f"  {name:26}{took:8.0f}  {others}")
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
