"""Writes a release into the shop's MySQL or MariaDB.

Every table is built beside the one that is read, then all of them change places in one RENAME TABLE, which is atomic:
a reader sees the tables of one release, never none and never a mixture. A table that Shopmine did not write is never
touched: what it wrote carries its mark in the table's comment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pymysql

from shopmine.columns import CUSTOMER
from shopmine.errors import ConfigError, SourceUnavailableError
from shopmine.faults import fault_point
from shopmine.publish.sinks.mysql_text import insert_statements
from shopmine.publish.sinks.tables import (
    MARK,
    RELEASE_TABLE,
    Guard,
    SinkOptions,
    SinkTable,
    Stamp,
    beside,
    is_beside,
)

if TYPE_CHECKING:
    from shopmine.config.connections import Connection

_OLD: Final = "__old"
_KEY_LENGTH: Final = 255
_COMMENT_LENGTH: Final = 1024


def write_tables(
    connection: Connection,
    tables: Sequence[SinkTable],
    stamp: Stamp,
    options: SinkOptions,
    guard: Guard = nullcontext,
) -> dict[str, int]:
    """Replace the tables `<prefix><name>` by these, all at once, and `<prefix>release` with them.

    Args:
        connection: of kind "mysql"; its user may create, drop and rename tables.
        tables: what to write.
        stamp: which release it is.
        options: the prefix.
        guard: entered for the change of places.

    Returns:
        Rows written, by table.

    Raises:
        ConfigError: a table of that name is the shop's own.
        SourceUnavailableError: the server refuses or does not answer; the tables that are read are as before.
    """
    everything = [*tables, _release_table(stamp)]
    names = [options.prefix + table.name for table in everything]
    with _session(connection) as session, session.cursor() as cursor:
        with guard():
            _drop_left(cursor, names)
        new, counts = beside(), {}
        try:
            for name, table in zip(names, everything, strict=True):
                cursor.execute(_create(name + new, table, stamp))
                counts[table.name] = _insert(cursor, name + new, table)
                session.commit()
                fault_point("sink.between_tables")
            fault_point("sink.before_swap")
            with guard():
                _swap(cursor, names, new)
        except Exception as error:
            try:
                _drop(cursor, [name + new for name in names])
            except pymysql.MySQLError as left:
                error.add_note(f"what was written so far stays until the next run drops it ({type(left).__name__})")
            raise
        fault_point("sink.swapped")
    del counts[RELEASE_TABLE]
    return counts


def _drop_left(cursor: Any, names: Sequence[str]) -> None:
    """Drop what writers left that were killed; raises where a table of such a name is not ours."""
    cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()")
    there = [name for (name,) in cursor.fetchall()]
    left = [name for name in there if any(is_beside(name, base) for base in names)]
    for name in (*names, *left):
        _check_ours(cursor, name)
    _drop(cursor, left)


def _drop(cursor: Any, names: Sequence[str]) -> None:
    if names:
        cursor.execute(f"DROP TABLE IF EXISTS {', '.join(map(_quote, names))}")


def has_written(connection: Connection, n_rows: Mapping[str, int], stamp: Stamp, options: SinkOptions) -> bool:
    """Whether the tables that are read have these rows and this stamp: all change places at once, so its row answers for all.

    Args:
        connection: of kind "mysql".
        n_rows: rows by published table, named without the prefix.
        stamp: what would be written.
        options: the prefix.

    Raises:
        ConfigError: a table of that name is the shop's own.
        SourceUnavailableError: the server refuses or does not answer.
    """
    with _session(connection) as session, session.cursor() as cursor:
        if not all(_check_ours(cursor, options.prefix + name) for name in (*n_rows, RELEASE_TABLE)):
            return False
        for name, expected in n_rows.items():
            cursor.execute(f"SELECT count(*) FROM {_quote(options.prefix + name)}")  # noqa: S608  quoted by us
            if cursor.fetchone() != (expected,):
                return False
        cursor.execute(f"SELECT * FROM {_quote(options.prefix + RELEASE_TABLE)}")  # noqa: S608  quoted by us
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()] == [asdict(stamp)]


def remove_person(connection: Connection, tables: Sequence[str], customer: str, options: SinkOptions) -> dict[str, int]:
    """Delete a person's rows from the tables that Shopmine wrote.

    Args:
        connection: of kind "mysql".
        tables: names of published tables, without the prefix.
        customer: the person's key.
        options: the prefix.

    Returns:
        Rows deleted, by table that is there.
    """
    counts = {}
    with _session(connection) as session, session.cursor() as cursor:
        for table in tables:
            if not _check_ours(cursor, options.prefix + table):
                continue
            sql = f"DELETE FROM {_quote(options.prefix + table)} WHERE {CUSTOMER} = %s"  # noqa: S608  quoted by us
            counts[table] = cursor.execute(sql, (customer,))
        session.commit()
    return counts


@contextmanager
def _session(connection: Connection) -> Iterator[Any]:
    try:
        session = pymysql.connect(
            host=connection.host,
            port=connection.port or 3306,
            user=connection.user,
            password=connection.password,
            database=connection.database,
            charset="utf8mb4",
            ssl=connection.tls(),
            connect_timeout=15,
            read_timeout=600,
            write_timeout=600,
            init_command="SET SESSION sql_mode='STRICT_ALL_TABLES', time_zone='+00:00'",
        )
        with session:
            yield session
    except pymysql.MySQLError as error:
        code = error.args[0] if error.args else "?"
        raise SourceUnavailableError(
            f"the sink {connection} refused: MySQL error {code} ({type(error).__name__}); check that it runs and that"
            " this user may CREATE, DROP, ALTER, INSERT and DELETE; what was there before is unchanged"
        ) from error


def _check_ours(cursor: Any, name: str) -> bool:
    """Whether the table is there; it must then be one of ours."""
    cursor.execute(
        "SELECT table_comment FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = %s",
        (name,),
    )
    row = cursor.fetchone()
    if row is not None and not str(row[0]).startswith(MARK):
        raise ConfigError(
            f"table {name!r} was not written by Shopmine (its comment does not begin with {MARK!r}), so it is not"
            " replaced; set another `prefix` in the sink of the shop's file"
        )
    return row is not None


def _release_table(stamp: Stamp) -> SinkTable:
    return SinkTable(
        name=RELEASE_TABLE,
        rows=pa.Table.from_pylist([asdict(stamp)]),
        key=("shop",),
        about="the release that the tables with this prefix are of",
    )


def _create(name: str, table: SinkTable, stamp: Stamp) -> str:
    columns = [_column(field, table) for field in table.rows.schema]
    if table.key:
        columns.append(f"PRIMARY KEY ({', '.join(map(_quote, table.key))})")
    about = _text(f"{MARK}: {table.about}, of {stamp.shop} on {stamp.day} (release {stamp.release})")
    return (
        f"CREATE TABLE {_quote(name)} ({', '.join(columns)}) ENGINE=InnoDB"
        f" DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin COMMENT={about}"
    )


def _column(field: pa.Field, table: SinkTable) -> str:
    is_key = field.name in table.key
    kind = "JSON" if field.name in table.json_columns else _type(field.type, is_key=is_key)
    null = " NOT NULL" if is_key else ""
    return f"{_quote(field.name)} {kind}{null} COMMENT {_text(table.comments.get(field.name, ''))}"


def _type(type_: pa.DataType, *, is_key: bool) -> str:
    choices = (
        (pa.types.is_boolean, "BOOLEAN"),
        (pa.types.is_integer, "BIGINT"),
        (pa.types.is_floating, "DOUBLE"),
        (pa.types.is_date, "DATE"),
        (pa.types.is_timestamp, "DATETIME(6)"),
        (pa.types.is_list, "JSON"),
    )
    if pa.types.is_decimal(type_):
        return f"DECIMAL({type_.precision}, {type_.scale})"
    for is_type, name in choices:
        if is_type(type_):
            return name
    return f"VARCHAR({_KEY_LENGTH})" if is_key else "LONGTEXT"


def _insert(cursor: Any, name: str, table: SinkTable) -> int:
    names = ", ".join(map(_quote, table.rows.column_names))
    statements = insert_statements(f"INSERT INTO {_quote(name)} ({names})", table.rows)
    with ThreadPoolExecutor(1) as writer:
        ahead = writer.submit(next, statements, None)
        while (statement := ahead.result()) is not None:
            # The next one is written while the server works on this one.
            ahead = writer.submit(next, statements, None)
            cursor.connection.query(statement)
    return int(table.rows.num_rows)


def _swap(cursor: Any, names: Sequence[str], new: str) -> None:
    moves, there = [], []
    for name in names:
        if _check_ours(cursor, name):
            there.append(name)
            moves.append(f"{_quote(name)} TO {_quote(name + _OLD)}")
        moves.append(f"{_quote(name + new)} TO {_quote(name)}")
    cursor.execute(f"RENAME TABLE {', '.join(moves)}")
    if there:
        _drop(cursor, [name + _OLD for name in there])


def _quote(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _text(value: str) -> str:
    escaped = value[:_COMMENT_LENGTH].replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
