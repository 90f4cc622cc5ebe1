"""The staging database: one engine, its transactions, and the migrations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psycopg
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from shopmine.errors import ConfigError, ShopmineError, SourceUnavailableError
from shopmine.staging.copying import copy_in, copy_out

if TYPE_CHECKING:
    from alembic.config import Config

    from shopmine.config.connections import Connection as ConnectionSettings

__all__ = ["Database", "check_revision", "copy_in", "copy_out", "open_database", "upgrade_database"]

STAGING_CONNECTION: Final = "shopmine_staging"
CONNECT_SECONDS: Final = 10
LOCK_SECONDS: Final = 60
IDLE_SECONDS: Final = 600
STATEMENT_SECONDS: Final = 3600
LEASE_SECONDS: Final = 60.0
_UPGRADE_LOCK: Final = 5_405_405_201_001
_OPTIONS: Final = (
    f"-c timezone=UTC -c datestyle=ISO -c intervalstyle=postgres -c client_encoding=UTF8 -c extra_float_digits=1"
    f" -c statement_timeout={STATEMENT_SECONDS}s -c lock_timeout={LOCK_SECONDS}s"
    f" -c idle_in_transaction_session_timeout={IDLE_SECONDS}s"
)

_MAY_PASS: Final = (sa.exc.TimeoutError, psycopg.OperationalError, psycopg.errors.IdleInTransactionSessionTimeout)
"""No answer, no connection left in the pool, a lock not granted, a session that the server ended."""


class Database:
    """A staging database. Safe to share between threads; a transaction is not."""

    def __init__(self, url: str | sa.URL, *, lease_seconds: float = LEASE_SECONDS) -> None:
        """Remember where it is; nothing is opened yet.

        Args:
            url: `postgresql://user:password@host:port/database`, with or without SQLAlchemy's driver name.
            lease_seconds: how long a lease is kept for a holder that shows no sign of life.

        Raises:
            ConfigError: it is not the URL of a PostgreSQL database.
        """
        parsed = _parse_url(url)
        self.lease_seconds = lease_seconds
        self._where = f"{parsed.host or 'local socket'}:{parsed.port or 5432}/{parsed.database}"
        self.engine = sa.create_engine(
            parsed,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args={
                "application_name": "shopmine",
                "connect_timeout": CONNECT_SECONDS,
                "options": _OPTIONS,
                "keepalives_idle": 30,
                "keepalives_interval": 10,
                "keepalives_count": 3,
            },
        )

    def __repr__(self) -> str:
        return f"Database({self._where})"

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """A READ COMMITTED transaction: committed at the end of the block, rolled back when it raises.

        Raises:
            SourceUnavailableError: the database does not answer, a lock was not granted in time, or the server ended
                the session; nothing of the block is kept.
            ConfigError: it refuses the login.
        """
        with self._named_failures(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[sa.Connection]:
        """A REPEATABLE READ, READ ONLY transaction: every statement of the block sees the same moment.

        Raises:
            SourceUnavailableError, ConfigError: as for `transaction`.
        """
        with self._named_failures(), self.engine.connect() as connection:
            connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                yield connection

    @contextmanager
    def statements(self) -> Iterator[sa.Connection]:
        """Every statement of the block is a transaction of its own, so that a process that stops in between locks nothing.

        Raises:
            SourceUnavailableError: as for `transaction`.
        """
        with self._named_failures(), self.engine.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")

    def close(self) -> None:
        """Close the pooled connections; the object can be used again afterwards."""
        self.engine.dispose()

    @contextmanager
    def _named_failures(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, sa.exc.TimeoutError, psycopg.Error) as error:
            cause = error.orig if isinstance(error, DBAPIError) else error
            if not isinstance(cause, _MAY_PASS):
                raise
            raise self._in_words(cause) from error

    def _in_words(self, cause: BaseException) -> ShopmineError:
        reason = " ".join(str(cause).split())
        # A refused login has no code of its own in the driver: only the server's words tell it.
        if "authentication failed" in reason or "no password supplied" in reason:
            return ConfigError(
                f"the staging database {self._where} refuses the login of {self.engine.url.username!r}; set the right "
                f"user and password in the connection {STAGING_CONNECTION} (AIRFLOW_CONN_{STAGING_CONNECTION.upper()})"
            )
        is_full = isinstance(cause, psycopg.errors.DiskFull)
        what_next = "make room on its disk" if is_full else "check that it runs (./shopmine status)"
        return SourceUnavailableError(
            f"the staging database {self._where} does not answer or refused: {reason}; "
            f"nothing was written (all of it, if only the last answer was lost); {what_next} and try again"
        )


def _parse_url(url: str | sa.URL) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise ConfigError(
            "the staging database's URL cannot be read; it looks like postgresql://user:password@host:5432/database"
        ) from error
    if parsed.get_backend_name() not in ("postgresql", "postgres"):
        raise ConfigError(
            f"the staging database must be PostgreSQL, not {parsed.get_backend_name()!r}; set {STAGING_CONNECTION} to "
            "postgresql://user:password@host:5432/database"
        )
    return parsed.set(drivername="postgresql+psycopg")


def open_database(connections: Mapping[str, ConnectionSettings]) -> Database:
    """The staging database among an installation's connections.

    Raises:
        ConfigError: there is none with id `shopmine_staging`.
    """
    found = connections.get(STAGING_CONNECTION)
    if found is None:
        raise ConfigError(
            f"there is no connection {STAGING_CONNECTION!r} among {sorted(connections)}; "
            f"set AIRFLOW_CONN_{STAGING_CONNECTION.upper()} or run ./shopmine setup"
        )
    return Database(found.sqlalchemy_url())


def _alembic_config(connection: sa.Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["connection"] = connection
    return config


def upgrade_database(db: Database) -> None:
    """Bring the schema to the newest revision, in one transaction; twice is the same as once."""
    from alembic import command

    with db.transaction() as connection:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_UPGRADE_LOCK)))
        connection.execute(sa.schema.CreateSchema("work", if_not_exists=True))
        command.upgrade(_alembic_config(connection), "head")


def check_revision(db: Database) -> None:
    """Refuse to work on a schema of another version.

    Raises:
        ConfigError: the schema is missing, older or newer than this code.
    """
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    with db.snapshot() as connection:
        newest = ScriptDirectory.from_config(_alembic_config(connection)).get_current_head()
        found = MigrationContext.configure(connection, opts={"version_table_schema": "work"}).get_current_revision()
    if found != newest:
        raise ConfigError(
            f"the staging database has schema revision {found or 'none'}, this code needs {newest}; run ./shopmine upgrade"
        )
