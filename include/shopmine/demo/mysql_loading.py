"""Fills a shop's MySQL or MariaDB from Arrow tables, with nothing but big multi-row INSERTs.

`LOAD DATA LOCAL` would be a little faster, but MySQL 8 refuses it unless an administrator turns it on.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pymysql

from shopmine.config.connections import Connection
from shopmine.errors import SourceUnavailableError

ROWS_PER_INSERT: Final = 4_000
ROWS_PER_SLICE: Final = 100_000
# Shops do hold '0000-00-00', and times without a zone are the shop's own: neither may depend on the server's settings.
_SESSION: Final = "SET SESSION sql_mode = 'STRICT_TRANS_TABLES', time_zone = '+00:00', foreign_key_checks = 0"


@contextmanager
def open_mysql(connection: Connection, *, create: bool = False) -> Iterator["pymysql.connections.Connection[Any]"]:
    """A connection to the shop's database, in one transaction that is committed at the end.

    Args:
        connection: kind "mysql", with the database's name.
        create: make the database when it is not there.

    Raises:
        SourceUnavailableError: the server does not answer or refuses; the message has no password.
    """
    try:
        opened = pymysql.connect(
            host=connection.host,
            port=connection.port or 3306,
            user=connection.user,
            password=connection.password,
            database=None if create else connection.database,
            charset="utf8mb4",
        )
    except pymysql.err.OperationalError as error:
        raise SourceUnavailableError(
            f"{connection} does not answer or refuses (error {error.args[0]}); is the server running?"
        ) from None
    try:
        with opened.cursor() as cursor:
            cursor.execute(_SESSION)
            if create:
                cursor.execute(f"CREATE DATABASE IF NOT EXISTS {quoted(connection.database)} CHARACTER SET utf8mb4")
                cursor.execute(f"USE {quoted(connection.database)}")
        yield opened
        opened.commit()
    finally:
        opened.close()


def quoted(name: str) -> str:
    """A name as MySQL's SQL writes it."""
    return "`" + name.replace("`", "``") + "`"


def replace_tables(
    connection: Connection,
    *,
    definitions: Mapping[str, str],
    tables: Callable[[], Mapping[str, pa.Table]],
    fingerprint: str,
) -> dict[str, int]:
    """Make the tables anew and fill them, unless this very load is there already.

    Args:
        connection: the shop's database; made when absent. Other tables of it are left alone.
        definitions: columns and keys of each table, as in `CREATE TABLE name (…)`.
        tables: called only when there is something to do; rows of each table, columns named as in its definition.
        fingerprint: names the load; written last, so that a load that was interrupted is not taken for a whole one.

    Returns:
        Number of rows of each table.
    """
    with open_mysql(connection, create=True) as opened, opened.cursor() as cursor:
        if (counts := read_marker(cursor, fingerprint)) is not None:
            return counts
        cursor.execute("DROP TABLE IF EXISTS shopmine_demo_load")
        rows = tables()
        for name, definition in definitions.items():
            cursor.execute(f"DROP TABLE IF EXISTS {quoted(name)}")
            cursor.execute(f"CREATE TABLE {quoted(name)} ({definition}) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
            insert_rows(cursor, name, rows[name])
        counts = {name: rows[name].num_rows for name in definitions}
        write_marker(cursor, fingerprint, counts)
        return counts


def read_marker(cursor: pymysql.cursors.Cursor, fingerprint: str) -> dict[str, int] | None:
    """Rows of each table as loaded under this fingerprint; None when the database holds something else."""
    cursor.execute("SHOW TABLES LIKE 'shopmine_demo_load'")
    if cursor.fetchone() is None:
        return None
    cursor.execute("SELECT counts FROM shopmine_demo_load WHERE fingerprint = %s", (fingerprint,))
    found = cursor.fetchone()
    return None if found is None else {str(name): int(n) for name, n in json.loads(found[0]).items()}


def write_marker(cursor: pymysql.cursors.Cursor, fingerprint: str, counts: Mapping[str, int]) -> None:
    """Note that the database now holds this load."""
    cursor.execute("CREATE TABLE shopmine_demo_load (fingerprint CHAR(64) PRIMARY KEY, counts TEXT NOT NULL)")
    cursor.execute("INSERT INTO shopmine_demo_load VALUES (%s, %s)", (fingerprint, json.dumps(dict(counts))))


def insert_rows(cursor: pymysql.cursors.Cursor, name: str, rows: pa.Table) -> None:
    """Insert all rows; values go over as MySQL's own text, so that decimals stay exact."""
    columns = ", ".join(quoted(column) for column in rows.column_names)
    head = f"INSERT INTO {quoted(name)} ({columns}) VALUES ("  # noqa: S608  names are quoted, values escaped below
    for start in range(0, rows.num_rows, ROWS_PER_SLICE):
        literals = [_literals(column.combine_chunks()) for column in rows.slice(start, ROWS_PER_SLICE).columns]
        texts = pc.binary_join_element_wise(*literals, pa.scalar(",", pa.large_string())).to_pylist()
        for first in range(0, len(texts), ROWS_PER_INSERT):
            cursor.execute(head + "),(".join(texts[first : first + ROWS_PER_INSERT]) + ")")


def _literals(column: pa.Array) -> pa.Array:
    """Each value as an SQL literal: numbers bare, everything else quoted and escaped, null as NULL."""
    kind = column.type
    if pa.types.is_boolean(kind):
        column = column.cast(pa.int8())
    if pa.types.is_timestamp(kind):
        column = column.cast(pa.timestamp("s"))
    texts = column.cast(pa.large_string())
    if not (pa.types.is_integer(kind) or pa.types.is_decimal(kind) or pa.types.is_boolean(kind)):
        escaped = pc.replace_substring(pc.replace_substring(texts, "\\", "\\\\"), "'", "\\'")
        quote = pa.scalar("'", pa.large_string())
        texts = pc.binary_join_element_wise(quote, escaped, quote, pa.scalar("", pa.large_string()))
    return pc.fill_null(texts, "NULL")
