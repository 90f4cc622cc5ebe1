"""One connection to MySQL or MariaDB in one read-only snapshot; every value is the server's own text in UTF-8."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

import asyncmy
import asyncmy.errors
from asyncmy.cursors import Cursor, SSCursor

from shopmine.errors import ConfigError, SourceUnavailableError

if TYPE_CHECKING:
    from shopmine.config.connections import Connection

T = TypeVar("T")
Row = tuple[bytes | None, ...]

CHUNK_ROWS: Final = 5_000
_CONNECT_SECONDS: Final = 10
_READ_SECONDS: Final = 900  # the first row of a large table comes only when the server has sorted it
UNKNOWN_TABLE, UNKNOWN_COLUMN = 1146, 1054
_UNKNOWN_DATABASE: Final = 1049
_CLIENT_ERRORS: Final = range(2000, 3000)  # the driver's own numbers: no connection, or a broken one
_LOGIN: Final = {1045, 1698, 2059}
_PRIVILEGE: Final = {1044, 1142, 1143, 1227, 1370}
_SETTINGS: Final = (
    "SET SESSION time_zone = '+00:00', sql_mode = '', net_write_timeout = 3600",
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
        self._loop = asyncio.new_event_loop()
        try:
            self._client = self._wait(_connect(connection))
            for setting in _SETTINGS:
                self.rows(setting)
        except BaseException:
            self._loop.close()
            raise

    def close(self) -> None:
        """End the snapshot; a query that still runs is cut off with the connection."""
        self._client.close()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    def types(self, sql: str) -> list[tuple[str, str]]:
        """Name and type of each column that the query gives."""
        return self._wait(self._describe(sql))

    def rows(self, sql: str) -> list[Row]:
        """All rows of a small result."""
        return self._wait(self._fetch(sql))

    def chunks(self, sql: str) -> Iterator[Sequence[Row]]:
        """The rows of a large result, some thousands at a time, as the server sends them."""
        cursor = self._client.cursor(SSCursor)
        self._wait(cursor.execute(sql))
        while rows := self._wait(cursor.fetchmany(CHUNK_ROWS)):
            yield rows
        self._wait(cursor.close())

    async def _describe(self, sql: str) -> list[tuple[str, str]]:
        async with self._client.cursor(Cursor) as cursor:
            await cursor.execute(sql)
            return [(field.name, type_name(field)) for field in cursor._result.fields]

    async def _fetch(self, sql: str) -> list[Row]:
        async with self._client.cursor(Cursor) as cursor:
            await cursor.execute(sql)
            return list(await cursor.fetchall() or ())

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return self._loop.run_until_complete(work)
        except asyncmy.errors.MySQLError as error:
            raise _in_words(error, self._connection) from error
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            raise SourceUnavailableError(
                f"connection {self._connection} broke ({type(error).__name__}: {error}); is the server up? try again"
            ) from error


class SqlError(ConfigError):
    """The server refuses the query; `code` is its own number."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


async def _connect(connection: Connection) -> Any:
    return await asyncmy.connect(
        host=connection.host or "localhost",
        port=connection.port or 3306,
        user=connection.user,
        password=connection.password,
        db=connection.database or None,
        charset="utf8mb4",
        conv={},
        use_unicode=False,
        autocommit=True,
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        ssl=connection.tls(),
    )


def _in_words(error: asyncmy.errors.MySQLError, connection: Connection) -> Exception:
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
    if isinstance(error, asyncmy.errors.ProgrammingError) or code in {UNKNOWN_TABLE, UNKNOWN_COLUMN}:
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
