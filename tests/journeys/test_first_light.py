"""The first journey: a stranger clones, starts the demo, looks around, and takes it down again."""

import json
import secrets
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

import psutil
import pytest

from vigie import catalogue
from vigie.catalogue.metric import Emitter, Kind, Metric

pytestmark = [pytest.mark.servers, pytest.mark.timeout(1500)]

APPLICATION = [m for m in catalogue.metrics() if m.emitter is Emitter.APPLICATION]
NOTHING_HAPPENED = {
    # Healthy services have none of these; their series are there, at zero.
    "django_exceptions_total",
    "fastapi_exceptions_total",
    "streamlit_ui_errors_total",
    "django_db_errors_total",
    "vigie_internal_errors_total",
    "vigie_dropped_records_total",
    # The traffic's mistakes stay below what is taken for an attack.
    "security_events_total",
}


def answer(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as response:
        return json.load(response)


def post(url: str, body: Any, headers: Mapping[str, str] | None = None) -> Any:
    """The answer to a body of JSON."""
    sent = {"Content-Type": "application/json", **(headers or {})}
    request = urllib.request.Request(url, json.dumps(body).encode(), sent)
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


def query(clone: Any, expression: str) -> list[Any]:
    """An instant query through Prometheus' HTTP API."""
    asked = urllib.parse.urlencode({"query": expression})
    found = answer(f"{clone.url('prometheus')}/api/v1/query?{asked}")
    return list(found["data"]["result"])


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Ask again, twice a second, until it holds or the time is over."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        if time.monotonic() > deadline:
            return False
        pause.wait(0.5)
    return True


def sample_name(metric: Metric) -> str:
    return f"{metric.name}_count" if metric.kind is Kind.HISTOGRAM else metric.name


def processes_of(clone: Any) -> list[psutil.Process]:
    """Every process of the stack, by the marks in its environment."""
    found = []
    for process in psutil.process_iter():
        try:
            marks = process.environ()
            if "VIGIE_COMPONENT" in marks and marks.get("VIGIE_STATE") == str(clone.state):
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.fixture(scope="module")
def demo(clone: Any) -> Any:
    """The demo, started as README says; its output is kept for a look."""
    done = clone.run("./vigie", "up", "--demo", timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def status(clone: Any) -> dict[str, Any]:
    told = clone.run("./vigie", "status", "--json")
    return {one["name"]: one for one in json.loads(told.stdout)["components"]}


def test_the_first_start_installs_and_then_names_every_address(clone: Any, demo: Any) -> None:
    assert "installed in" in demo.stderr
    assert "Everything is ready, in" in demo.stdout
    for name, port in clone.ports.items():
        # The store's address is that of its logs.
        assert f":{port}" in demo.stdout or name in ("traces", "otlp"), name


def test_a_second_start_installs_nothing_and_says_that_it_runs(clone: Any, demo: Any) -> None:
    again = clone.run("./vigie", "up", "--demo")
    assert again.returncode == 0
    assert again.stderr == ""
    assert "It already runs." in again.stdout


def test_every_target_is_up(clone: Any, demo: Any) -> None:
    def down() -> list[str]:
        targets = answer(f"{clone.url('prometheus')}/api/v1/targets")["data"]["activeTargets"]
        if len(targets) < 9:
            return [f"{len(targets)} of 9 targets are known yet"]
        return [f"{t['labels']['job']}: {t['lastError']}" for t in targets if t["health"] != "up"]

    assert wait_until(lambda: not down(), 60), down()


def test_every_application_metric_has_a_live_series(clone: Any, demo: Any) -> None:
    def missing() -> list[str]:
        return [metric.name for metric in APPLICATION if not query(clone, sample_name(metric))]

    assert wait_until(lambda: not missing(), 120), missing()


def test_what_the_traffic_does_is_counted(clone: Any, demo: Any) -> None:
    """A series that is only initialised proves little: each one that traffic moves has moved."""
    moving = [m for m in APPLICATION if m.name not in NOTHING_HAPPENED and m.kind is not Kind.GAUGE]

    def unmoved() -> list[str]:
        return [m.name for m in moving if not query(clone, f"sum({sample_name(m)}) > 0")]

    assert wait_until(lambda: not unmoved(), 180), unmoved()


def test_the_instruments_had_no_failure_of_their_own(clone: Any, demo: Any) -> None:
    assert query(clone, "vigie_internal_errors_total > 0") == []


def test_every_label_is_one_that_the_catalogue_knows(clone: Any, demo: Any) -> None:
    of_prometheus = {"__name__", "job", "instance", "service", "role", "framework", "le"}
    for metric in APPLICATION:
        for found in query(clone, sample_name(metric)):
            unknown = set(found["metric"]) - of_prometheus - set(metric.label_names)
            assert not unknown, (metric.name, unknown)


def test_the_counted_tokens_are_those_of_the_invoice(clone: Any, demo: Any) -> None:
    """The counters lag by a scrape and by calls in flight, so they are compared in order."""
    before = answer(f"{clone.url('simulator')}/invoice")

    def counted() -> float:
        found = query(clone, "sum(openai_tokens_total{type=~'input|output'})")
        return float(found[0]["value"][1]) if found else 0.0

    sold = sum(line["input_tokens"] + line["output_tokens"] for line in before["lines"])
    assert sold > 0
    assert wait_until(lambda: counted() >= 0.98 * sold, 90), (counted(), sold)


def test_what_the_demo_spends_is_told_by_prometheus_and_by_the_command(
    clone: Any, demo: Any
) -> None:
    def today() -> float:
        found = query(clone, "sum(openai_cost_today)")
        return float(found[0]["value"][1]) if found else 0.0

    assert wait_until(lambda: today() > 0, 120)
    assert wait_until(lambda: bool(query(clone, "openai_cost_projected_today > 0")), 60)
    scraped = today()
    told = clone.run("./vigie", "costs", "--since", "1d", "--by", "service", "--json")
    assert told.returncode == 0, told.stderr
    costs = json.loads(told.stdout)
    assert [line["service"] for line in costs["lines"]] == ["fastapi"]
    assert float(costs["total"]["amount"]) >= scraped * 0.999_999 > 0
    assert costs["today"]["budgets"].keys() == {"warning", "critical"}
    for person in ("model", "feature", "user", "day"):
        page = clone.run("./vigie", "costs", "--by", person)
        assert page.returncode == 0, page.stderr
        assert " € (" in page.stdout


def test_a_chat_is_found_in_the_stores_logs_and_as_one_trace(clone: Any, demo: Any) -> None:
    """By the trace id that its caller gave it."""
    account = {"username": f"athlete-{secrets.token_hex(4)}", "password": secrets.token_urlsafe(20)}
    post(f"{clone.url('django')}/api/v1/auth/register/", account)
    token = post(f"{clone.url('django')}/api/v1/auth/login/", account)["access"]
    trace, began = secrets.token_hex(16), int(time.time())
    headers = {
        "Authorization": f"Bearer {token}",
        "traceparent": f"00-{trace}-{secrets.token_hex(8)}-01",
    }
    post(f"{clone.url('fastapi')}/api/v1/chat", {"message": "Combien dormir ?"}, headers)

    def lines() -> list[Any]:
        asked = {"query": f'{{service="fastapi"}} |= "{trace}"', "start": str(began - 60)}
        url = f"{clone.url('logs')}/loki/api/v1/query_range?{urllib.parse.urlencode(asked)}"
        return [line for one in answer(url)["data"]["result"] for _, line in one["values"]]

    def traces() -> list[str]:
        asked = {
            "q": '{ resource.service.name = "fastapi" && name = "POST /api/v1/chat" }',
            "start": str(began - 60),
            "end": str(int(time.time()) + 60),
            "limit": "1000",
        }
        url = f"{clone.url('traces')}/api/search?{urllib.parse.urlencode(asked)}"
        return [str(one["traceID"]).zfill(32) for one in answer(url)["traces"]]

    assert wait_until(lambda: bool(lines()), 60)
    assert {json.loads(line)["trace_id"] for line in lines()} == {trace}
    assert wait_until(lambda: trace in traces(), 60)
    assert traces().count(trace) == 1


def test_status_shows_each_component_ready_without_restarts(clone: Any, demo: Any) -> None:
    components = status(clone)
    assert set(components) == {
        "prometheus",
        "alertmanager",
        "node-exporter",
        "costs",
        "store",
        "console",
        "simulator",
        "django",
        "fastapi",
        "streamlit",
        "traffic",
    }
    assert {one["state"] for one in components.values()} == {"ready"}
    assert {one["restarts"] for one in components.values()} == {0}


def test_logs_are_those_of_the_component(clone: Any, demo: Any) -> None:
    told = clone.run("./vigie", "logs", "-n", "5", "prometheus")
    assert told.returncode == 0
    assert "level=info" in told.stdout
    everybody = clone.run("./vigie", "logs", "-n", "1")
    assert everybody.returncode == 0
    assert "alertmanager" in everybody.stdout


def test_nothing_secret_is_readable_by_others_or_logged(clone: Any, demo: Any) -> None:
    secrets = [
        path for path in clone.state.rglob("*") if "secret" in str(path.relative_to(clone.state))
    ]
    files = [path for path in secrets if path.is_file()]
    assert files
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert clone.state.stat().st_mode & 0o777 == 0o700
    everything_logged = clone.run("./vigie", "logs", "-n", "100000").stdout
    for path in files:
        assert path.read_text().strip() not in everything_logged


def test_restart_replaces_the_process_and_waits_for_it(clone: Any, demo: Any) -> None:
    before = status(clone)["fastapi"]["pid"]
    done = clone.run("./vigie", "restart", "fastapi")
    assert done.returncode == 0, done.stderr
    after = status(clone)["fastapi"]
    assert after["state"] == "ready"
    assert after["pid"] != before
    assert urllib.request.urlopen(f"{clone.url('fastapi')}/health", timeout=5).status == 200


def test_a_component_that_is_killed_comes_back_and_is_counted(clone: Any, demo: Any) -> None:
    killed = status(clone)["alertmanager"]["pid"]
    psutil.Process(killed).kill()

    def back() -> bool:
        one = status(clone)["alertmanager"]
        return bool(one["state"] == "ready" and one["pid"] != killed and one["restarts"] == 1)

    assert wait_until(back, 30), status(clone)["alertmanager"]


def test_a_port_in_use_is_named_with_its_holder_and_its_setting(clone: Any, demo: Any) -> None:
    elsewhere = clone.state.with_name("second")
    done = clone.run("./vigie", "up", "--state", str(elsewhere))
    assert done.returncode != 0
    port = clone.ports["prometheus"]
    holder = status(clone)["prometheus"]["pid"]
    assert f"port {port}" in done.stderr
    assert str(holder) in done.stderr
    assert "ports.prometheus" in done.stderr
    assert clone.run("./vigie", "status", "--state", str(elsewhere)).returncode == 1
    assert "ready" not in clone.run("./vigie", "status", "--state", str(elsewhere)).stdout


def test_down_leaves_no_process_and_no_file(clone: Any, demo: Any) -> None:
    assert processes_of(clone)
    done = clone.run("./vigie", "down", "--volumes")
    assert done.returncode == 0, done.stderr
    assert processes_of(clone) == []
    assert not clone.state.exists()
    assert clone.run("git", "status", "--porcelain").stdout == ""


def test_the_users_own_start_command_starts_the_monitoring(clone: Any, demo: Any) -> None:
    folder = clone.folder / "deployment" / "monitoring"
    started = clone.run("python3", "start_monitoring.py", cwd=folder)
    assert started.returncode == 0, started.stderr
    engines = {"prometheus", "alertmanager", "node-exporter", "costs", "store", "console"}
    assert set(status(clone)) == engines
    assert answer(f"{clone.url('prometheus')}/api/v1/status/buildinfo")["status"] == "success"
    assert clone.run("./vigie", "down", "--volumes").returncode == 0
    assert processes_of(clone) == []
