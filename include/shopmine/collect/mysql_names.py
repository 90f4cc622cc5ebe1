"""What a MySQL source has: tables, columns, keys; and what was probably meant where it has not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from shopmine.collect.mysql_session import UNKNOWN_COLUMN, UNKNOWN_TABLE, MysqlSession, SqlError
from shopmine.config.kinds import nearest
from shopmine.errors import ConfigError

if TYPE_CHECKING:
    from shopmine.collect.reading import Opening
    from shopmine.config.entities import EntityConfig

_NO_ROWS: Final = " LIMIT 0"


def quoted(name: str) -> str:
    """An identifier in backticks."""
    return f"`{name.replace('`', '``')}`"


class MysqlNames:
    """Names of one source, asked through its session."""

    def __init__(self, session: MysqlSession, opening: Opening) -> None:
        self._session, self._opening = session, opening

    def origin(self, entity: EntityConfig) -> str:
        """The FROM part: the table (`other_database.table` too) or the query as a derived table."""
        if entity.query is not None:
            return f"({entity.query.strip().rstrip(';')}) AS source_rows"
        return ".".join(map(quoted, str(entity.table).split(".", 1)))

    def types(self, entity: EntityConfig, names: Sequence[str]) -> list[str]:
        """The type of each named column, in order.

        Raises:
            ConfigError: there is no such table or column; the message names the nearest.
        """
        select = f"SELECT {', '.join(map(quoted, names))} FROM {self.origin(entity)}"  # noqa: S608  names are quoted
        try:
            return [kind for _, kind in self._session.types(select + _NO_ROWS)]
        except SqlError as error:
            problems = self._unknown(entity, names, error)
            raise (ConfigError("\n".join(problems)) if problems else error) from error

    def estimated_rows(self, entity: EntityConfig) -> int | None:
        """The server's own estimate for a table; None for a query or view, where counting would cost a scan."""
        found = self._session.rows(
            f"SELECT table_rows FROM information_schema.tables WHERE {self._is_this_table(entity)}"  # noqa: S608
        )
        return int(found[0][0]) if found and found[0][0] is not None else None

    def unknown_personal(self, entity: EntityConfig) -> Iterator[str]:
        """One line for each personal column that the source does not have: a typing error there would let it land."""
        known = self.columns(entity)
        folded = {name.lower() for name in known}
        for column in entity.personal:
            if column.lower() not in folded:
                yield f"{self._place(entity)}.personal.{column}: the source has no such column{nearest(column, known)}"

    def hints(self, entity: EntityConfig) -> Iterator[str]:
        """What is worth a look: a key that the table has and the file does not name."""
        found = self._session.rows(
            "SELECT column_name FROM information_schema.key_column_usage "  # noqa: S608
            f"WHERE constraint_name = 'PRIMARY' AND {self._is_this_table(entity)} ORDER BY ordinal_position"
        )
        key = [str(name, "utf-8") for (name,) in found if name is not None]
        if key and not entity.key and entity.repeats == "drop":
            yield (
                f"{self._place(entity)}.key: the table's primary key is {key}, which the file does not name: rows that are "
                "alike in every mapped column count as duplicates and are left out"
            )

    def columns(self, entity: EntityConfig) -> list[str]:
        """All columns that this user may read."""
        if entity.query is not None:
            return [name for name, _ in self._session.types(f"SELECT * FROM {self.origin(entity)}{_NO_ROWS}")]  # noqa: S608
        found = self._session.rows(
            f"SELECT column_name FROM information_schema.columns WHERE {self._is_this_table(entity)} "  # noqa: S608
            "ORDER BY ordinal_position"
        )
        return [str(name, "utf-8") for (name,) in found if name is not None]

    def _unknown(self, entity: EntityConfig, names: Sequence[str], error: SqlError) -> list[str]:
        place = self._place(entity)
        if error.code == UNKNOWN_TABLE and entity.table is not None:
            found = self._session.rows(
                "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()"
            )
            tables = [str(name, "utf-8") for (name,) in found if name is not None]
            where = self._opening.connection
            return [f"{place}.table: {where} has no table {entity.table!r}{nearest(entity.table, tables)}"]
        if error.code == UNKNOWN_COLUMN:
            known = self.columns(entity)
            folded = {name.lower() for name in known}
            unknown = [name for name in names if name.lower() not in folded]
            return [f"{place}: the source has no column {name!r}{nearest(name, known)}" for name in unknown]
        return []

    def _is_this_table(self, entity: EntityConfig) -> str:
        if entity.table is None:
            return "FALSE"
        schema, _, table = entity.table.rpartition(".")
        return f"table_schema = {_literal(schema) if schema else 'DATABASE()'} AND table_name = {_literal(table)}"

    def _place(self, entity: EntityConfig) -> str:
        return f"sources.{self._opening.source.name}.entities.{entity.name}"


def _literal(text: str) -> str:
    """A text as SQL writes it, by its bytes: no escaping to get wrong."""
    return f"CONVERT(0x{text.encode().hex()} USING utf8mb4)" if text else "''"
