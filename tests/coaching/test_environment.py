"""What is wrong in the environment is said with the variable, its value and what to write."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

MAKE_ONE = (
    "Make one with: (umask 077; "
    "python3 -c 'import secrets; print(secrets.token_urlsafe(48))' > coaching.key)"
)


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "coaching.key"
    path.write_text("s" * 40 + "\n")
    return path


@pytest.fixture
def api(module_of: Callable[[str, str], ModuleType]) -> Any:
    return module_of("api", "environment")


@pytest.fixture
def django(module_of: Callable[[str, str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("COACHING_DATABASE_URL", "COACHING_SECRET_KEY_FILE", "COACHING_ALLOWED_HOSTS"):
        monkeypatch.delenv(name, raising=False)
    return module_of("django_app", "coaching.environment")


def test_a_secret_file_is_all_that_the_coach_needs(api: Any, secret_file: Path) -> None:
    read = api.read({"COACHING_SECRET_KEY_FILE": str(secret_file)})
    assert read.secret == "s" * 40
    assert read.django_url == "http://127.0.0.1:8002"
    assert read.openai_base_url == "http://127.0.0.1:8090/v1"
    assert read.chat_model == "gpt-4o-mini"
    assert read.plan_model == "gpt-4o"
    assert "coach-internal-1" in read.models
    assert read.secret not in repr(read)


def test_with_a_key_the_coach_talks_to_the_real_provider(
    api: Any, secret_file: Path, tmp_path: Path
) -> None:
    key_file = tmp_path / "openai.key"
    key_file.write_text("sk-from-file\n")
    environ = {"COACHING_SECRET_KEY_FILE": str(secret_file), "OPENAI_API_KEY": "sk-direct"}
    direct = api.read(environ)
    assert (direct.openai_base_url, direct.openai_api_key) == (
        "https://api.openai.com/v1",
        "sk-direct",
    )
    from_file = api.read({**environ, "OPENAI_API_KEY_FILE": str(key_file)})
    assert from_file.openai_api_key == "sk-from-file"
    assert "sk-" not in repr(direct)


def test_a_base_url_decides_whom_the_coach_talks_to_whatever_the_key(
    api: Any, secret_file: Path
) -> None:
    read = api.read(
        {
            "COACHING_SECRET_KEY_FILE": str(secret_file),
            "OPENAI_API_KEY": "sk-direct",
            "OPENAI_BASE_URL": "http://127.0.0.1:8090/v1/",
        }
    )
    assert read.openai_base_url == "http://127.0.0.1:8090/v1"


def test_the_coach_says_how_to_make_a_missing_secret(api: Any) -> None:
    with pytest.raises(api.WrongEnvironmentError) as wrong:
        api.read({})
    assert str(wrong.value) == (
        "COACHING_SECRET_KEY_FILE is not set: name the file that Django's is set to. " + MAKE_ONE
    )


def test_the_coach_refuses_a_short_secret(api: Any, tmp_path: Path) -> None:
    short = tmp_path / "short.key"
    short.write_text("hunter2")
    with pytest.raises(api.WrongEnvironmentError) as wrong:
        api.read({"COACHING_SECRET_KEY_FILE": str(short)})
    assert str(wrong.value) == (
        "COACHING_SECRET_KEY_FILE names a file of 7 bytes: at least 32 are needed. " + MAKE_ONE
    )


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        (
            "COACHING_DJANGO_URL",
            "localhost:8002",
            "COACHING_DJANGO_URL is 'localhost:8002': write a URL, e.g. http://127.0.0.1:8002",
        ),
        (
            "COACHING_OPENAI_TIMEOUT_SECONDS",
            "soon",
            "COACHING_OPENAI_TIMEOUT_SECONDS is 'soon': write a number of seconds above 0, e.g. 60",
        ),
        (
            "COACHING_SESSION_IDLE_SECONDS",
            "-1",
            "COACHING_SESSION_IDLE_SECONDS is '-1': write a number of seconds above 0, e.g. 900",
        ),
    ],
)
def test_the_coach_says_what_to_write_instead(
    api: Any, secret_file: Path, variable: str, value: str, words: str
) -> None:
    with pytest.raises(api.WrongEnvironmentError) as wrong:
        api.read({"COACHING_SECRET_KEY_FILE": str(secret_file), variable: value})
    assert str(wrong.value) == words


def test_the_screen_says_what_to_write_instead(
    module_of: Callable[[str, str], ModuleType],
) -> None:
    environment = module_of("ui", "environment")
    assert environment.api_url({}) == "http://127.0.0.1:8000"
    with pytest.raises(environment.WrongEnvironmentError) as wrong:
        environment.api_url({"COACHING_API_URL": "8000"})
    assert str(wrong.value) == (
        "COACHING_API_URL is '8000': write a URL, e.g. http://127.0.0.1:8000"
    )


def test_django_says_how_to_make_a_missing_secret(django: Any) -> None:
    with pytest.raises(django.ImproperlyConfigured) as wrong:
        django.shared_secret()
    assert str(wrong.value) == (
        "COACHING_SECRET_KEY_FILE is not set: name a file that holds a secret. " + MAKE_ONE
    )


def test_django_says_that_a_secret_cannot_be_read(
    django: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COACHING_SECRET_KEY_FILE", "/nowhere/coaching.key")
    with pytest.raises(django.ImproperlyConfigured) as wrong:
        django.shared_secret()
    assert str(wrong.value) == (
        "COACHING_SECRET_KEY_FILE is '/nowhere/coaching.key', which cannot be read "
        "([Errno 2] No such file or directory: '/nowhere/coaching.key'). " + MAKE_ONE
    )


def test_django_refuses_a_short_secret(
    django: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    short = tmp_path / "short.key"
    short.write_text("hunter2")
    monkeypatch.setenv("COACHING_SECRET_KEY_FILE", str(short))
    with pytest.raises(django.ImproperlyConfigured) as wrong:
        django.shared_secret()
    assert str(wrong.value) == (
        f"COACHING_SECRET_KEY_FILE is '{short}', which holds 7 bytes: "
        "at least 32 are needed. " + MAKE_ONE
    )


def test_what_django_signs_for_itself_is_signed_with_another_secret(django: Any) -> None:
    assert django.own_secret("a" * 40) != "a" * 40
    assert django.own_secret("a" * 40) != django.own_secret("b" * 40)


def test_django_never_shows_the_password_of_a_database(
    django: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COACHING_DATABASE_URL", "postgre://coach:hunter2@host/coaching")
    with pytest.raises(django.ImproperlyConfigured) as wrong:
        django.database()
    assert str(wrong.value) == (
        "COACHING_DATABASE_URL starts with 'postgre': write "
        "sqlite:////folder/coaching.sqlite3 or postgresql://user:password@host:5432/name"
    )


def test_sqlite_lies_in_the_state_folder(
    django: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COACHING_STATE", str(tmp_path))
    assert django.database()["NAME"] == str(tmp_path / "coaching.sqlite3")


def test_options_in_a_database_url_have_the_last_word(
    django: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COACHING_DATABASE_URL", "postgresql://a:b@host/name?connect_timeout=1")
    options = django.database()["OPTIONS"]
    assert int(options["connect_timeout"]) == 1
    assert "statement_timeout" in options["options"]


def test_django_says_how_to_write_a_rate(django: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert django.rate("COACHING_LOGIN_RATE", "300/min") == "300/min"
    monkeypatch.setenv("COACHING_LOGIN_RATE", "many")
    with pytest.raises(django.ImproperlyConfigured) as wrong:
        django.rate("COACHING_LOGIN_RATE", "300/min")
    assert str(wrong.value) == (
        "COACHING_LOGIN_RATE is 'many': write a number for each s, min, hour or day, e.g. 300/min"
    )
