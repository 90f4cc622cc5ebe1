"""Long values in a table of pieces of 1 MB, written by binary COPY and read in order."""

import io
from collections.abc import Iterable, Sequence
from typing import IO, Final

import sqlalchemy as sa
from psycopg import sql

from shopmine.staging.copying import driver_connection

PIECE_BYTES: Final = 1 << 20


def write_pieces(connection: sa.Connection, table: sa.Table, values: Iterable[tuple[int, bytes | IO[bytes]]]) -> None:
    """Store each (owner, value), a value being bytes or a file of them; the table's columns are the owner, `position` and `data`."""
    statement = sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(sql.Identifier(table.schema or "", table.name))
    with driver_connection(connection).cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(["int8", "int4", "bytea"])
        for owner, value in values:
            stream = io.BytesIO(value) if isinstance(value, bytes) else value
            stream.seek(0)
            position = 0
            while piece := stream.read(PIECE_BYTES):
                copy.write_row((owner, position, piece))
                position += 1


def read_pieces(connection: sa.Connection, table: sa.Table, owners: Sequence[int]) -> dict[int, bytes]:
    """The values of the owners, put together again; an owner without any is not among them."""
    owner, position, data = table.columns
    statement = sql.SQL("SELECT {}, {} FROM {} WHERE {} = ANY(%s) ORDER BY 1, {}").format(
        *map(sql.Identifier, (owner.name, data.name)),
        sql.Identifier(table.schema or "", table.name),
        *map(sql.Identifier, (owner.name, position.name)),
    )
    pieces: dict[int, list[bytes]] = {}
    with driver_connection(connection).cursor(binary=True) as cursor:
        cursor.execute(statement, ([*owners],))
        for number, piece in cursor:
            pieces.setdefault(number, []).append(piece)
    return {number: b"".join(parts) for number, parts in pieces.items()}
