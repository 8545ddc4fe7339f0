import re
from typing import Any

import yaml
from prometheus_client.parser import text_string_to_metric_families

from alerting import Bound, Receiver, bound
from feigned_services import ILLNESSES, SILENCE, FeignedService
from vigie import catalogue
from vigie.catalogue.signals import BY_NAME
from vigie.render import prometheus, rules
from vigie.render.pace import Pace
from vigie.render.place import Place
from vigie.settings import load
from vigie.settings.quantities import duration


def test_the_bound_is_made_of_what_is_rendered() -> None:
    settings = load(environ={})
    for pace in (Pace.of(settings), Pace.fast(settings)):
        said = yaml.safe_load(prometheus.configuration(settings, pace, Place.embedded(settings)))
        groups = yaml.safe_load(rules.configuration(settings, pace))["groups"]
        held = {
            rule["labels"]["signal"]: duration(rule["for"]).total_seconds()
            for group in groups
            for rule in group["rules"]
            if rule.get("labels", {}).get("severity") == "critical" and "for" in rule
        }
        for one in (*ILLNESSES, SILENCE):
            found = bound(one.signal, one.bad_share, pace)
            intervals = (found.scrape, found.evaluation)
            for seconds, name in zip(intervals, ("scrape", "evaluation"), strict=True):
                assert seconds == duration(said["global"][f"{name}_interval"]).total_seconds()
            assert found.hold == held.get(one.signal, 0)


def test_people_wait_ten_seconds_for_what_is_critical_and_a_second_at_least() -> None:
    settings = load(environ={})
    assert bound("service_down", 0, Pace.of(settings)) == Bound(0, 15, 15, 60, 10)
    assert bound("service_down", 0, Pace.fast(settings)) == Bound(0, 1, 1, 4, 1)
    assert bound("django_response_time", 0.05, Pace.fast(settings)).seconds == 1 + 1 + 1 + 8 + 1


def told(*alerts: tuple[str, str, str]) -> dict[str, Any]:
    return {
        "alerts": [
            {
                "status": status,
                "labels": {
                    "service": "ill-0",
                    "signal": "database_connections",
                    "severity": severity,
                    "alertname": name,
                },
            }
            for name, severity, status in alerts
        ]
    }


def test_the_first_telling_of_what_is_worst_counts() -> None:
    receiver = Receiver(port=1)
    key = ("ill-0", "database_connections")
    receiver.take(told(("DatabaseConnections", "warning", "firing")), 1.0)
    receiver.take(told(("DatabaseConnections", "critical", "resolved")), 2.0)
    assert receiver.first == {}
    receiver.take(told(("DatabaseConnections", "critical", "firing")), 3.0)
    receiver.take(told(("DatabaseConnections", "critical", "firing")), 4.0)
    assert receiver.first == {key: 3.0}


def test_a_feigned_service_says_what_the_catalogue_knows() -> None:
    service = FeignedService("ill", port=1, born=0.0)
    known = {metric.name for metric in catalogue.metrics()}
    page = service.page()
    assert page is not None
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            assert re.sub("_(bucket|count)$", "", sample.name) in known, sample.name
    service.ill_since[SILENCE.signal] = 1.0
    assert service.page() is None


def test_every_illness_is_of_a_signal() -> None:
    assert {one.signal for one in (*ILLNESSES, SILENCE)} <= BY_NAME.keys()
