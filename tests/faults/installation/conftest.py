"""One installation for all tests of a module, and what each day is without a fault."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

import psycopg
import pytest

from faults.installation.night import SHOP, Night
from harness.installations import own_installation, shopmine, shops_of
from shopmine.cli.demo_command import load_shop_data, place_shop_file
from shopmine.config.shops import load_shop
from shopmine.drill.day import day_stages
from shopmine.local.running import start_databases
from shopmine.staging.database import Database, upgrade_database
from shopmine.staging.releases import find_release
from shopmine.staging.runs import finish_run, open_run

if TYPE_CHECKING:
    from shopmine.local.installation import Installation

# Mondays' models are fitted anew, so that each of these days has something to do at every step.
DAYS = tuple(date.fromisoformat(f"2025-{day}") for day in ("06-24", "06-17", "06-10", "06-03", "05-27", "05-20"))
# What is waited for is noticed sooner than where a shop is mined, to spare the tests' time: nothing else differs.
SETTINGS = """
AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT=20
AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL=3
AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL=5
SHOPMINE_RETRY_SECONDS=2
"""


@pytest.fixture(scope="module")
def night() -> Iterator[Night]:
    with own_installation() as installation, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHOPMINE_SHOPS", str(shops_of(installation)))
        with (installation.home / "connections.env").open("a", encoding="utf-8") as file:
            file.write(SETTINGS)
        start_databases(installation, say=print)
        load_shop_data(installation, SHOP, size="tiny", data=None, say=print)
        place_shop_file(SHOP, size="tiny", folder=shops_of(installation), say=print)
        without_fault = _without_fault(installation)
        shopmine(installation, "start")
        yield Night(installation=installation, without_fault=without_fault)


def _without_fault(installation: Installation) -> dict[date, str]:
    """`content_hash` of each day, made in a staging database of its own by calling the stages one by one."""
    name = "without_fault"
    with psycopg.connect(installation.database_url("postgres", user="postgres"), autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}" OWNER shopmine')
    database = Database(installation.database_url(name, user="shopmine"))
    try:
        upgrade_database(database)
        return {day: _release(database, installation, day) for day in DAYS}
    finally:
        database.close()


def _release(database: Database, installation: Installation, day: date) -> str:
    run = open_run(database, shop=SHOP, day=day, known_at=None, started_by="test", config={}).run
    release = 0
    for stage in day_stages(database, load_shop(SHOP), installation.connections()):
        if stage.name.startswith("sinks."):
            continue  # they would write into the stores of the other staging database
        done = stage.run(run)
        if stage.name == "publish" and isinstance(done, int):
            release = done
    finish_run(database, run, "finished")
    return find_release(database, SHOP, release).content_hash
