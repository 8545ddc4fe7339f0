"""SQL statements and what databases answer: read as text and codes, without a database."""

from __future__ import annotations

import re

from django.db import InterfaceError, OperationalError

from vigie.catalogue.metric import OTHER

_OPERATIONS = {
    "SELECT": "select",
    "VALUES": "select",
    "INSERT": "insert",
    "REPLACE": "insert",
    "UPDATE": "update",
    "DELETE": "delete",
    "BEGIN": "transaction",
    "START": "transaction",
    "SAVEPOINT": "transaction",
    "SAVE": "transaction",
    "RELEASE": "transaction",
    "COMMIT": "transaction",
    "ROLLBACK": "transaction",
    "CREATE": "schema",
    "ALTER": "schema",
    "DROP": "schema",
    "TRUNCATE": "schema",
}
_FIRST_WORD = re.compile(r"(?:\s|\(|--[^\n]*\n|/\*.*?\*/)*([A-Za-z]+)", re.DOTALL)
_MAIN_VERB = re.compile(r"[()]|'(?:[^']|'')*'|\"[^\"]*\"|\b(?:SELECT|INSERT|UPDATE|DELETE)\b", re.I)
_HIDDEN = re.compile(
    r"""
    (?P<comment> --[^\n]* | /\*.*?(?:\*/|$) )
    | \$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|$)  # PostgreSQL's dollar-quoted string
    | '(?:[^']|'')*(?:'|$)                  # a string, be it cut off
    | (?P<double>"[^"]*(?:"|$))             # a name; in MySQL a string
    | (?<![\w`$]) \d[\w.]*                  # a number that is no part of a name
    """,
    re.DOTALL | re.VERBOSE,
)
_PLACEHOLDERS = re.compile(r"(%s|\?)(?:\s*,\s*(?:%s|\?))+")
_SHOWN_CHARACTERS = 500


def operation(sql: object) -> str:
    """The value of the label `operation`: what kind of statement this is."""
    if not isinstance(sql, str):
        return OTHER
    # Django's own statements begin with their verb: one look for nearly all of them.
    found = _OPERATIONS.get(sql[:6])
    if found is None:
        match = _FIRST_WORD.match(sql[:2000])
        word = match[1].upper() if match else ""
        found = _main_operation(sql) if word == "WITH" else _OPERATIONS.get(word, OTHER)
    return found


def _main_operation(sql: str) -> str:
    """What follows the common table expressions of a WITH, the first verb outside of brackets."""
    depth = 0
    for token in _MAIN_VERB.finditer(sql):
        if token[0] in "()":
            depth += 1 if token[0] == "(" else -1
        elif depth == 0 and token[0][0] not in "'\"":
            return _OPERATIONS[token[0].upper()]
    return OTHER


def without_values(sql: object, vendor: str = "") -> str:
    """A statement on one line, cut to 500 characters, without the values written into it.

    Parameters are not in a statement's text; what somebody wrote between quotes may be personal.
    """
    if not isinstance(sql, str):
        return f"({type(sql).__name__})"
    text = sql[: 4 * _SHOWN_CHARACTERS]
    if "\\" in text:  # may or may not escape a quote: nothing behind the first quote is shown
        text = text.partition("'")[0]

    def shown(match: re.Match[str]) -> str:
        if match["comment"]:
            return " "
        return match[0] if match["double"] and vendor != "mysql" else "?"

    text = " ".join(_HIDDEN.sub(shown, text).split())
    text = _PLACEHOLDERS.sub(r"\1, ...", text)
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + " ..."


DEADLOCK, TIMEOUT, CONNECTION = "deadlock", "timeout", "connection"

_SQLSTATES = {
    "40P01": DEADLOCK,
    "57014": TIMEOUT,  # query_canceled: statement_timeout
    "55P03": TIMEOUT,  # lock_not_available: lock_timeout
    "25P03": TIMEOUT,  # idle_in_transaction_session_timeout
    "25P04": TIMEOUT,  # transaction_timeout
    "57P01": CONNECTION,  # admin_shutdown
    "57P02": CONNECTION,  # crash_shutdown
    "57P03": CONNECTION,  # cannot_connect_now
    "57P05": CONNECTION,  # idle_session_timeout
    "53300": CONNECTION,  # too_many_connections
}
_SQLITE_CODES = {
    5: TIMEOUT,  # SQLITE_BUSY: "database is locked", after its `timeout`
    6: TIMEOUT,  # SQLITE_LOCKED: a table, by a connection that shares the cache
    9: TIMEOUT,  # SQLITE_INTERRUPT
    14: CONNECTION,  # SQLITE_CANTOPEN
}
_MYSQL_CODES = {
    1213: DEADLOCK,
    1205: TIMEOUT,  # lock wait timeout
    3024: TIMEOUT,  # max_execution_time
    1317: TIMEOUT,  # query interrupted
    1040: CONNECTION,  # too many connections
    1203: CONNECTION,  # too many connections of one user
    2002: CONNECTION,
    2003: CONNECTION,
    2006: CONNECTION,  # server has gone away
    2013: CONNECTION,  # lost during the query
    2055: CONNECTION,
}
# SQL Server through ODBC: the driver's SQLSTATE, and the server's number in the message.
_ODBC_SQLSTATES = {
    "40001": DEADLOCK,
    "HYT00": TIMEOUT,
    "HYT01": CONNECTION,
    "08001": CONNECTION,
    "08S01": CONNECTION,
}
_SQL_SERVER_LOCK_TIMEOUT = "(1222)"


def error_kind(error: BaseException) -> str:
    """The value of the label `kind` for a database's exception, as Django raises it.

    `deadlock`, `timeout` (a statement or a lock waited too long), `connection` (there was none to
    be had, or it was lost), or `other`. Told by the driver's codes, whatever its language.
    """
    driver_error = error.__cause__ or error
    sqlite_code = getattr(driver_error, "sqlite_errorcode", None)
    if isinstance(sqlite_code, int):
        return _SQLITE_CODES.get(sqlite_code & 0xFF, OTHER)  # the low byte is the primary code
    sqlstate = getattr(driver_error, "sqlstate", None) or getattr(driver_error, "pgcode", None)
    if isinstance(sqlstate, str):
        return CONNECTION if sqlstate.startswith("08") else _SQLSTATES.get(sqlstate, OTHER)
    code, *rest = driver_error.args or (None,)
    if isinstance(code, int):
        return _MYSQL_CODES.get(code, OTHER)
    if isinstance(code, str) and code in _ODBC_SQLSTATES and rest:
        return _ODBC_SQLSTATES[code]
    if rest and _SQL_SERVER_LOCK_TIMEOUT in str(rest[0]):
        return TIMEOUT
    # A PostgreSQL driver that has no SQLSTATE to tell got no answer from the server.
    silent = hasattr(driver_error, "sqlstate") or hasattr(driver_error, "pgcode")
    return CONNECTION if silent and isinstance(error, OperationalError | InterfaceError) else OTHER
