"""The whole of an installation: databases and Airflow together, started in order and stopped without a trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shopmine.errors import SourceUnavailableError
from shopmine.local.airflow import Airflow
from shopmine.local.processes import Processes
from shopmine.local.servers import Servers

if TYPE_CHECKING:
    from shopmine.local.installation import Installation
    from shopmine.local.server import Say


def start_databases(installation: Installation, *, say: Say) -> None:
    """Start the database servers; a staging database that is new gets its schema.

    Raises:
        ConfigError: the staging database is of another version: `./shopmine upgrade`.
    """
    import sqlalchemy as sa

    from shopmine.staging.database import Database, check_revision

    Servers(installation, say=say).start()
    database = Database(installation.database_url("shopmine"))
    try:
        is_new = not sa.inspect(database.engine).has_schema("work")
        if is_new:
            upgrade_staging(installation)
            say("the staging database has its schema")
        else:
            check_revision(database)
    finally:
        database.close()


def start_airflow(installation: Installation, *, say: Say) -> None:
    """Start Airflow; the servers must run."""
    Airflow(installation, say=say).start()


def upgrade_staging(installation: Installation) -> None:
    """Bring the staging database to this version's schema."""
    from shopmine.staging.database import Database, upgrade_database

    database = Database(installation.database_url("shopmine"))
    try:
        upgrade_database(database)
    finally:
        database.close()


def stop_all(installation: Installation) -> list[str]:
    """Stop Airflow, then the servers, then whatever else carries this installation's marks; titles of what ran.

    Raises:
        SourceUnavailableError: a process could not be ended.
    """
    stopped = [*Airflow(installation).stop(), *Servers(installation).stop()]
    processes = Processes(installation.home)
    strays = processes.strays()
    processes.end(strays)
    if left := [process.pid for process in processes.strays()]:
        raise SourceUnavailableError(
            f"processes {left} did not end; look at them with: ps -f -p {','.join(map(str, left))}"
        )
    return [*stopped, *([f"{len(strays)} left-over processes"] if strays else [])]
