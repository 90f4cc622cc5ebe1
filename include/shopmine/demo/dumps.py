"""Two small shops that come as SQL dumps, each with a schema of its own: any schema works by configuration."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Final

import pymysql

from shopmine.config.connections import Connection
from shopmine.demo.mysql_loading import open_mysql, quoted, read_marker, write_marker
from shopmine.errors import ConfigError, DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class Dump:
    """A shop's dump: its file, where to get it, the last day of its orders."""

    file: str
    url: str
    last_day: date


DUMPS: Final[Mapping[str, Dump]] = MappingProxyType(
    {
        "chinook": Dump(
            file="Chinook_MySql.sql", url="https://github.com/lerocha/chinook-database", last_day=date(2025, 12, 22)
        ),
        "classicmodels": Dump(
            file="mysqlsampledatabase.sql",
            url="https://www.mysqltutorial.org/getting-started-with-mysql/mysql-sample-database/",
            last_day=date(2005, 5, 31),
        ),
    }
)
# A quoted text or name, a comment, the end of a statement, or anything else.
_PIECES: Final = re.compile(
    r"""(?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`[^`]*`)|(?P<comment>--[ \t][^\n]*|\#[^\n]*|/\*(?!!).*?\*/)"""
    r"""|(?P<end>;)|(?P<other>/\*!|[^'"`\-#/;]+|.)""",
    re.DOTALL,
)
_TABLE: Final = re.compile(r"CREATE TABLE (?:IF NOT EXISTS )?`?(\w+)`?", re.IGNORECASE)
_RUN: Final = re.compile(r"(?:CREATE (?:TABLE|INDEX)|ALTER TABLE|INSERT\s+INTO)\b", re.IGNORECASE)
# The shop's database is named by its connection, tables are dropped beforehand, and the session is set up by us.
_SKIPPED: Final = re.compile(r"(?:DROP (?:DATABASE|TABLE)|CREATE DATABASE|USE|SET|/\*!\d+ SET)\b", re.IGNORECASE)


def load_dump(shop: str, connection: Connection, data: Path | None) -> dict[str, int]:
    """Make the tables of a dump in the shop's own database, unless they are there from the same file already.

    Returns:
        Number of rows of each table.

    Raises:
        ConfigError: the dump is not in `data` nor in its folder `sql_<shop>`; the message says where to get it.
        DataError: the dump holds a statement that does more than making and filling tables.
    """
    text = _find_dump(shop, data).read_text(encoding="utf-8")
    fingerprint = hashlib.sha256(text.encode()).hexdigest()
    with open_mysql(connection, create=True) as opened, opened.cursor() as cursor:
        if (counts := read_marker(cursor, fingerprint)) is not None:
            return counts
        statements = list(_chosen_statements(text))
        tables = [match[1] for statement in statements if (match := _TABLE.match(statement))]
        for table in ("shopmine_demo_load", *tables):
            cursor.execute(f"DROP TABLE IF EXISTS {quoted(table)}")
        for statement in statements:
            cursor.execute(statement)
        counts = {table: _count(cursor, table) for table in tables}
        write_marker(cursor, fingerprint, counts)
        return counts


def split_statements(text: str) -> Iterator[str]:
    """The statements of an SQL script, without their semicolons; a semicolon within quotes or a comment ends none."""
    parts: list[str] = []
    for piece in _PIECES.finditer(text):
        if piece.lastgroup == "end":
            yield "".join(parts).strip()
            parts = []
        elif piece.lastgroup == "comment":
            parts.append(" ")
        else:
            parts.append(piece[0])
    yield "".join(parts).strip()


def _chosen_statements(text: str) -> Iterator[str]:
    for statement in filter(None, split_statements(text)):
        if _RUN.match(statement):
            yield statement
        elif not _SKIPPED.match(statement):
            raise DataError(f"the dump holds {statement[:40]!r}; only making and filling tables is run from a dump")


def _find_dump(shop: str, data: Path | None) -> Path:
    dump = DUMPS[shop]
    for folder in () if data is None else (data / f"sql_{shop}", data):
        if (path := folder / dump.file).is_file():
            return path
    raise ConfigError(
        f"the shop {shop} needs {dump.file}{'' if data is None else f', which is not in {str(data)!r}'}; "
        f"get it from {dump.url}, put it into a folder and name that with --data FOLDER"
    )


def _count(cursor: pymysql.cursors.Cursor, table: str) -> int:
    cursor.execute(f"SELECT count(*) FROM {quoted(table)}")  # noqa: S608  a table that was just made
    found = cursor.fetchone()
    return 0 if found is None else int(found[0])
