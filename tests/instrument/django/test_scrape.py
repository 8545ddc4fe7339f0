"""metrics_view: what Prometheus reads, and what it costs nobody."""

from typing import Any

import pytest


def test_a_scrape_tells_the_metrics_and_is_not_counted_itself(browse: Any, samples: Any) -> None:
    browse.use("requests", "authentication")
    browse("/hello/")
    response = browse("/metrics/")
    lines = response.content.decode().splitlines()
    assert response["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert 'django_requests_total{endpoint="/hello/",method="GET",status="200"} 1.0' in lines
    assert "django_requests_in_progress 0.0" in lines
    assert 'django_auth_failures_total{reason="expired_token"} 0.0' in lines
    assert "django_active_users 0.0" in lines
    assert [dict(key)["endpoint"] for key in samples("django_requests_total")] == ["/hello/"]
    assert samples("django_requests_in_progress") == {(): 0}


def test_a_scraper_that_asks_for_openmetrics_gets_it(browse: Any) -> None:
    browse.use("requests")
    response = browse("/metrics/", headers={"Accept": "application/openmetrics-text"})
    assert response["Content-Type"].startswith("application/openmetrics-text")
    assert response.content.endswith(b"# EOF\n")


def test_a_scrape_needs_no_login(browse: Any) -> None:
    browse.use("session", "user", "login_required", "requests", LOGIN_URL="/login/")
    assert browse("/hello/").status_code == 302
    assert browse("/metrics/").status_code == 200


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("POST", 405), ("PUT", 405)])
def test_a_scrape_only_reads(browse: Any, method: str, status: int) -> None:
    assert browse.use("requests")("/metrics/", method=method).status_code == status


def test_figures_that_cannot_be_read_are_an_answer_and_break_nothing(
    browse: Any, registry: Any, samples: Any
) -> None:
    class Unreadable:
        def collect(self) -> Any:
            raise OSError("no such folder")

    browse.use("requests")("/hello/")
    unreadable = Unreadable()
    registry.register(unreadable)
    response = browse("/metrics/")
    assert response.status_code == 503
    assert response.content == b"vigie cannot tell the metrics: no such folder\n"
    registry.unregister(unreadable)
    assert samples("vigie_internal_errors_total") == {(("where", "exposition"),): 1}
