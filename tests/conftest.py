"""Fixtures that every test may use: real servers, a fresh staging database, empty source databases, real data."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from harness import shared_servers
from harness.shared_servers import FOLDER, ServerUrls, unique_name

if TYPE_CHECKING:
    from shopmine.config.connections import Connection
    from shopmine.staging.database import Database

ROOT = Path(__file__).resolve().parents[1]
_SERVER_FIXTURES = {"server_urls", "staging_url", "staging", "mysql_database", "mongo_database", "connections"}


def pytest_configure(config: pytest.Config) -> None:
    worker = getattr(config, "workerinput", None)
    config.stash[FOLDER] = Path(worker["shared_folder"]) if worker else shared_servers.make_folder()
    if not worker:
        # An ended terminal or `kill` closes the run like ctrl-C, so that the servers are stopped.
        signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    node.workerinput["shared_folder"] = str(node.config.stash[FOLDER])  # type: ignore[attr-defined]


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput") and FOLDER in config.stash:
        shared_servers.remove_folder(config.stash[FOLDER])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _SERVER_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.servers)


@pytest.fixture(scope="session")
def shared_folder(request: pytest.FixtureRequest) -> Path:
    """A folder shared by all workers of this run."""
    return request.config.stash[FOLDER]


@pytest.fixture(scope="session")
def server_urls(shared_folder: Path) -> ServerUrls:
    """Administrators' URLs of running PostgreSQL, MariaDB and MongoDB servers."""
    return shared_servers.start(shared_folder)


@pytest.fixture(scope="session")
def _staging_template(server_urls: ServerUrls) -> str:
    """Name of a migrated staging database that fresh ones are copied from; made once a run."""
    import psycopg

    from shopmine.staging.database import Database, upgrade_database

    name_file = server_urls.shared / "staging-template-name"
    with shared_servers.once(server_urls.shared, "staging-template") as is_first:
        if is_first:
            name = unique_name("staging_template")
            with psycopg.connect(server_urls.postgres, autocommit=True) as admin:
                admin.execute(f'CREATE DATABASE "{name}"')
            database = Database(_sqlalchemy_url(server_urls.postgres, name))
            upgrade_database(database)
            database.close()
            name_file.write_text(name, encoding="utf-8")
    return name_file.read_text(encoding="utf-8")


@pytest.fixture
def staging_url(server_urls: ServerUrls, _staging_template: str) -> Iterator[str]:
    """SQLAlchemy URL of a fresh, migrated staging database; dropped after the test."""
    import psycopg

    name = unique_name("staging")
    with psycopg.connect(server_urls.postgres, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{_staging_template}"')
        yield _sqlalchemy_url(server_urls.postgres, name)
        admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture
def staging(staging_url: str) -> Iterator[Database]:
    """A fresh, migrated staging database."""
    from shopmine.staging.database import Database

    database = Database(staging_url)
    yield database
    database.close()


@pytest.fixture
def mysql_database(server_urls: ServerUrls) -> Iterator[Connection]:
    """An empty MariaDB database (connection id `shop_mysql`); dropped after the test."""
    import pymysql

    from shopmine.config.connections import Connection

    url, name = urlsplit(server_urls.mysql), unique_name("shop")
    admin = pymysql.connect(
        host=url.hostname, port=url.port or 3306, user=url.username, password=url.password or "", autocommit=True
    )
    with admin, admin.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
        yield Connection.parse("shop_mysql", url._replace(path=f"/{name}", query="charset=utf8mb4").geturl())
        cursor.execute(f"DROP DATABASE `{name}`")


@pytest.fixture
def mongo_database(server_urls: ServerUrls) -> Iterator[Connection]:
    """An empty MongoDB database (connection id `shop_mongo`); dropped after the test."""
    import pymongo

    from shopmine.config.connections import Connection

    url, name = urlsplit(server_urls.mongo), unique_name("shop")
    with pymongo.MongoClient(server_urls.mongo) as client:
        yield Connection.parse("shop_mongo", url._replace(path=f"/{name}").geturl())
        client.drop_database(name)


@pytest.fixture
def connections(
    staging_url: str, mysql_database: Connection, mongo_database: Connection, tmp_path: Path
) -> dict[str, Connection]:
    """Connections of a shop named `shop` and of the staging database, by id; its files lie in `tmp_path`."""
    from shopmine.config.connections import Connection

    return {
        "shopmine_staging": Connection.parse("shopmine_staging", staging_url),
        "shop_mysql": mysql_database,
        "shop_mongo": mongo_database,
        "shop_files": Connection.parse("shop_files", f"file://{tmp_path}"),
    }


@pytest.fixture(scope="session")
def reference_data() -> Callable[[str], Path]:
    """A file of the reference data, given as "folder/file": below $SHOPMINE_DATA, else `shared/data` beside the checkout.

    A test that asks for a file that is not there is skipped, saying so.
    """
    folders = [Path(os.environ["SHOPMINE_DATA"])] if "SHOPMINE_DATA" in os.environ else []

    def find(name: str) -> Path:
        for folder in [*folders, ROOT.parent / "shared" / "data", ROOT / "data"]:
            if (path := folder / name).exists():
                return path
        return pytest.skip(f"{name} not found; name the folder that holds it in SHOPMINE_DATA")

    return find


@pytest.fixture(scope="session")
def online_retail_data(reference_data: Callable[[str], Path]) -> Path:
    """The Online Retail data as Parquet."""
    return reference_data("online_retail/online_retail.parquet")


@pytest.fixture(scope="session")
def movielens_u1(reference_data: Callable[[str], Path]) -> Path:
    """The folder with `u1.base` and `u1.test` of MovieLens 100K."""
    return reference_data("movielens100k/raw/u1.base").parent


def _sqlalchemy_url(admin_url: str, database: str) -> str:
    return urlsplit(admin_url)._replace(scheme="postgresql+psycopg", path=f"/{database}").geturl()
