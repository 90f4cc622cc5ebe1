"""All tables of the staging database, gathered."""

from shopmine.staging import tables_clean, tables_decisions, tables_published, tables_raw, tables_work

SCHEMAS = ("raw", "clean", "work", "published")
metadata = tables_raw.metadata

__all__ = ["SCHEMAS", "metadata", "tables_clean", "tables_decisions", "tables_published", "tables_raw", "tables_work"]
