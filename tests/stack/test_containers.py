"""The component that stands for all containers, and how what it leaves is removed."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from vigie.render import compose, deployment
from vigie.settings import Settings, load
from vigie.stack import containers, down, screen
from vigie.stack.components import Component, beside_containers
from vigie.stack.demo import coaching
from vigie.stack.docker import Docker
from vigie.stack.errors import RequestError, StackError
from vigie.stack.readiness import is_ready
from vigie.stack.started import Started, save, saved
from vigie.stack.state import State
from vigie.stack.supervisord import configuration
from vigie.stack.up import Wanted, start, up

DOCKER = Docker("/x/docker", "/x/compose", {"PATH": "/x", "DOCKER_HOST": "unix:///x"})


@pytest.fixture
def made(state: State) -> State:
    state.make()
    return state


def settings(tmp_path: Path, text: str = "") -> Settings:
    (tmp_path / "vigie.yml").write_text(text)
    return load(environ={}, start=tmp_path)


def test_compose_stays_in_the_foreground_and_is_called_alike_each_time(
    made: State, tmp_path: Path
) -> None:
    one = containers.containers(settings(tmp_path), made, DOCKER)
    file = f"{made.config}/docker/docker-compose-monitoring.yml"
    assert one.command[0] == "/x/compose"
    assert one.command[3:] == ("--file", file, "up", "--no-color", "--remove-orphans")
    assert one.clean_up == (*one.command[:5], "down")
    other = containers.containers(settings(tmp_path), State.at(tmp_path / "other"), DOCKER)
    assert one.command[1] == "--project-name"
    assert one.command[2].startswith("vigie-")
    assert one.command[2] != other.command[2]


def test_compose_goes_by_the_variables_of_whoever_started_it(made: State, tmp_path: Path) -> None:
    one = containers.containers(settings(tmp_path), made, DOCKER)
    assert one.env == {
        "PATH": "/x",
        "DOCKER_HOST": "unix:///x",
        "VIGIE_LOGS": f"{made.folder}/data/containers/logs",
    }


def test_it_is_ready_when_all_are_that_people_or_services_speak_to(
    made: State, tmp_path: Path
) -> None:
    given = 'ports: {grafana: 3001, prometheus: 9091}\nbind: "::1"'
    one = containers.containers(settings(tmp_path, given), made, DOCKER)
    assert one.ready_urls == (
        "http://[::1]:3001/api/health",
        "http://[::1]:9091/-/ready",
        "http://[::1]:9093/-/ready",
        "http://[::1]:3100/ready",
        "http://[::1]:3200/ready",
        "http://[::1]:12345/-/ready",
    )
    assert one.url == "http://[::1]:3001"
    assert one.parts["Prometheus"] == "http://[::1]:9091"


def test_every_port_that_is_published_or_listened_on_is_checked_before(
    made: State, tmp_path: Path
) -> None:
    known = settings(tmp_path)
    seats = containers.containers(known, made, DOCKER).seats.values()
    document = yaml.safe_load(deployment(known)[compose.PATH])
    for name, one in document["services"].items():
        for published in one.get("ports", []):
            assert int(published.split(":")[-2]) in seats, name
    assert {3000, 9090, 9093, 9100} <= set(seats)


def test_supervisord_gives_containers_the_time_that_they_need_to_end(
    made: State, tmp_path: Path
) -> None:
    files = containers.files(settings(tmp_path), made)
    for name, text in files.items():
        made.write(made.config / name, text)
    one = containers.containers(settings(tmp_path), made, DOCKER)
    assert "\nstopwaitsecs = 50\n" in configuration([one], {one.name: ""})


def test_an_edited_file_starts_them_anew(made: State, tmp_path: Path) -> None:
    one = containers.containers(settings(tmp_path), made, DOCKER)
    written: list[str] = []
    for given in ("", "", "thresholds: {django_response_time: {warning: '>300ms'}}"):
        for name, text in containers.files(settings(tmp_path, given), made).items():
            made.write(made.config / name, text)
        written.append(configuration([one], {one.name: ""}))
    assert written[0] == written[1] != written[2]


def test_files_are_those_of_vigie_render_but_for_the_folder_of_grafanas_password(
    made: State, tmp_path: Path
) -> None:
    known = settings(tmp_path)
    files = containers.files(known, made)
    rendered = {f"docker/{name}": text for name, text in deployment(known).items()}
    file = f"docker/{compose.PATH}"
    assert files.pop(file) == rendered.pop(file).replace(
        "./secrets/grafana_admin_password", f"{made.folder}/secrets/grafana_admin_password"
    )
    assert files == rendered


def test_grafanas_password_is_made_once_and_for_its_owner_alone(
    made: State, tmp_path: Path
) -> None:
    before = os.umask(0)
    try:
        containers.files(settings(tmp_path), made)
    finally:
        os.umask(before)
    secret = made.folder / "secrets" / "grafana_admin_password"
    first = secret.read_text()
    assert len(first) >= 32
    assert secret.stat().st_mode & 0o777 == 0o600
    assert secret.parent.stat().st_mode & 0o777 == 0o700
    containers.files(settings(tmp_path), made)
    assert secret.read_text() == first
    one = containers.containers(settings(tmp_path), made, DOCKER)
    assert containers.grafana_password(made, [one]) == secret
    assert containers.grafana_password(made, beside_containers(settings(tmp_path), made)) is None


def test_beside_containers_run_the_console_and_the_costs_and_a_demo_waits_for_them(
    made: State, tmp_path: Path
) -> None:
    known = settings(tmp_path)
    assert [one.name for one in beside_containers(known, made)] == ["costs", "console"]
    demo = coaching(known, made, {}, store=containers.CONTAINERS)
    assert {one.after for one in demo.components if one.name == "django"} == {("containers",)}
    (django,) = [one for one in demo.components if one.name == "django"]
    assert django.env["VIGIE_LOGS_URL"] == "http://127.0.0.1:3100"
    assert django.env["VIGIE_TRACES_URL"] == "http://127.0.0.1:4318"


def test_a_person_sees_where_each_engine_is(made: State, tmp_path: Path) -> None:
    console = screen.console()
    with console.capture() as shown:
        console.print(screen.addresses([containers.containers(settings(tmp_path), made, DOCKER)]))
    lines = [line.split() for line in shown.get().splitlines()]
    assert lines[0][:2] == ["Containers", "http://localhost:3000"]
    assert ["Loki", "http://localhost:3100", "a", "container"] in lines


@pytest.fixture
def compose_script(tmp_path: Path) -> Path:
    """In Compose's place: writes down what it is called with, and does as the file `refuses` says.
    Asked for `up` it stays, as long as its containers would."""
    script = tmp_path / "compose"
    script.write_text(
        f'#!/bin/sh\necho "$DOCKER_HOST $@" >> {tmp_path}/called\n'
        f"[ -f {tmp_path}/refuses ] && cat {tmp_path}/refuses && exit 1\n"
        'for part; do [ "$part" = up ] && exec sleep 1000; done\nexit 0\n'
    )
    script.chmod(0o755)
    return script


def noted(made: State, script: Path) -> Component:
    """A component as `up` notes it."""
    one = Component(
        name=containers.CONTAINERS,
        title="Containers",
        purpose="testing",
        command=(str(script), "up"),
        cwd="/",
        env={"DOCKER_HOST": "unix:///x"},
        clean_up=(str(script), "down"),
    )
    containers.note(made, one)
    save(made, Started.now([one], 1))
    return one


def called(tmp_path: Path) -> list[str]:
    file = tmp_path / "called"
    return file.read_text().splitlines() if file.exists() else []


def test_whoever_ends_the_stack_removes_its_containers_and_the_volumes_when_asked(
    made: State, tmp_path: Path, compose_script: Path
) -> None:
    noted(made, compose_script)
    down.stop(made)
    assert called(tmp_path) == ["unix:///x down"]
    down.stop(made)
    assert called(tmp_path) == ["unix:///x down"], "they are gone"
    down.down(made, volumes=True)
    assert called(tmp_path)[1:] == ["unix:///x down --volumes"]
    assert not made.folder.exists()


def test_a_stack_without_containers_asks_no_docker(made: State, tmp_path: Path) -> None:
    save(made, Started.now([Component("web", "Web", "", ("true",), "/")], 1))
    down.down(made, volumes=True)
    assert called(tmp_path) == []


def test_what_docker_cannot_remove_now_is_told_and_can_be_removed_later(
    made: State, tmp_path: Path, compose_script: Path
) -> None:
    noted(made, compose_script)
    (tmp_path / "refuses").write_text("Cannot connect\n")
    with pytest.raises(StackError) as raised:
        down.down(made, volumes=True)
    assert str(raised.value) == (
        "everything else was stopped, but the containers may still be there:\n"
        "  Cannot connect\n"
        "once Docker answers again: vigie down --volumes"
    )
    assert saved(made).components, "the next one knows what is to be removed"
    (tmp_path / "refuses").unlink()
    down.down(made)
    assert called(tmp_path)[-1] == "unix:///x down"


def test_status_asks_every_address(made: State, tmp_path: Path) -> None:
    nobody = containers.containers(settings(tmp_path, "ports: {grafana: 1}"), made, DOCKER)
    assert not is_ready(nobody)


@pytest.mark.servers
def test_the_process_ends_before_its_containers_are_removed(
    made: State, tmp_path: Path, compose_script: Path
) -> None:
    one = noted(made, compose_script)
    with made.locked():
        start(made, Wanted([one]), os.environ, lambda _: None)
    assert called(tmp_path) == ["unix:///x up"]
    assert down.down(made).stopped == 1
    assert called(tmp_path) == ["unix:///x up", "unix:///x down"]


@pytest.mark.servers
def test_a_start_that_fails_leaves_no_containers(
    made: State, tmp_path: Path, compose_script: Path
) -> None:
    one = replace(
        noted(made, compose_script), ready_url="http://127.0.0.1:9/", patience_seconds=0.5
    )
    with made.locked(), pytest.raises(StackError, match=r"not ready within 0\.5 s"):
        start(made, Wanted([one]), os.environ, lambda _: None)
    assert called(tmp_path) == ["unix:///x up", "unix:///x down"]


@pytest.mark.servers
def test_how_the_engines_run_is_changed_by_a_new_start_only(
    made: State, tmp_path: Path, compose_script: Path
) -> None:
    known = settings(tmp_path)
    with made.locked():
        sleeper = Component("prometheus", "Prometheus", "rests", ("sleep", "1000"), "/")
        start(made, Wanted([sleeper]), os.environ, lambda _: None)
    with pytest.raises(RequestError) as raised:
        up(made, known, os.environ, lambda _: None, docker=True)
    assert str(raised.value) == (
        "the engines already run, and not on Docker\nstop them first: vigie down"
    )
    down.down(made)

    with pytest.raises(RequestError) as raised:
        up(made, known, os.environ, lambda _: None, docker=True, pace=15)
    assert str(raised.value) == "--fast is for engines without Docker\nleave out --fast"

    with made.locked():
        start(made, Wanted([noted(made, compose_script)]), os.environ, lambda _: None)
    with pytest.raises(RequestError) as raised:
        up(made, known, os.environ, lambda _: None, pace=15)
    assert str(raised.value) == (
        "--fast is for engines without Docker\nleave out --fast, or stop these first: vigie down"
    )
