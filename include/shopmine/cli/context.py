"""What a command needs to begin: the connections, the staging database and Airflow of this installation."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING

import click

from shopmine.errors import ConfigError

if TYPE_CHECKING:
    from shopmine.config.connections import Connection
    from shopmine.local.airflow_api import AirflowApi
    from shopmine.staging.database import Database


def known_connections() -> dict[str, Connection]:
    """The connections of the environment; `main` has lent it the installation's."""
    from shopmine.config.connections import connections_from_environment

    return connections_from_environment(os.environ)


@contextmanager
def staging_database() -> Iterator[Database]:
    """The staging database, if its schema is of this version."""
    from shopmine.staging.database import check_revision, open_database

    database = open_database(known_connections())
    try:
        check_revision(database)
        yield database
    finally:
        database.close()


@contextmanager
def airflow_api() -> Iterator[AirflowApi]:
    """Airflow's REST API."""
    from shopmine.local.airflow import Airflow
    from shopmine.local.installation import Installation

    api = Airflow(Installation.load()).api()
    try:
        yield api
    finally:
        api.close()


class Day(click.ParamType[date]):
    """A day as YYYY-MM-DD."""

    name = "day"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Parse the text; a usage error when it is no date."""
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a day; write it as YYYY-MM-DD", param, ctx)


DAY = Day()


def within_data(shop: str, *days: date) -> None:
    """Refuse days that the shop's file rules out, and those that are not over.

    Raises:
        ConfigError: a day is before the shop's first, after its last, or after the last complete one.
    """
    from shopmine.config.days import last_complete_day, utc_now
    from shopmine.config.shops import load_shop

    config = load_shop(shop)
    newest = last_complete_day(utc_now(), config.zone)
    for day in days:
        if day < config.first_day or (config.last_day is not None and day > config.last_day):
            bounds = f"from {config.first_day}" + (f" to {config.last_day}" if config.last_day else " on")
            raise ConfigError(f"day {day} is outside the data of {shop!r}, which are {bounds} (first_day, last_day)")
        if day > newest:
            raise ConfigError(f"day {day} is not over in {config.timezone}; the last complete day is {newest}")
