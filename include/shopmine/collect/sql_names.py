"""What a database behind SQLAlchemy has: tables, columns, keys; and what was probably meant where it has not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from shopmine.collect import sql_postgresql
from shopmine.collect.sql_session import RefusedError, SqlSession
from shopmine.config.kinds import nearest
from shopmine.errors import ConfigError

if TYPE_CHECKING:
    from shopmine.collect.reading import Opening
    from shopmine.config.entities import EntityConfig

# A declared type that would read as MySQL's word for a clock in UTC.
_CLOCKS: Final = ("timestamp",)
_ANY: Final = "any"


class SqlNames:
    """Names of one source, asked through its session."""

    def __init__(self, session: SqlSession, opening: Opening) -> None:
        self._session, self._opening = session, opening

    def origin(self, entity: EntityConfig) -> sa.TextClause:
        """The FROM part: the table (`schema.table` too) or the query as a derived table."""
        if entity.query is not None:
            return plain_sql(f"({entity.query.strip().rstrip(';')}) AS source_rows")
        return plain_sql(".".join(map(self._session.quoted, str(entity.table).split(".", 1))))

    def types(self, entity: EntityConfig, names: Sequence[str]) -> list[str]:
        """The type of each named column, in order.

        Raises:
            ConfigError: there is no such table or column; the message names the nearest.
        """
        known = self._columns(entity)
        if unknown := [name for name in names if name not in known]:
            lines = [f"{self._place(entity)}: the source has no column {n!r}{nearest(n, known)}" for n in unknown]
            raise ConfigError("\n".join(lines))
        return [known[name] for name in names]

    def unknown_personal(self, entity: EntityConfig) -> Iterator[str]:
        """One line for each personal column that the source does not have: a typing error there would let it land."""
        known = self._columns(entity)
        for column in entity.personal:
            if column not in known:
                yield f"{self._place(entity)}.personal.{column}: the source has no such column{nearest(column, known)}"

    def hints(self, entity: EntityConfig) -> Iterator[str]:
        """What is worth a look: a key that the table has and the file does not name."""
        if entity.table is None or entity.key or entity.repeats != "drop":
            return
        schema, name = _split(entity.table)
        key = self._session.inspector().get_pk_constraint(name, schema=schema)["constrained_columns"]
        if key:
            yield (
                f"{self._place(entity)}.key: the table's primary key is {key}, which the file does not name: rows that are "
                "alike in every mapped column count as duplicates and are left out"
            )

    def estimated_rows(self, entity: EntityConfig) -> int | None:
        """PostgreSQL's own estimate for a table; None where counting would cost a scan."""
        if entity.table is None or self._session.dialect != "postgresql":
            return None
        name = ".".join(map(self._session.quoted, entity.table.split(".", 1)))
        asked = sa.text("SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass(:name)").bindparams(name=name)
        found = self._session.rows(asked)
        return int(found[0][0]) if found and found[0][0] >= 0 else None

    def columns(self, entity: EntityConfig) -> list[str]:
        """All columns that this user may read."""
        return list(self._columns(entity))

    def _columns(self, entity: EntityConfig) -> dict[str, str]:
        """All columns with their types."""
        query: sa.Select[Any] = (
            sa.select(sa.literal_column("*")).select_from(self.origin(entity)).where(sa.literal_column("1 = 0"))
        )
        try:
            described = self._session.describe(query)
        except RefusedError as error:
            if problem := self._unknown_table(entity):
                raise ConfigError(problem) from error
            raise
        if self._session.dialect == "postgresql":
            return {name: sql_postgresql.type_name(column) for name, column in described}
        declared = self._declared(entity)
        return {name: declared.get(name, _ANY) for name, _ in described}

    def _declared(self, entity: EntityConfig) -> dict[str, str]:
        if entity.table is None:
            return {}
        schema, table = _split(entity.table)
        found = self._session.inspector().get_columns(table, schema=schema)
        return {column["name"]: _declared_type(column["type"]) for column in found}

    def _unknown_table(self, entity: EntityConfig) -> str | None:
        if entity.table is None:
            return None
        schema, table = _split(entity.table)
        inspector = self._session.inspector()
        known = [*inspector.get_table_names(schema), *inspector.get_view_names(schema)]
        if table in known:
            return None
        where = self._opening.connection
        return f"{self._place(entity)}.table: {where} has no table {entity.table!r}{nearest(table, known)}"

    def _place(self, entity: EntityConfig) -> str:
        return f"sources.{self._opening.source.name}.entities.{entity.name}"


def plain_sql(text: str) -> sa.TextClause:
    r"""SQL as it stands: a colon in it names no parameter."""
    return sa.text(text.replace(":", r"\:"))


def _split(table: str) -> tuple[str | None, str]:
    schema, _, name = table.rpartition(".")
    return schema or None, name


def _declared_type(kind: Any) -> str:
    try:
        name = str(kind).lower()
    except sa.exc.CompileError:  # SQLAlchemy knows no name for it
        return _ANY
    return "datetime" if name.startswith(_CLOCKS) else name
