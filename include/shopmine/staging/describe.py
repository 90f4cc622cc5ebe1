"""The staging database described from its own definition, for the documentation."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from shopmine.staging.tables import metadata
from shopmine.staging.views import DIALECT, VIEWS, View


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDescription:
    """A column: its name, its type as PostgreSQL says it, what it means."""

    name: str
    type: str
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TableDescription:
    """A table or view with its columns, in order."""

    schema: str
    name: str
    about: str
    is_view: bool
    columns: tuple[ColumnDescription, ...]


def describe_tables() -> list[TableDescription]:
    """Every table and view of the staging database, by schema and name."""
    described = [_table(table) for table in metadata.sorted_tables] + [_view(view) for view in VIEWS]
    return sorted(described, key=lambda table: (table.schema, table.name))


def _table(table: sa.Table) -> TableDescription:
    return TableDescription(
        schema=table.schema or "",
        name=table.name,
        about=table.comment or "",
        is_view=False,
        columns=_columns(table.columns),
    )


def _view(view: View) -> TableDescription:
    columns = _columns(view.query.selected_columns)
    return TableDescription(schema=view.schema, name=view.name, about=view.about, is_view=True, columns=columns)


def _columns(columns: Iterable[sa.ColumnElement[Any]]) -> tuple[ColumnDescription, ...]:
    return tuple(
        ColumnDescription(
            name=str(getattr(column, "name", "")),
            type=column.type.compile(dialect=DIALECT).lower(),
            about=getattr(column, "comment", None) or "",
        )
        for column in columns
    )
