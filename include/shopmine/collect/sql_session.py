"""One connection through SQLAlchemy in one read-only snapshot, with time-outs; a database's errors in words."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from shopmine.errors import ConfigError, SourceUnavailableError

if TYPE_CHECKING:
    from shopmine.config.connections import Connection

CHUNK_ROWS: Final = 5_000
_CONNECT_SECONDS: Final = 10
_SNAPSHOT_LEVELS: Final = ("SNAPSHOT", "REPEATABLE READ", "SERIALIZABLE")
_POSTGRESQL_SETTINGS: Final = (
    "SET LOCAL TimeZone = 'UTC'",
    "SET LOCAL DateStyle = 'ISO, YMD'",
    "SET LOCAL IntervalStyle = 'iso_8601'",
    "SET LOCAL bytea_output = 'hex'",
    "SET LOCAL extra_float_digits = 1",
    "SET LOCAL statement_timeout = '900s'",
    "SET LOCAL lock_timeout = '30s'",
    "SET LOCAL idle_in_transaction_session_timeout = '3600s'",
    "SELECT 1",  # the snapshot is that of the first query
)
_LOGIN: Final = ("28", "authentication failed", "Access denied", "FATAL: role")
_NO_DATABASE: Final = ("3D000", 'database "', "Unknown database")
_PRIVILEGE: Final = ("42501",)
_SQLITE_PASSES: Final = ("locked", "busy", "unable to open", "disk I/O")
Rows = Sequence[Sequence[Any]]


class SqlSession:
    """A snapshot: everything read through one session is as of one moment, where the database offers that.

    Raises (from every method):
        ConfigError: login, privilege, database, table, column or SQL is wrong, or no driver is installed.
        SourceUnavailableError: the database does not answer, is locked, or the connection broke.
    """

    def __init__(self, connection: Connection) -> None:
        self._place = connection
        self._engine = _engine(connection)
        self.dialect = self._engine.dialect.name
        self.has_snapshot = True
        with self._in_words():
            self._client = self._engine.connect()
            self._start()

    def close(self) -> None:
        """End the snapshot and the connection."""
        self._client.close()
        self._engine.dispose()

    def quoted(self, name: str) -> str:
        """An identifier as this database quotes it."""
        return self._engine.dialect.identifier_preparer.quote_identifier(name)

    def inspector(self) -> sa.Inspector:
        """What the database says of its tables."""
        return sa.inspect(self._client)

    def describe(self, query: sa.Executable) -> list[tuple[str, Any]]:
        """Name and the driver's own description of each column that the query gives."""
        # Within a savepoint: a refused query must not end the snapshot.
        with self._in_words(), self._client.begin_nested(), self._client.execute(query) as result:
            return [(column[0], column) for column in result.cursor.description or ()]

    def rows(self, query: sa.Executable) -> Rows:
        """All rows of a small result."""
        with self._in_words():
            return self._client.execute(query).all()

    def chunks(self, query: sa.Executable) -> Iterator[Rows]:
        """The rows of a large result, some thousands at a time."""
        with self._in_words():
            streamed = self._client.execution_options(stream_results=True, max_row_buffer=CHUNK_ROWS)
            with streamed.execute(query) as result:
                yield from result.partitions(CHUNK_ROWS)

    def _start(self) -> None:
        if self.dialect == "sqlite":
            # A deferred transaction has no snapshot before its first look into the file.
            for statement in ("PRAGMA query_only = ON", "BEGIN", "SELECT COUNT(*) FROM sqlite_master"):
                self._client.exec_driver_sql(statement)
            return
        driver = self._client.connection.dbapi_connection
        levels = () if driver is None else self._engine.dialect.get_isolation_level_values(driver)
        level = next((level for level in _SNAPSHOT_LEVELS if level in levels), None)
        self.has_snapshot = level is not None
        options: Mapping[str, Any] = {} if level is None else {"isolation_level": level}
        if self.dialect == "postgresql":
            options = {**options, "postgresql_readonly": True}
        self._client = self._client.execution_options(**options)
        for statement in _POSTGRESQL_SETTINGS if self.dialect == "postgresql" else ():
            self._client.exec_driver_sql(statement)

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.SQLAlchemyError as error:
            raise _in_words(error, self._place) from error


class RefusedError(ConfigError):
    """The database refuses the query."""


def _engine(connection: Connection) -> sa.Engine:
    if connection.kind == "sqlite":
        path = sqlite_file(connection)
        if not path.is_file():
            raise SourceUnavailableError(f"connection {connection}: there is no such file; is it mounted? try again")
        return sa.create_engine("sqlite://", creator=lambda: _open_sqlite(path), poolclass=NullPool)
    arguments = {"connect_timeout": _CONNECT_SECONDS} if connection.kind in {"postgresql", "mysql"} else {}
    try:
        return sa.create_engine(connection.sqlalchemy_url(), connect_args=arguments, poolclass=NullPool)
    except (sa.exc.ArgumentError, ImportError) as error:
        raise ConfigError(
            f"connection {connection}: SQLAlchemy has no driver for {connection.kind!r} here; name a database that it "
            "knows, and install its driver beside Shopmine"
        ) from error


def sqlite_file(connection: Connection) -> Path:
    """Where a connection's SQLite database is: `sqlite:////srv/shop.db`, or Airflow's form with the path as host."""
    return Path("/") / (connection.extra.get("path") or connection.database or connection.host)


def _open_sqlite(path: Path) -> sqlite3.Connection:
    client = sqlite3.connect(
        f"file:{quote(str(path))}?mode=ro", uri=True, isolation_level=None, timeout=_CONNECT_SECONDS
    )
    # Bytes that are no UTF-8 come through as they are; `prepare` tells of them.
    client.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
    return client


def _in_words(error: sa.exc.SQLAlchemyError, connection: Connection) -> Exception:
    cause = getattr(error, "orig", None)
    text = " ".join(str(cause or error).split())
    state = getattr(cause, "sqlstate", None) or ""
    if state.startswith(_LOGIN[0]) or any(word in text for word in _LOGIN[1:]):
        return ConfigError(f"connection {connection} refuses the login; set the right user and password")
    if state == _NO_DATABASE[0] or any(word in text for word in _NO_DATABASE[1:]):
        return ConfigError(
            f"connection {connection}: there is no such database; name the right one after the last slash"
        )
    if state in _PRIVILEGE:
        return RefusedError(f"connection {connection} lacks a privilege: {text}; grant SELECT to this user")
    if _may_pass(error, cause, state, text):
        return SourceUnavailableError(f"connection {connection} does not answer: {text}; is the server up? try again")
    return RefusedError(f"connection {connection} refuses the query: {text}")


def _may_pass(error: sa.exc.SQLAlchemyError, cause: Any, state: str, text: str) -> bool:
    """Whether another try may succeed: broken connections, time-outs, locks; not what is wrong with the query."""
    if isinstance(cause, sqlite3.Error):
        return any(word in text for word in _SQLITE_PASSES)
    if state:
        return not state.startswith(("42", "22", "0A"))
    return isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError | sa.exc.TimeoutError)
