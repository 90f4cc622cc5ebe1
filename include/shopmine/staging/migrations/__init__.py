"""Alembic migrations of the staging database, run by `database.upgrade_database` only."""
