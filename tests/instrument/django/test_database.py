"""Databases: statements, errors, and connections in use, on SQLite and on a real PostgreSQL."""

import gc
import logging
import resource
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

QUERIES = "django_db_query_duration_seconds_count"
ERRORS = "django_db_errors_total"
ACTIVE = "django_db_connections_active"
MAX = "django_db_connections_max"


@pytest.fixture
def watch(registry: Any) -> Any:
    """Databases are watched, as a middleware that is loaded has it."""
    from vigie.instrument.django.database import watch_databases
    from vigie.instrument.meters import meters

    return watch_databases(meters(registry), slow_seconds=60)


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """A function that gives a new connection to an SQLite file, of the given alias."""
    made: list[Any] = []

    def make(alias: str = "spare", name: str = "", **options: Any) -> Any:
        from django.db import connections
        from django.db.backends.sqlite3.base import DatabaseWrapper

        settings = {
            **connections["default"].settings_dict,
            "NAME": name or str(tmp_path / "spare.sqlite3"),
            "OPTIONS": {"timeout": 0, **options},
        }
        made.append(DatabaseWrapper(settings, alias))
        made[-1].inc_thread_sharing()
        return made[-1]

    yield make
    for connection in made:
        if connection.connection is not None:
            connection.connection.close()  # Django's own `close` spares what is in memory


@pytest.fixture
def postgres(postgresql: str) -> Iterator[Callable[..., Any]]:
    """A function that gives a new connection to PostgreSQL."""
    made: list[Any] = []
    url = urlsplit(postgresql)

    def make(**changes: Any) -> Any:
        from django.db import connections
        from django.db.backends.postgresql.base import DatabaseWrapper

        settings = {
            **connections["default"].settings_dict,
            "ENGINE": "django.db.backends.postgresql",
            "NAME": url.path.lstrip("/"),
            "USER": url.username,
            "PASSWORD": url.password or "",
            "HOST": url.hostname,
            "PORT": str(url.port),
            "OPTIONS": {},
            **changes,
        }
        made.append(DatabaseWrapper(settings, "postgres"))
        made[-1].inc_thread_sharing()
        return made[-1]

    yield make
    for connection in made:
        connection.close()


def run(connection: Any, *statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def test_statements_are_timed_by_operation(
    watch: Any, sqlite: Any, samples: Any, metric: Any
) -> None:
    connection = sqlite()
    run(connection, "CREATE TABLE a (b int)", "INSERT INTO a VALUES (1)", "SELECT b FROM a")
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO a VALUES (%s)", [(2,), (3,)])
    counts = {dict(key)["operation"]: value for key, value in samples(QUERIES).items()}
    assert counts == {"schema": 1, "insert": 2, "select": 1}
    assert metric(QUERIES, alias="spare", operation="select") == 1


def test_statements_of_views_are_timed(browse: Any, metric: Any) -> None:
    browse.use("requests")
    before = metric(QUERIES, alias="default", operation="select") or 0
    browse("/count-users/")
    assert metric(QUERIES, alias="default", operation="select") == before + 1


def test_a_connection_that_was_opened_before_is_watched(
    browse_wsgi: Any, sqlite: Any, registry: Any, metric: Any
) -> None:
    from django.db import connection

    connection.ensure_connection()
    browse_wsgi.use("requests")("/count-users/")
    assert metric(QUERIES, alias="default", operation="select") == 1
    assert metric(ACTIVE, alias="default") == 1


def test_a_connection_is_watched_once_however_often_it_is_opened(
    watch: Any, sqlite: Any, metric: Any
) -> None:
    connection = sqlite()
    for _ in range(3):
        run(connection, "SELECT 1")
        connection.close()
        watch.start()
    assert len(connection.execute_wrappers) == 1
    assert metric(QUERIES, alias="spare", operation="select") == 3


def test_a_wrapper_that_somebody_puts_on_for_a_while_is_the_one_that_goes(
    watch: Any, sqlite: Any
) -> None:
    connection = sqlite()
    seen = []

    def theirs(execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
        seen.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(theirs):
        run(connection, "SELECT 1")  # opens the connection
    run(connection, "SELECT 2")
    assert seen == ["SELECT 1"]
    assert len(connection.execute_wrappers) == 1


def test_connections_in_use_are_counted_over_threads(watch: Any, sqlite: Any, metric: Any) -> None:
    opened, leave = threading.Barrier(3), threading.Event()

    def work() -> None:
        connection = sqlite()
        run(connection, "SELECT 1")
        opened.wait(60)
        leave.wait(60)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    opened.wait(60)
    assert metric(ACTIVE, alias="spare") == 2
    leave.set()
    for thread in threads:
        thread.join(60)
    assert metric(ACTIVE, alias="spare") == 0


def test_a_connection_that_is_thrown_away_is_no_longer_in_use(
    watch: Any, tmp_path: Path, metric: Any
) -> None:
    from django.db import connections
    from django.db.backends.sqlite3.base import DatabaseWrapper

    settings = {**connections["default"].settings_dict, "NAME": str(tmp_path / "a")}
    connection = DatabaseWrapper(settings, "spare")
    run(connection, "SELECT 1")
    assert metric(ACTIVE, alias="spare") == 1
    connection.connection.close()  # what its thread's end would do
    del connection
    gc.collect()
    assert metric(ACTIVE, alias="spare") == 0


def test_a_connection_that_django_closes_after_a_request_is_no_longer_in_use(
    watch: Any, sqlite: Any, registry: Any
) -> None:
    """Another worker may answer the next scrape, so the number must be right before it."""
    from django.core.signals import request_finished

    connection = sqlite()
    run(connection, "SELECT 1")
    gauge = watch._active.child("spare")
    assert list(gauge.samples()) == [("", {}, 1.0)]
    connection.close()
    request_finished.send(sender=None)
    assert list(gauge.samples()) == [("", {}, 0.0)]


def test_errors_are_counted_by_kind_and_passed_on(
    watch: Any, sqlite: Any, samples: Any, metric: Any
) -> None:
    from django.db import OperationalError

    one, two = sqlite(), sqlite()
    run(one, "CREATE TABLE a (b int)")
    assert {dict(key)["kind"]: value for key, value in samples(ERRORS).items()} == {
        "deadlock": 0,
        "timeout": 0,
        "connection": 0,
    }
    run(one, "BEGIN EXCLUSIVE")
    with pytest.raises(OperationalError, match="locked"):
        run(two, "INSERT INTO a VALUES (1)")
    assert metric(ERRORS, alias="spare", kind="timeout") == 1
    run(one, "ROLLBACK")
    with pytest.raises(OperationalError, match="no such table"):
        run(two, "SELECT * FROM nowhere")
    assert metric(ERRORS, alias="spare", kind="other") == 1
    assert metric(QUERIES, alias="spare", operation="select") == 1


def test_an_error_that_fails_a_request_is_counted_once(browse: Any, samples: Any) -> None:
    browse.use("requests")("/wrong-sql/")
    counts = {dict(key)["kind"]: value for key, value in samples(ERRORS).items() if value}
    assert counts == {"other": 1}


def test_a_database_that_cannot_be_reached_is_counted(
    browse_wsgi: Any, samples: Any, tmp_path: Path
) -> None:
    from django.db import connections

    browse_wsgi.use("requests")("/count-users/")
    connections["default"].close()
    settings = connections["default"].settings_dict
    name, settings["NAME"] = settings["NAME"], str(tmp_path / "no" / "such" / "folder")
    try:
        assert browse_wsgi("/count-users/").status_code == 500
    finally:
        settings["NAME"] = name
    counts = {dict(key)["kind"]: value for key, value in samples(ERRORS).items() if value}
    assert counts == {"connection": 1}


def test_a_slow_statement_is_logged_without_values(
    registry: Any, sqlite: Any, caplog: pytest.LogCaptureFixture
) -> None:
    from vigie.instrument.django.database import watch_databases
    from vigie.instrument.meters import meters

    watch_databases(meters(registry), slow_seconds=0)
    with caplog.at_level(logging.WARNING, "vigie"):
        run(sqlite(), "SELECT 'personal', 7")
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("Slow statement alias=spare operation=select seconds=0.0")
    assert line.endswith(" request_id=- sql=SELECT ?, ...")


def test_what_breaks_inside_breaks_no_statement(watch: Any, sqlite: Any, samples: Any) -> None:
    def broken(*_: Any) -> Any:
        raise OSError("disk full")

    watch._durations.child = watch._errors.child = broken
    connection = sqlite()
    run(connection, "SELECT 1")
    with pytest.raises(Exception, match="no such table"):
        run(connection, "SELECT * FROM nowhere")
    assert samples("vigie_internal_errors_total")[("where", "django_databases"),] >= 2


def test_of_an_sqlite_file_as_many_connections_may_be_open_as_files(
    watch: Any, sqlite: Any, metric: Any
) -> None:
    run(sqlite(), "SELECT 1")
    assert metric(MAX, alias="spare") == resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def test_an_sqlite_database_in_memory_has_no_limit(watch: Any, sqlite: Any, samples: Any) -> None:
    run(sqlite(name=":memory:"), "SELECT 1")
    assert samples(MAX) == {}


@pytest.mark.servers
def test_the_limit_of_postgresql_is_asked_for_at_a_scrape(
    watch: Any, postgres: Any, samples: Any, metric: Any
) -> None:
    connection = postgres()
    run(connection, "SELECT 1")
    with connection.cursor() as cursor:
        cursor.execute("SHOW max_connections")
        limit = float(cursor.fetchone()[0])
    before = samples(QUERIES)
    assert metric(MAX, alias="postgres") == limit
    assert metric(ACTIVE, alias="postgres") == 1
    assert samples(QUERIES) == before
    with connection.cursor() as cursor:
        for _ in range(100):  # the server takes a moment to see that the asking connection is gone
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE backend_type = %s", ["client backend"]
            )
            clients = cursor.fetchone()
            if clients == (1,):
                break
            cursor.execute("SELECT pg_sleep(0.1)")
        assert clients == (1,)


def test_a_server_that_does_not_answer_is_asked_again_after_a_while(
    sqlite: Any, free_port: Any
) -> None:
    from django.db.backends.postgresql.base import DatabaseWrapper

    from vigie.instrument.django.capacity import Capacity

    now = [0.0]
    capacity = Capacity(None, clock=lambda: now[0])
    settings = {
        **sqlite().settings_dict,
        "NAME": "nobody",
        "HOST": "127.0.0.1",
        "PORT": str(free_port()),
        "OPTIONS": {},
    }
    connection = DatabaseWrapper(settings, "down")
    with pytest.raises(connection.Database.OperationalError):
        capacity.limit(connection)
    now[0] = 299
    assert capacity.limit(connection) is None
    now[0] = 300
    with pytest.raises(connection.Database.OperationalError):
        capacity.limit(connection)


@pytest.mark.servers
def test_deadlocks_timeouts_and_lost_connections_of_postgresql_are_told_apart(
    watch: Any, postgres: Any, samples: Any
) -> None:
    from django.db import OperationalError

    def kinds() -> dict[str, float]:
        return {dict(key)["kind"]: value for key, value in samples(ERRORS).items() if value}

    one, two = postgres(), postgres()
    run(one, "CREATE TABLE IF NOT EXISTS locked (id int)", "TRUNCATE locked")
    run(one, "INSERT INTO locked VALUES (1), (2)")
    with pytest.raises(OperationalError, match="statement timeout"):
        run(one, "SET statement_timeout = 10", "SELECT pg_sleep(60)")
    run(one, "SET statement_timeout = 0")
    assert kinds() == {"timeout": 1}

    run(one, "BEGIN", "UPDATE locked SET id = id WHERE id = 1")
    run(two, "SET lock_timeout = 10")
    with pytest.raises(OperationalError, match="lock timeout"):
        run(two, "UPDATE locked SET id = id WHERE id = 1")
    assert kinds() == {"timeout": 2}

    run(two, "SET lock_timeout = 0", "SET deadlock_timeout = 100")
    run(one, "SET deadlock_timeout = 100")
    run(two, "BEGIN", "UPDATE locked SET id = id WHERE id = 2")
    failed: list[BaseException] = []

    def cross() -> None:
        try:
            run(two, "UPDATE locked SET id = id WHERE id = 1")
        except OperationalError as error:
            failed.append(error)

    thread = threading.Thread(target=cross)
    thread.start()
    try:
        run(one, "UPDATE locked SET id = id WHERE id = 2")
    except OperationalError as error:
        failed.append(error)
    run(one, "ROLLBACK")
    thread.join(60)
    run(two, "ROLLBACK")
    assert len(failed) == 1
    assert kinds() == {"timeout": 2, "deadlock": 1}

    with two.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (backend,) = cursor.fetchone()
    with one.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [backend])
    with pytest.raises(OperationalError):
        run(two, "SELECT 1")
    assert kinds() == {"timeout": 2, "deadlock": 1, "connection": 1}


@pytest.mark.servers
def test_the_limit_of_a_pool_is_its_own(watch: Any, postgres: Any, metric: Any) -> None:
    pytest.importorskip("psycopg_pool")
    connection = postgres(OPTIONS={"pool": {"min_size": 2, "max_size": 7}})
    run(connection, "SELECT 1")
    assert metric(MAX, alias="postgres") == 7
    assert metric(ACTIVE, alias="postgres") == 1
    connection.close()
    assert metric(ACTIVE, alias="postgres") == 0
    connection.close_pool()
