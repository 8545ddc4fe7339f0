"""The demo's components: how its services find each other, and where its secrets are."""

from __future__ import annotations

from pathlib import Path

import pytest

from vigie.settings import Settings, load
from vigie.stack.components import DEMO, Component
from vigie.stack.demo import Demo, asked_before, coaching
from vigie.stack.errors import RequestError
from vigie.stack.restart import named as restart_name
from vigie.stack.state import State


def settings(tmp_path: Path, **variables: str) -> Settings:
    return load(environ=variables, start=tmp_path)


def demo(state: State, settings: Settings, **environ: str) -> Demo:
    state.make()
    return coaching(settings, state, {"HOME": "/home/x", **environ})


def named(demo: Demo) -> dict[str, Component]:
    return {one.name: one for one in demo.components}


def test_the_services_find_each_other_and_the_simulator(state: State, tmp_path: Path) -> None:
    moved = settings(
        tmp_path,
        VIGIE_SERVICES__DJANGO__URL="http://localhost:1002",
        VIGIE_PORTS__SIMULATOR="1090",
        VIGIE_PORTS__LOGS="1100",
        VIGIE_PORTS__OTLP="1318",
        VIGIE_CURRENCY__CODE="CHF",
        VIGIE_CURRENCY__PER_USD="0.9",
    )
    parts = named(demo(state, moved))
    assert list(parts) == ["simulator", "django", "fastapi", "streamlit", "traffic"]
    secret = state.folder / "secrets" / "coaching_secret_key"
    for name in ("django", "fastapi", "streamlit"):
        assert parts[name].env == {
            "VIGIE_SERVICE": name,
            "VIGIE_SETTINGS": f"{state.folder}/config/vigie.yml",
            **moved.variables,
            "COACHING_SECRET_KEY_FILE": str(secret),
            "COACHING_STATE": f"{state.folder}/data/django",
            "COACHING_ALLOWED_HOSTS": "127.0.0.1,localhost,[::1],127.0.0.1",
            "COACHING_DJANGO_URL": "http://127.0.0.1:1002",
            "COACHING_API_URL": "http://127.0.0.1:8000",
            "COACHING_UI_URL": "http://127.0.0.1:8501",
            "VIGIE_LOGS_URL": "http://127.0.0.1:1100",
            "VIGIE_TRACES_URL": "http://127.0.0.1:1318",
            "OPENAI_BASE_URL": "http://127.0.0.1:1090/v1",
        }
        assert parts[name].env["VIGIE_CURRENCY__CODE"] == "CHF"
        assert parts[name].settled == parts["fastapi"].settled
    assert secret.stat().st_mode & 0o777 == 0o600
    assert len(secret.read_text()) >= 48
    assert (parts["django"].port, parts["django"].setting) == (1002, "services.django.url")
    assert parts["traffic"].command[-8:] == (
        *("--django", "http://127.0.0.1:1002"),
        *("--fastapi", "http://127.0.0.1:8000"),
        *("--streamlit", "http://127.0.0.1:8501"),
        *("--provider", "http://127.0.0.1:1090"),
    )
    assert set(parts["traffic"].after) == {"simulator", "django", "fastapi", "streamlit"}


@pytest.mark.parametrize(
    ("variable", "anew"),
    [
        ({"VIGIE_CURRENCY__PER_USD": "0.5"}, True),
        ({"VIGIE_LEDGER__RETENTION": "7d"}, True),
        ({"VIGIE_THRESHOLDS__DISK_SPACE__WARNING": "<30%"}, False),
    ],
)
def test_a_service_starts_anew_for_what_costs_depend_on(
    variable: dict[str, str], anew: bool, state: State, tmp_path: Path
) -> None:
    before = named(demo(state, settings(tmp_path)))
    after = named(demo(state, settings(tmp_path, **variable)))
    for name in ("django", "fastapi", "streamlit"):
        assert (before[name].settled != after[name].settled) is anew


def test_at_a_faster_pace_there_is_more_traffic_and_faults_can_be_switched_on(
    state: State, tmp_path: Path
) -> None:
    state.make()
    fast = named(coaching(settings(tmp_path), state, {}, pace=15))
    options = " ".join(fast["traffic"].command)
    assert options.endswith("--pace 15 --users 10 --tokens-per-minute 800")
    usual = named(demo(state, settings(tmp_path)))
    assert "--pace" not in usual["traffic"].command
    for name in ("django", "fastapi", "streamlit"):
        assert fast[name].env["COACHING_FAULTS"] == "1"
        assert "COACHING_FAULTS" not in usual[name].env


def test_what_a_running_demo_talks_to_does_not_depend_on_the_next_caller(
    state: State, tmp_path: Path
) -> None:
    theirs = {"OPENAI_API_KEY": "sk-mine", "COACHING_DATABASE_URL": "sqlite:///mine", "HOME": "/x"}
    simulated = demo(state, settings(tmp_path)).components
    assert asked_before(theirs, simulated) == {"HOME": "/x"}
    given = {
        "OPENAI_API_KEY": "sk-real",
        "OPENAI_BASE_URL": "https://eu.example/v1",
        "COACHING_DATABASE_URL": "postgresql://h/d",
    }
    real = demo(state, settings(tmp_path), **given).components
    assert asked_before(theirs, real) == {"HOME": "/x", **given}


def test_all_names_of_the_demo_are_known(state: State, tmp_path: Path) -> None:
    assert set(named(demo(state, settings(tmp_path)))) == DEMO


def test_a_component_is_called_as_its_title_says(state: State, tmp_path: Path) -> None:
    for one in demo(state, settings(tmp_path)).components:
        assert restart_name(one.title, [one.name]) == one.name


def test_the_secret_is_the_same_at_the_next_start(state: State, tmp_path: Path) -> None:
    demo(state, settings(tmp_path))
    secret = state.secret_file("coaching_secret_key").read_text()
    demo(state, settings(tmp_path))
    assert state.secret_file("coaching_secret_key").read_text() == secret


def test_with_a_key_the_real_provider_is_used_and_nobody_spends_without_need(
    state: State, tmp_path: Path
) -> None:
    real = demo(state, settings(tmp_path), OPENAI_API_KEY="sk-real")
    parts = named(real)
    assert real.real_provider == "https://api.openai.com/v1"
    assert list(parts) == ["django", "fastapi", "streamlit"]
    key_file = state.secret_file("openai_api_key")
    assert parts["fastapi"].env["OPENAI_API_KEY_FILE"] == str(key_file)
    assert parts["fastapi"].env["OPENAI_BASE_URL"] == "https://api.openai.com/v1"
    assert key_file.read_text() == "sk-real"
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert real.environ == {"HOME": "/home/x"}  # the key is in the file only


def test_the_real_provider_may_be_elsewhere(state: State, tmp_path: Path) -> None:
    real = demo(
        state, settings(tmp_path), OPENAI_API_KEY="sk", OPENAI_BASE_URL="https://eu.example/v1"
    )
    assert real.real_provider == "https://eu.example/v1"


def test_without_a_key_no_other_provider_is_called(state: State, tmp_path: Path) -> None:
    simulated = demo(state, settings(tmp_path), OPENAI_BASE_URL="https://eu.example/v1")
    assert simulated.real_provider == ""
    assert named(simulated)["fastapi"].env["OPENAI_BASE_URL"] == "http://127.0.0.1:8090/v1"
    assert simulated.environ == {"HOME": "/home/x"}


def test_a_database_url_goes_to_django_only(state: State, tmp_path: Path) -> None:
    url = "postgresql://user:password@host/db"
    whole = demo(
        state,
        settings(tmp_path),
        COACHING_DATABASE_URL=url,
        PROMETHEUS_MULTIPROC_DIR="/tmp/of-others",
    )
    having = [one.name for one in whole.components if "COACHING_DATABASE_URL" in one.env]
    assert having == ["django"]
    assert whole.environ == {"HOME": "/home/x"}


def test_the_demo_listens_where_vigie_binds(state: State, tmp_path: Path) -> None:
    parts = named(demo(state, settings(tmp_path, VIGIE_BIND="0.0.0.0")))
    assert "0.0.0.0:8002" in parts["django"].command
    assert "0.0.0.0" in parts["fastapi"].command
    assert "0.0.0.0" in parts["simulator"].command
    assert parts["fastapi"].ready_url == "http://127.0.0.1:8000/health"


def test_an_installed_vigie_says_where_the_demo_is(state: State, tmp_path: Path) -> None:
    with pytest.raises(RequestError) as raised:
        coaching(settings(tmp_path), state, {}, source=tmp_path / "nowhere")
    assert str(raised.value) == (
        f"the demo is not there: {tmp_path}/nowhere does not exist\n"
        "an installed Vigie does not hold it: run ./vigie up --demo in a clone of its repository"
    )


def test_a_service_on_another_machine_is_not_started_here(state: State, tmp_path: Path) -> None:
    elsewhere = settings(tmp_path, VIGIE_SERVICES__FASTAPI__URL="http://ai.example:8000")
    with pytest.raises(RequestError) as raised:
        demo(state, elsewhere)
    assert str(raised.value) == (
        "services.fastapi.url is http://ai.example:8000, but the demo runs on this machine\n"
        "write http://localhost:8000, or leave out --demo"
    )


def test_a_service_that_is_not_named_cannot_be_started(state: State, tmp_path: Path) -> None:
    (tmp_path / "vigie.yml").write_text("services: {django: {url: http://localhost:8002}}")
    with pytest.raises(RequestError) as raised:
        demo(state, settings(tmp_path))
    assert str(raised.value) == (
        "the demo runs fastapi, but vigie.yml names no service fastapi\n"
        "name it: services: {fastapi: {url: http://localhost:PORT}}"
    )
