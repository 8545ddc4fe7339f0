"""Django on PostgreSQL: the same requests, and nothing that only SQLite understands."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from coaching_application import PASSWORD, Application, nobody

pytestmark = pytest.mark.servers


def test_the_application_runs_on_postgresql(unstarted: Application, postgresql: str) -> None:
    unstarted.start_django(COACHING_DATABASE_URL=postgresql)
    web = unstarted.django
    athlete = unstarted.new_athlete()
    taken = web.post(
        "/api/v1/auth/register/", json={"username": athlete.username, "password": PASSWORD}
    )
    assert taken.status_code == 400

    session = web.post("/api/v1/sessions/", headers=athlete.headers, json={"topic": "VMA"}).json()
    ended = web.patch(
        f"/api/v1/sessions/{session['id']}/", headers=athlete.headers, json={"ended": True}
    )
    assert ended.json()["duration_seconds"] > 0

    content = {"summary": "", "weeks": [{"focus": "Endurance", "workouts": []}]}
    plan = {"goal": "10 km", "level": "beginner", "weeks": 1, "content": content}
    created = web.post("/api/v1/plans/", headers=athlete.headers, json=plan)
    assert created.status_code == 201
    listed = web.get("/api/v1/plans/", headers=athlete.headers).json()
    assert listed["results"] == [created.json()]

    renewed = web.post("/api/v1/auth/refresh/", json={"refresh": athlete.refresh})
    assert renewed.status_code == 200
    again = web.post("/api/v1/auth/refresh/", json={"refresh": athlete.refresh})
    assert again.status_code == 401
    assert web.get("/health/").json() == {"status": "ok"}
    assert unstarted.manage("makemigrations", "--check") == "No changes detected\n"


def test_the_migrations_are_what_the_models_say(application: Application) -> None:
    assert application.manage("makemigrations", "--check") == "No changes detected\n"
    assert "System check identified no issues" in application.manage(
        "check", "--fail-level", "INFO"
    )


def test_sqlite_writes_beside_its_readers(application: Application) -> None:
    told = application.shell(
        "from django.db import connection\n"
        "with connection.cursor() as cursor:\n"
        "    print(cursor.execute('PRAGMA journal_mode').fetchone()[0])"
    )
    assert told.strip() == "wal"


def test_without_its_database_django_is_up_but_not_well(unstarted: Application) -> None:
    with nobody() as url:
        unreachable = url.replace("http://", "postgresql://coach@") + "/coaching"
        unstarted.start_django(migrated=False, COACHING_DATABASE_URL=unreachable)
        answered = unstarted.django.get("/health/")
    assert answered.status_code == 503
    assert answered.json() == {"status": "error", "database": "does not answer"}


def test_of_many_who_want_the_same_name_at_once_one_gets_it(application: Application) -> None:
    body = {"username": "everybodys-darling", "password": PASSWORD}
    with ThreadPoolExecutor(6) as pool:
        answers = pool.map(
            lambda _: application.django.post("/api/v1/auth/register/", json=body).status_code,
            range(6),
        )
    assert sorted(answers) == [201, 400, 400, 400, 400, 400]


def test_a_registration_writes_in_one_statement_and_no_transaction(
    application: Application,
) -> None:
    # Hashing a password takes long; in a transaction, nobody else could write meanwhile.
    told = application.shell(
        "from django.db import connection\n"
        "from django.db.models.signals import pre_save\n"
        "from accounts.serializers import RegisterSerializer\n"
        "def tell(**_): print('in a transaction:', connection.in_atomic_block)\n"
        "pre_save.connect(tell)\n"
        f"data = {{'username': 'alone', 'password': {PASSWORD!r}}}\n"
        "serializer = RegisterSerializer(data=data)\n"
        "serializer.is_valid(raise_exception=True)\n"
        "serializer.save()\n"
    )
    assert told == "in a transaction: False\n"
