"""By which address engines reach each other and the watched services."""

from __future__ import annotations

from pathlib import Path

import pytest

from vigie.render.place import Place
from vigie.render.yaml_text import yaml_text
from vigie.settings import Service, Settings, load


def settings(folder: Path, text: str = "") -> Settings:
    (folder / "vigie.yml").write_text(text, encoding="utf-8")
    return load(environ={}, start=folder)


def service(url: str) -> Service:
    return Service(kind="django", url=url, metrics_path="/metrics")


@pytest.mark.parametrize(
    ("url", "embedded", "compose"),
    [
        ("http://localhost:8002", "localhost:8002", "host.docker.internal:8002"),
        ("http://127.0.0.1:8002", "127.0.0.1:8002", "host.docker.internal:8002"),
        ("http://127.0.1.1:8002", "127.0.1.1:8002", "host.docker.internal:8002"),
        ("http://[::1]:8002", "[::1]:8002", "host.docker.internal:8002"),
        ("http://10.0.0.7:8002", "10.0.0.7:8002", "10.0.0.7:8002"),
        ("http://[fd00::7]:8002", "[fd00::7]:8002", "[fd00::7]:8002"),
        ("https://api.example.org", "api.example.org:443", "api.example.org:443"),
        ("http://django:8002", "django:8002", "django:8002"),
    ],
)
def test_only_what_is_on_this_machine_has_another_name_in_a_container(
    url: str, embedded: str, compose: str, tmp_path: Path
) -> None:
    known = settings(tmp_path)
    assert Place.embedded(known).target(service(url)) == embedded
    assert Place.compose(known).target(service(url)) == compose


def test_engines_are_where_their_ports_and_address_say(tmp_path: Path) -> None:
    known = settings(tmp_path, 'bind: "::1"\nports: {prometheus: 9091, costs: 9401, logs: 3101}')
    embedded, compose = Place.embedded(known).engines, Place.compose(known).engines
    assert embedded["prometheus"] == "[::1]:9091"
    assert embedded["costs"] == "[::1]:9401"
    assert compose["prometheus"] == "prometheus:9090"
    assert compose["costs"] == "host.docker.internal:9401"
    assert set(embedded) - {"store"} < set(compose)
    assert embedded["store"] == "[::1]:3101"
    assert compose.keys() & {"store", "loki", "tempo"} == {"loki", "tempo"}


def test_yaml_is_written_without_anchors_and_text_in_blocks() -> None:
    same = ["x"]
    text = yaml_text({"a": same, "b": same, "c": "one\ntwo"})
    assert text == "a:\n  - x\nb:\n  - x\nc: |-\n  one\n  two\n"
