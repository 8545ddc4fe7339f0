"""Statements and databases' errors, read as text and codes."""

import sqlite3
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, InterfaceError, OperationalError

from vigie.instrument.django.statements import error_kind, operation, without_values


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ('SELECT "a" FROM "b"', "select"),
        ("select 1", "select"),
        ("(SELECT 1) UNION (SELECT 2)", "select"),
        ("  -- a comment\n/* and\nanother */ SELECT 1", "select"),
        ("VALUES (1)", "select"),
        ("INSERT INTO a VALUES (1)", "insert"),
        ("REPLACE INTO a VALUES (1)", "insert"),
        ("UPDATE a SET b = 1", "update"),
        ("DELETE FROM a", "delete"),
        ("WITH x AS (SELECT 1) SELECT * FROM x FOR UPDATE", "select"),
        ("WITH x AS (SELECT ')' , \"(\") INSERT INTO a SELECT * FROM x", "insert"),
        ("with recursive x as (select 1) update a set b = 2", "update"),
        ("WITH x", "other"),
        ("BEGIN", "transaction"),
        ("START TRANSACTION", "transaction"),
        ('SAVEPOINT "s1"', "transaction"),
        ('RELEASE SAVEPOINT "s1"', "transaction"),
        ('ROLLBACK TO SAVEPOINT "s1"', "transaction"),
        ("COMMIT", "transaction"),
        ("SAVE TRANSACTION s1", "transaction"),
        ("CREATE TABLE a (b int)", "schema"),
        ("ALTER TABLE a ADD c int", "schema"),
        ("DROP TABLE a", "schema"),
        ("TRUNCATE a", "schema"),
        ("PRAGMA foreign_keys", "other"),
        ("EXEC some_procedure", "other"),
        ("", "other"),
        (b"SELECT 1", "other"),
        (None, "other"),
    ],
)
def test_a_statement_has_an_operation(sql: Any, expected: str) -> None:
    assert operation(sql) == expected


@pytest.mark.parametrize(
    ("sql", "shown"),
    [
        ("SELECT a\n  FROM b WHERE c = %s", "SELECT a FROM b WHERE c = %s"),
        ("SELECT 1 WHERE a IN (%s, %s,%s) AND b = ?", "SELECT ? WHERE a IN (%s, ...) AND b = ?"),
        ("SELECT a1 FROM t2 WHERE d = -3.5e2", "SELECT a1 FROM t2 WHERE d = -?"),
        ("WHERE a = 'Jo' AND b = 'O''Neil' OR c = 'x", "WHERE a = ? AND b = ? OR c = ?"),
        ("WHERE a = E'it\\'s', b = 'secret'", "WHERE a = E"),
        ("SELECT $$secret$$, $tag$also$x$ secret$tag$, b", "SELECT ?, ..., b"),
        ("SELECT a -- it's secret\n, b /* so is 'this */ , 'c'", "SELECT a , b , ?"),
        ('SELECT "a" FROM "b2"', 'SELECT "a" FROM "b2"'),
        (b"SELECT 'secret'", "(bytes)"),
    ],
)
def test_a_statement_is_shown_without_values(sql: Any, shown: str) -> None:
    assert without_values(sql) == shown


def test_in_mysql_double_quotes_are_values() -> None:
    assert without_values('SELECT `a` FROM `b` WHERE c = "secret', "mysql") == (
        "SELECT `a` FROM `b` WHERE c = ?"
    )


def test_a_long_statement_is_cut_and_so_is_a_value_in_it() -> None:
    shown = without_values("SELECT " + "a, " * 1000)
    assert len(shown) == 504
    assert shown.endswith(" ...")
    assert without_values("SELECT '" + "secret" * 1000 + "'") == "SELECT ?"


class DriverError(Exception):
    """An error as a driver raises it, with the attributes in which it keeps its codes."""

    def __init__(self, *args: object, **codes: object) -> None:
        super().__init__(*args)
        self.__dict__.update(codes)


def raised(cause: BaseException, kind: type[Exception] = OperationalError) -> BaseException:
    """A driver's error as Django raises it."""
    error = kind(*cause.args)
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        (DriverError("…", sqlstate="40P01"), "deadlock"),
        (DriverError("…", sqlstate="57014"), "timeout"),
        (DriverError("…", sqlstate="55P03"), "timeout"),
        (DriverError("…", sqlstate="08006"), "connection"),
        (DriverError("…", sqlstate="57P01"), "connection"),
        (DriverError("…", sqlstate="53300"), "connection"),
        (DriverError("…", sqlstate="40001"), "other"),  # PostgreSQL: a serialization failure
        (DriverError("…", pgcode="40P01"), "deadlock"),  # psycopg2
        (DriverError("…", sqlstate=None), "connection"),  # nobody answered
        (DriverError(1213, "…"), "deadlock"),  # MySQL
        (DriverError(1205, "…"), "timeout"),
        (DriverError(2006, "…"), "connection"),
        (DriverError(1062, "…"), "other"),
        (DriverError("40001", "[40001] … deadlocked … (1205) (SQLExecDirectW)"), "deadlock"),
        (DriverError("HYT00", "[HYT00] … timeout expired (0)"), "timeout"),
        (DriverError("42000", "[42000] Lock request time out … (1222)"), "timeout"),
        (DriverError("08S01", "[08S01] Communication link failure"), "connection"),
        (DriverError("42S02", "[42S02] Invalid object name (208)"), "other"),
        (DriverError("no such thing"), "other"),
        (DriverError(), "other"),
    ],
    ids=lambda value: str(value) + str(getattr(value, "__dict__", "")),
)
def test_an_error_has_a_kind(cause: BaseException, expected: str) -> None:
    assert error_kind(raised(cause)) == expected


def test_an_error_of_usage_without_a_code_is_no_lost_connection() -> None:
    silent = DriverError("…", sqlstate=None)
    assert error_kind(raised(silent, InterfaceError)) == "connection"
    assert error_kind(raised(silent, DatabaseError)) == "other"
    assert error_kind(IntegrityError("raised by Django itself")) == "other"


def test_sqlites_codes_are_known(tmp_path: Any) -> None:
    first = sqlite3.connect(tmp_path / "a", isolation_level=None, timeout=0)
    second = sqlite3.connect(tmp_path / "a", isolation_level=None, timeout=0)
    first.execute("BEGIN EXCLUSIVE")
    with pytest.raises(sqlite3.OperationalError) as locked:
        second.execute("BEGIN EXCLUSIVE")
    with pytest.raises(sqlite3.OperationalError) as absent:
        sqlite3.connect(tmp_path / "no" / "folder")
    with pytest.raises(sqlite3.OperationalError) as wrong:
        first.execute("SELECT * FROM nowhere")
    first.close()
    second.close()
    kinds = [error_kind(raised(error.value)) for error in (locked, absent, wrong)]
    assert kinds == ["timeout", "connection", "other"]
