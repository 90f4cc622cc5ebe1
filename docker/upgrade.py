"""Brings the staging database that AIRFLOW_CONN_SHOPMINE_STAGING names up to date; run by `init.sh`, safe to repeat."""

import os

from shopmine.config.connections import connections_from_environment
from shopmine.staging.database import open_database, upgrade_database

if __name__ == "__main__":
    upgrade_database(open_database(connections_from_environment(os.environ)))
