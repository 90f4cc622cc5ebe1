"""One connection to MySQL or MariaDB in one read-only snapshot; every value is the server's own text in UTF-8."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import pymysql
import pymysql.err

from shopmine.collect.mysql_rows import Rows, read_rows
from shopmine.errors import ConfigError, SourceUnavailableError

if TYPE_CHECKING:
    from shopmine.config.connections import Connection

Row = tuple[bytes | None, ...]

_CONNECT_SECONDS: Final = 10
_READ_SECONDS: Final = 900  # the first row of a large table comes only when the server has sorted it
UNKNOWN_TABLE, UNKNOWN_COLUMN = 1146, 1054
_UNKNOWN_DATABASE: Final = 1049
_CLIENT_ERRORS: Final = range(2000, 3000)  # the driver's own numbers: no connection, or a broken one
_LOGIN: Final = {1045, 1698, 2059}
_PRIVILEGE: Final = {1044, 1142, 1143, 1227, 1370}
_SETTINGS: Final = (
    "SET SESSION autocommit = 1, time_zone = '+00:00', sql_mode = '', net_write_timeout = 3600",
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
)
_BINARY_CHARSET, _UNSIGNED, _ENUM, _SET = 63, 32, 256, 2048
_SIMPLE_TYPES: Final = {
    1: "tinyint", 2: "smallint", 3: "int", 4: "float", 5: "double", 6: "null", 7: "timestamp", 8: "bigint",
    9: "mediumint", 10: "date", 11: "time", 12: "datetime", 13: "year", 14: "date", 245: "json",
}  # fmt: skip
_TEXT_TYPES: Final = {15: "varchar", 249: "text", 250: "text", 251: "text", 252: "text", 253: "varchar", 254: "char"}
_BINARY_TYPES: Final = {"varchar": "varbinary", "text": "blob", "char": "binary"}


class MysqlSession:
    """A snapshot: everything read through one session is as of one moment.

    Raises (from every method):
        ConfigError: login, privilege, database, table, column or SQL is wrong.
        SourceUnavailableError: the server does not answer or the connection broke.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        with self._in_words():
            self._client = _connect(connection)
        for setting in _SETTINGS:
            self.rows(setting)

    def close(self) -> None:
        """End the snapshot; a query that still runs is cut off with the connection."""
        self._client._force_close()

    def types(self, sql: str) -> list[tuple[str, str]]:
        """Name and type of each column that the query gives."""
        with self._in_words(), self._client.cursor() as cursor:
            cursor.execute(sql)
            return [(field.name, type_name(field)) for field in cursor._result.fields]

    def rows(self, sql: str) -> list[Row]:
        """All rows of a small result."""
        with self._in_words(), self._client.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    def chunks(self, sql: str) -> Iterator[Rows]:
        """The rows of a large result, some thousands at a time, as the server sends them."""
        with self._in_words():
            self._client.query(sql, unbuffered=True)
            # From here on the driver must not read what is sent: the rows are read in chunks.
            result, self._client._result = self._client._result, None
            result.unbuffered_active = False
            is_over = False
            try:
                yield from read_rows(self._client, len(result.fields))
                is_over = True
            finally:
                if not is_over:
                    self._client._force_close()

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except pymysql.err.MySQLError as error:
            raise _in_words(error, self._connection) from error
        except OSError as error:
            raise SourceUnavailableError(
                f"connection {self._connection} broke ({type(error).__name__}: {error}); is the server up? try again"
            ) from error


class SqlError(ConfigError):
    """The server refuses the query; `code` is its own number."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def _connect(connection: Connection) -> Any:
    tls = connection.tls()
    return pymysql.connect(
        host=connection.host or "localhost",
        port=connection.port or 3306,
        user=connection.user,
        password=connection.password,
        database=connection.database or None,
        charset="utf8mb4",
        conv={},
        use_unicode=False,
        autocommit=None,
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        ssl=tls,
        ssl_disabled=tls is None,
    )


def _in_words(error: pymysql.err.MySQLError, connection: Connection) -> Exception:
    code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    text = error.args[1] if len(error.args) > 1 else str(error)
    if code in _LOGIN:
        return ConfigError(f"connection {connection} refuses the login; set the right user and password")
    if code == _UNKNOWN_DATABASE:
        return ConfigError(
            f"connection {connection}: there is no such database; name the right one after the last slash"
        )
    if code in _PRIVILEGE:
        return SqlError(f"connection {connection} lacks a privilege: {text}; grant SELECT to this user", code)
    if code == 0 or code in _CLIENT_ERRORS:
        return SourceUnavailableError(f"connection {connection} does not answer: {text}; is the server up? try again")
    if isinstance(error, pymysql.err.ProgrammingError) or code in {UNKNOWN_TABLE, UNKNOWN_COLUMN}:
        return SqlError(f"connection {connection} refuses the query: {text}", code)
    return SourceUnavailableError(f"connection {connection} failed: {text} (error {code}); try again")


def type_name(field: Any) -> str:
    """MySQL's own name of a result column's type; ` hex` at the end where the values are bytes, landed as hex digits."""
    code, is_binary, flags = field.type_code, field.charsetnr == _BINARY_CHARSET, field.flags
    if flags & (_ENUM | _SET):
        return "enum" if flags & _ENUM else "set"
    if code in {0, 246}:
        unsigned = bool(flags & _UNSIGNED)
        digits = field.length - (field.scale > 0) - (not unsigned)
        return f"decimal({digits},{field.scale}){' unsigned' if unsigned else ''}"
    if code in _SIMPLE_TYPES:
        is_whole = code in {1, 2, 3, 8, 9}
        return _SIMPLE_TYPES[code] + (" unsigned" if is_whole and flags & _UNSIGNED else "")
    if code in _TEXT_TYPES:
        name = _TEXT_TYPES[code]
        return f"{_BINARY_TYPES[name]} hex" if is_binary else name
    return f"bit({field.length})" if code == 16 else "geometry hex"
