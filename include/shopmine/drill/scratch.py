"""A scratch copy to break things in: databases of its own on the servers that are there, and a small generated shop.

Nothing of the servers' other databases is touched. What is the same for all experiments, the day before, is run once;
each experiment gets a copy of it.
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import psycopg
import pymongo
import pymysql
from psycopg import sql

from shopmine.config.connections import Connection
from shopmine.config.days import ONE_DAY
from shopmine.demo.loading import load_demo
from shopmine.staging.database import Database, upgrade_database

SHOP: Final = "drill"
SHOP_FILE: Final = Path(__file__).with_name("drill.toml")
PREFIX: Final = "shopmine_drill"
LEASE_SECONDS: Final = 1.0
PATIENCE_SECONDS: Final = 5.0
"""A lease's time where a process only waits a moment: one that stands still for longer than its lease is ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """Administrators' URLs of PostgreSQL, MariaDB and MongoDB; they hold passwords and are never shown."""

    postgres: str = field(repr=False)
    mysql: str = field(repr=False)
    mongo: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scratch:
    """The scratch copy: where everything is.

    Attributes:
        name: of its databases in MariaDB and MongoDB, and what those in PostgreSQL begin with.
        folder: its shops' files, its source files, and what the sink of files writes.
        day: the day that the experiments run; the day before is there already.
    """

    servers: Servers
    name: str
    folder: Path
    day: date

    @property
    def shops(self) -> Path:
        """Folder of the shop's file."""
        return self.folder / "shops"

    @property
    def sink_folder(self) -> Path:
        """Where the sink of files writes."""
        return self.folder / "sink"

    @property
    def base(self) -> str:
        """Name of the staging database that experiments are copied from."""
        return f"{self.name}_base"

    def staging_url(self, database: str, *, port: int | None = None) -> str:
        """URL of one of its staging databases, on another port of this machine for a proxy."""
        url = urlsplit(self.servers.postgres)
        netloc = url.netloc if port is None else f"{url.netloc.rpartition('@')[0]}@127.0.0.1:{port}"
        query = url.query if port is None else "sslmode=disable"
        return url._replace(scheme="postgresql", netloc=netloc, path=f"/{database}", query=query).geturl()

    def connections(self, staging_url: str) -> dict[str, str]:
        """Every connection that a run needs, by id, as text."""
        return {
            "shopmine_staging": staging_url,
            "demo_mysql": urlsplit(self.servers.mysql)._replace(path=f"/{self.name}").geturl(),
            "demo_mongo": urlsplit(self.servers.mongo)._replace(path=f"/{self.name}").geturl(),
            "demo_files": f"file://{self.folder / 'files'}",
            "drill_folder": f"file://{self.sink_folder}",
            "drill_key": '{"conn_type": "generic", "password": "a key of a drill, long enough to be one"}',
        }

    def source(self, id_: str) -> Connection:
        """One of its connections that is not the staging database."""
        return Connection.parse(id_, self.connections("")[id_])

    def copy_staging(self, name: str, *, of: str = "", tablespace: str = "pg_default") -> str:
        """A new staging database like another one, else as the day before left it; its name."""
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE {} TABLESPACE {}")
        made = f"{self.name}_{name}"
        with postgres(self.servers) as admin:
            admin.execute(copy.format(*map(sql.Identifier, (made, of or self.base, tablespace))))
        return made

    def drop_staging(self, name: str) -> None:
        """Delete a staging database, whoever is still connected to it."""
        with postgres(self.servers) as admin:
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def database(self, name: str) -> Database:
        """A staging database opened by the kit itself."""
        return Database(self.staging_url(name))


@contextmanager
def scratch_shop(servers: Servers) -> Iterator[Scratch]:
    """Make the databases and the shop's data, delete all of it at the end.

    Raises:
        SourceUnavailableError: a server does not answer.
    """
    name = f"{PREFIX}_{secrets.token_hex(4)}"
    folder = Path(tempfile.mkdtemp(prefix=f"{name}_"))
    # The server may run as another user: it must be able to reach what is in there.
    folder.chmod(0o755)
    scratch = Scratch(servers=servers, name=name, folder=folder, day=date(2025, 6, 30))
    try:
        _fill(scratch)
        yield scratch
    finally:
        _remove(scratch)


def day_before(scratch: Scratch) -> date:
    """The day that is there already."""
    return scratch.day - ONE_DAY


@contextmanager
def postgres(servers: Servers) -> Iterator[psycopg.Connection[Any]]:
    """An administrator's connection to PostgreSQL, without transactions."""
    with psycopg.connect(servers.postgres.replace("postgresql+psycopg", "postgresql"), autocommit=True) as admin:
        yield admin


@contextmanager
def mysql(scratch: Scratch, *, with_database: bool = True) -> Iterator[Any]:
    """A cursor in the shop's MariaDB database."""
    connection = scratch.source("demo_mysql")
    opened = pymysql.connect(
        host=connection.host,
        port=connection.port or 3306,
        user=connection.user,
        password=connection.password,
        database=connection.database if with_database else None,
        charset="utf8mb4",
        autocommit=True,
    )
    with opened, opened.cursor() as cursor:
        yield cursor


@contextmanager
def mongo(scratch: Scratch) -> Iterator[Any]:
    """The shop's MongoDB database."""
    with pymongo.MongoClient[dict[str, Any]](scratch.servers.mongo) as client:
        yield client[scratch.name]


def _fill(scratch: Scratch) -> None:
    for folder in (scratch.shops, scratch.sink_folder, scratch.folder / "files"):
        folder.mkdir()
    shutil.copy(SHOP_FILE, scratch.shops / f"{SHOP}.toml")
    texts = scratch.connections("postgresql://")
    known = {id_: Connection.parse(id_, text) for id_, text in texts.items()}
    load_demo("demo", size="tiny", data=None, connections=known, files_dir=scratch.folder / "files")
    with postgres(scratch.servers) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(scratch.base)))
    database = scratch.database(scratch.base)
    try:
        upgrade_database(database)
    finally:
        database.close()


def _remove(scratch: Scratch) -> None:
    with postgres(scratch.servers) as admin:
        found = admin.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", (scratch.name,))
        for (name,) in found.fetchall():
            scratch.drop_staging(name)
    with mysql(scratch, with_database=False) as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS `{scratch.name}`")
    with mongo(scratch) as database:
        database.client.drop_database(scratch.name)
    shutil.rmtree(scratch.folder)
