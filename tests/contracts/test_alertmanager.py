"""Alertmanager's own check of what is rendered for it, its routes, and who mutes whom in it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TypeAlias

import pytest
import yaml

from alertmanager_server import AlertmanagerServer, alert, amtool, running_alertmanager, until
from inhibition import Kind, Labels, Pair, Rules, broken, kinds, mutes, pairs
from vigie.catalogue.signals import SERVICE_DOWN, WATCHDOG
from vigie.render import alertmanager, embedded
from vigie.settings import load

Identity: TypeAlias = "tuple[tuple[str, str], ...]"

ROUTES = ("config", "routes", "test", "--config.file")

_OWN = """
language: fr
time_zone: America/Montreal
services: {"l'IA": {kind: fastapi, url: "http://10.0.0.7:8000"}}
links: {dashboards: "https://grafana.example.org", alertmanager: "https://alerts.example.org/am"}
notify:
  webhook: {url: "https://hooks.example.org/x", token_file: token}
  slack: {webhook_url_file: slack, channel: "#ops"}
  email: {to: "Ops <ops@example.org>, b@example.org", smtp: "smtp.example.org:587",
          sender: "Vigie <vigie@example.org>", username: u, password_file: password}
  mute:
    - {name: "nuits et week-ends", from: 22:00, to: 07:00}
    - {name: août, days: mon-sun, severity: critical}
    - {name: noon, days: [mon, fri], from: 12:00, to: 14:00}
"""


def rendered(folder: Path, given: str = "", pace: float = 1) -> Path:
    """Where the rendered alertmanager.yml is."""
    (folder / "vigie.yml").write_text(given, encoding="utf-8")
    for name, text in embedded(load(environ={}, start=folder), pace).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder / alertmanager.PATH


@pytest.mark.servers
@pytest.mark.parametrize("pace", [1, 7, 15, 60])
@pytest.mark.parametrize("given", ["", _OWN], ids=["default", "own settings"])
def test_alertmanager_accepts_what_is_rendered(given: str, pace: int, tmp_path: Path) -> None:
    told = subprocess.run(
        [amtool(), "check-config", rendered(tmp_path, given, pace)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert " - 2 inhibit rules\n - 2 receivers\n - 1 templates\n" in told.stdout


@pytest.mark.servers
def test_every_alert_reaches_the_inbox_and_the_team_and_the_watchdog_the_inbox_alone(
    tmp_path: Path,
) -> None:
    configuration = rendered(tmp_path, _OWN)
    for kind in kinds():
        labels = [f"{name}={value}" for name, value in kind.about("django").items()]
        expected = "inbox" if kind.name == WATCHDOG.alert else "inbox,team"
        told = subprocess.run(
            [amtool(), *ROUTES, configuration, "--verify.receivers", expected, *labels],
            capture_output=True,
            text=True,
            check=False,
        )
        assert told.returncode == 0, f"{kind}: {told.stdout}{told.stderr}"


# Who mutes whom: the whole rule.
#
#   what is muted                     by
#   a warning                         the critical alert of its name, about the same part of the
#                                     same service
#   anything but the watchdog         the critical alert that its service is down
#
# Nothing else mutes anything.


def must_mute(source: Kind, target: Kind, same_service: bool, same_part: bool) -> bool:
    if not same_service or source.severity != "critical":
        return False
    if target.severity == "warning" and source.name == target.name and same_part:
        return True
    down = SERVICE_DOWN.alert
    return source.name == down and target.name not in (down, WATCHDOG.alert)


def wrong(rules: Rules) -> list[tuple[Kind, Kind]]:
    """The pairs, a source and a target, for which the rules say other than they must."""
    return [
        (pair.kinds[source], pair.kinds[target])
        for pair in pairs()
        for source, target in ((0, 1), (1, 0))
        if mutes(rules, pair.labels[source], pair.labels[target]) != _must(pair, source, target)
    ]


def _must(pair: Pair, source: int, target: int) -> bool:
    return must_mute(pair.kinds[source], pair.kinds[target], pair.same_service, pair.same_part)


def inhibit_rules() -> Rules:
    text = embedded(load(environ={}, start=Path("/")))[alertmanager.PATH]
    rules: Rules = yaml.safe_load(text)["inhibit_rules"]
    return rules


def test_the_rules_mute_what_they_must_and_nothing_else() -> None:
    assert wrong(inhibit_rules()) == []


def test_rules_with_one_thing_taken_out_of_them_are_noticed() -> None:
    mutants = dict(broken(inhibit_rules()))
    survivors = [what for what, rules in mutants.items() if not wrong(rules)]
    print(f"{len(mutants) - len(survivors)}/{len(mutants)} mutants of the inhibit rules killed")
    assert survivors == []


@pytest.mark.servers
def test_alertmanager_mutes_what_must_be_muted_and_nothing_else(tmp_path: Path) -> None:
    # The last to arrive: once it is muted, Alertmanager knows of all others.
    last = [
        {"alertname": SERVICE_DOWN.alert, "severity": "critical", "service": "the last"},
        {"alertname": "Last", "severity": "critical", "service": "the last"},
    ]
    with running_alertmanager(tmp_path, silent=True) as server:
        server.post(alert(labels) for pair in pairs() for labels in pair.labels)
        server.post([alert(last[0])])
        server.post([alert(last[1])])
        until(lambda: _inhibited_by(server)[_identity(last[1])])
        found = _inhibited_by(server)
    differing = [
        (pair.kinds[source], pair.kinds[target], found[_identity(pair.labels[target])])
        for pair in pairs()
        for source, target in ((0, 1), (1, 0))
        if found[_identity(pair.labels[target])]
        != ([_identity(pair.labels[source])] if _must(pair, source, target) else [])
    ]
    assert differing == []
    assert len(found) == 2 * len(pairs()) + len(last)


def _inhibited_by(server: AlertmanagerServer) -> dict[Identity, list[Identity]]:
    """Each alert, and by which ones it is muted."""
    alerts = server.alerts()
    known = {one["fingerprint"]: _identity(one["labels"]) for one in alerts}
    return {
        _identity(one["labels"]): [known[by] for by in one["status"]["inhibitedBy"]]
        for one in alerts
    }


def _identity(labels: Labels) -> Identity:
    return tuple(sorted(labels.items()))
