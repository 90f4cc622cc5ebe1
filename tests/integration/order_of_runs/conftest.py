"""Fresh staging databases, as many as a test wants: each is one history of runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest

from harness.shared_servers import ServerUrls, unique_name
from shopmine.staging.database import Database


@pytest.fixture
def new_staging(server_urls: ServerUrls, _staging_template: str) -> Iterator[Callable[[], Database]]:
    """Makes a fresh, migrated staging database; all are dropped after the test."""
    import psycopg

    made: list[tuple[str, Database]] = []

    def make() -> Database:
        name = unique_name("history")
        with psycopg.connect(server_urls.postgres, autocommit=True) as admin:
            admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{_staging_template}"')
        url = urlsplit(server_urls.postgres)._replace(scheme="postgresql+psycopg", path=f"/{name}").geturl()
        made.append((name, Database(url)))
        return made[-1][1]

    yield make
    with psycopg.connect(server_urls.postgres, autocommit=True) as admin:
        for name, database in made:
            database.close()
            admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
