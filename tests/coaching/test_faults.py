"""The faults of the drills: there when they are switched on, and only then."""

import time
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from coaching_application import Application

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def faulty(
    tmp_path_factory: pytest.TempPathFactory, provider: httpx.Client
) -> Iterator[Application]:
    """An application of which both services have the switch for faults."""
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("faulty")
        whole = Application(folder, str(provider.base_url).rstrip("/"), stack)
        whole.start_django(COACHING_FAULTS="1")
        whole.start_api()
        yield whole


def test_without_the_switch_there_are_no_faults(application: Application) -> None:
    for service in (application.django, application.api):
        assert service.post("/faults", json={"error_ratio": 1}).status_code == 404


def test_faults_come_and_go_and_leave_health_and_metrics_alone(faulty: Application) -> None:
    athlete = faulty.new_athlete()

    def profile() -> httpx.Response:
        return faulty.django.get("/api/v1/profile/", headers=athlete.headers)

    def ask() -> httpx.Response:
        question = {"question": "What is the capital of Japan?"}
        return faulty.api.post("/api/v1/ask", headers=athlete.headers, json=question)

    for service, request, health, metrics in (
        (faulty.django, profile, "/health/", "/metrics/"),
        (faulty.api, ask, "/health", "/metrics"),
    ):
        set_to = service.post("/faults", json={"error_ratio": 1})
        assert set_to.json()["error_ratio"] == 1.0
        assert request().status_code == 500
        assert service.get(health).status_code == 200
        assert service.get(metrics).status_code == 200

        assert service.post("/faults", json={"latency_seconds": 0.5}).status_code == 200
        started = time.perf_counter()
        assert request().status_code == 200
        assert time.perf_counter() - started >= 0.5

        assert service.post("/faults", json={}).json()["latency_seconds"] == 0.0
        assert request().status_code == 200

        for wrong in ({"error_ratio": "often"}, {"latency_seconds": -1}, []):
            assert service.post("/faults", json=wrong).status_code in (400, 422)
            assert request().status_code == 200


def test_held_connections_are_connections_in_use(faulty: Application) -> None:
    def in_use() -> float:
        lines = faulty.django.get("/metrics/").text.splitlines()
        name = 'django_db_connections_active{alias="default"} '
        return next(float(line.removeprefix(name)) for line in lines if line.startswith(name))

    faulty.django.get("/health/")  # connects
    before = in_use()
    faulty.django.post("/faults", json={"held_connections": 7})
    assert in_use() >= before + 7
    faulty.django.post("/faults", json={})
    assert in_use() < before + 7


def test_deadlocks_are_the_databases_own(unstarted: Application, postgresql: str) -> None:
    unstarted.start_django(COACHING_FAULTS="1", COACHING_DATABASE_URL=postgresql)
    unstarted.django.get("/health/")  # connects
    made = unstarted.django.post("/faults", json={"deadlocks": 2})
    assert made.json()["deadlocks"] == 2
    counted = 'django_db_errors_total{alias="default",kind="deadlock"} 2.0'
    assert counted in unstarted.django.get("/metrics/").text.splitlines()


def test_sqlite_has_no_deadlocks_to_offer(faulty: Application) -> None:
    refused = faulty.django.post("/faults", json={"deadlocks": 1, "latency_seconds": 5})
    assert refused.status_code == 400
    assert refused.json() == {"detail": "Deadlocks take PostgreSQL."}
    started = time.perf_counter()
    faulty.django.get("/api/v1/profile/")
    assert time.perf_counter() - started < 5
