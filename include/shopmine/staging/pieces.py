"""Long values in a table of pieces of 1 MB, written by binary COPY and read in order."""

from collections.abc import Iterable
from typing import Final

import sqlalchemy as sa
from psycopg import sql

from shopmine.staging.copying import driver_connection

PIECE_BYTES: Final = 1 << 20


def write_pieces(connection: sa.Connection, table: sa.Table, values: Iterable[tuple[int, bytes]]) -> None:
    """Store each (owner, value); the table's columns are the owner, `position` and `data`."""
    statement = sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(sql.Identifier(table.schema or "", table.name))
    with driver_connection(connection).cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(["int8", "int4", "bytea"])
        for owner, value in values:
            for position, start in enumerate(range(0, len(value), PIECE_BYTES)):
                copy.write_row((owner, position, value[start : start + PIECE_BYTES]))


def read_pieces(connection: sa.Connection, table: sa.Table, owner: int) -> bytes:
    """The value of `owner`, put together again; empty where there is none."""
    owner_column, position, data = table.columns
    statement = sa.select(data).where(owner_column == owner).order_by(position)
    raw = driver_connection(connection)
    text = str(statement.compile(dialect=connection.dialect))
    with raw.cursor(binary=True) as cursor:
        cursor.execute(text.encode(), {f"{owner_column.name}_1": owner})
        return b"".join(row[0] for row in cursor)
