"""Alembic's entry: runs the revisions on the connection that `database.upgrade_database` hands over."""

from alembic import context

from shopmine.staging.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table_schema="work",
)
with context.begin_transaction():
    context.run_migrations()
