"""The migrations make exactly what the code's tables and views say, and nothing asks for a superuser."""

from collections.abc import Iterator
from threading import Thread

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from shopmine.errors import ConfigError
from shopmine.staging.database import Database, check_revision, upgrade_database
from shopmine.staging.tables import SCHEMAS, metadata
from shopmine.staging.views import VIEWS


@pytest.fixture
def empty(staging: Database, staging_url: str) -> Iterator[Database]:
    """An empty database, owned by a role that may do nothing else."""
    url = sa.make_url(staging_url)
    role = f"{url.database}_owner"
    with staging.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as admin:
        admin.exec_driver_sql(f"CREATE ROLE \"{role}\" LOGIN PASSWORD 'owner'")
        admin.exec_driver_sql(f'CREATE DATABASE "{role}" OWNER "{role}" TEMPLATE template0')
        database = Database(url.set(database=role, username=role, password="owner"))
        yield database
        database.close()
        admin.exec_driver_sql(f'DROP DATABASE "{role}" WITH (FORCE)')
        admin.exec_driver_sql(f'DROP ROLE "{role}"')


def test_the_migrated_database_is_what_the_code_says(staging: Database) -> None:
    options = {
        "include_schemas": True,
        "compare_type": True,
        "version_table_schema": "work",
        "include_name": lambda name, kind, _: kind != "schema" or name in SCHEMAS,
    }
    with staging.snapshot() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []


def test_the_migrated_views_are_what_the_code_says(staging: Database) -> None:
    definition = "SELECT pg_get_viewdef('{}'::regclass)"
    with staging.engine.connect() as connection:
        for view in VIEWS:
            made = connection.exec_driver_sql(definition.format(f"{view.schema}.{view.name}")).scalar_one()
            connection.exec_driver_sql(f"CREATE TEMPORARY VIEW said AS {view.definition()}")
            assert connection.exec_driver_sql(definition.format("said")).scalar_one() == made
            comment = f"SELECT obj_description('{view.schema}.{view.name}'::regclass, 'pg_class')"
            assert connection.exec_driver_sql(comment).scalar_one() == view.about
            connection.exec_driver_sql("DROP VIEW said")
        listed = {(view.schema, view.name) for view in VIEWS}
        found = connection.exec_driver_sql(
            f"SELECT schemaname, viewname FROM pg_views WHERE schemaname IN {SCHEMAS}"
        ).all()
        assert {(*row,) for row in found} == listed


def test_an_ordinary_owner_upgrades_at_once_and_from_two_sides(empty: Database) -> None:
    with pytest.raises(ConfigError, match=r"schema revision none, this code needs \d{4}; run ./shopmine upgrade"):
        check_revision(empty)
    upgrades = [Thread(target=upgrade_database, args=(empty,)) for _ in range(2)]
    for upgrade in upgrades:
        upgrade.start()
    for upgrade in upgrades:
        upgrade.join()
    upgrade_database(empty)
    check_revision(empty)


def test_a_schema_from_another_version_is_refused(staging: Database) -> None:
    with staging.transaction() as connection:
        connection.exec_driver_sql("UPDATE work.alembic_version SET version_num = '9999'")
    with pytest.raises(ConfigError, match=r"schema revision 9999, this code needs \d{4}"):
        check_revision(staging)
