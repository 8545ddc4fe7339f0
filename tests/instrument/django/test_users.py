"""Active users: whoever a request has looked at, and nobody is looked up for it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ACTIVE = "django_active_users"
ALL = ("session", "user", "requests", "authentication")


@pytest.fixture
def alice_and_bob(alice: Any) -> Iterator[None]:
    """Two users."""
    from django.contrib.auth.models import User

    bob = User.objects.create_user("bob", password="correct")
    yield
    User.objects.filter(pk=bob.pk).delete()


def log_in(browse: Any, name: str) -> None:
    browse("/login/", form={"username": name, "password": "correct"})


@pytest.mark.parametrize("path", ["/whoami/", "/awhoami/"])
def test_users_with_a_session_are_counted_once_each(
    browse: Any, alice_and_bob: None, metric: Any, pass_seconds: Any, path: str
) -> None:
    browse.use(*ALL)
    for name in ("alice", "bob"):
        log_in(browse, name)
        pass_seconds(1000)
    assert metric(ACTIVE) == 0
    assert browse(path).content == b"bob"
    browse(path)
    assert metric(ACTIVE) == 1
    pass_seconds(200)
    log_in(browse, "alice")
    assert browse(path).content == b"alice"
    assert metric(ACTIVE) == 2
    pass_seconds(200)
    assert metric(ACTIVE) == 1
    pass_seconds(200)
    assert metric(ACTIVE) == 0


def test_a_user_with_a_token_is_counted(browse: Any, alice: Any, metric: Any) -> None:
    from rest_framework_simplejwt.tokens import AccessToken

    headers = {"Authorization": f"Bearer {AccessToken.for_user(alice)}"}
    browse.use("authentication")("/profile/", headers=headers)
    assert metric(ACTIVE) == 1


def test_nobody_is_no_user(browse: Any, metric: Any) -> None:
    browse.use(*ALL)
    browse("/whoami/")
    browse("/profile/")
    browse("/hello/")
    browse("/robot/")
    assert metric(ACTIVE) == 0
    assert metric("vigie_internal_errors_total", where="django_auth") is None


def test_a_user_whom_the_view_does_not_look_at_is_not_looked_up(
    browse: Any, alice: Any, metric: Any, pass_seconds: Any, samples: Any
) -> None:
    browse.use(*ALL)
    log_in(browse, "alice")
    pass_seconds(1000)
    before = samples("django_db_query_duration_seconds_count")
    browse("/hello/")
    assert samples("django_db_query_duration_seconds_count") == before
    assert metric(ACTIVE) == 0


WORKER = """
import sys
from pathlib import Path
import watched_site
watched_site.set_up(Path(sys.argv[1]))
from django.contrib.auth.models import User
from django.test import Client, override_settings
from rest_framework_simplejwt.tokens import AccessToken
user, _ = User.objects.get_or_create(username=sys.argv[2])
with override_settings(MIDDLEWARE=[
    "vigie.instrument.django.PrometheusMiddleware",
    "vigie.instrument.django.AuthFailureMiddleware",
]):
    client = Client()
    token = AccessToken.for_user(user)
    assert client.get("/profile/", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    print(client.get("/metrics/").content.decode(), flush=True)
    sys.stdin.read()
"""


@pytest.mark.servers
def test_the_workers_of_a_service_count_its_users_together(tmp_path: Path) -> None:
    environ = {
        **os.environ,
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "workers"),
        "PYTHONPATH": str(Path(__file__).parents[2] / "environment"),
    }
    workers, scrapes = [], []
    for name in ("alice", "bob"):
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(tmp_path), name],
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert worker.stdout is not None
        workers.append(worker)
        scrapes.append([])
        for line in worker.stdout:
            if line == "\n":
                break
            scrapes[-1].append(line.rstrip())
    for worker in workers:
        worker.communicate("")
    requests = 'django_requests_total{endpoint="/profile/",method="GET",status="200"}'
    for number, (users, scrape) in enumerate(zip((1, 2), scrapes, strict=True), start=1):
        assert f"django_active_users {users}.0" in scrape
        assert f"{requests} {number}.0" in scrape
        assert f'django_db_connections_active{{alias="default"}} {number}.0' in scrape
    (limits,) = {
        float(line.rpartition(" ")[2]) / number
        for number, scrape in enumerate(scrapes, start=1)
        for line in scrape
        if line.startswith("django_db_connections_max{")
    }
    assert limits > 0
