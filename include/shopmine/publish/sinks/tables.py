"""What a sink is given: tables with their rows, keys and meaning, and the stamp of their release."""

from __future__ import annotations

import json
import math
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa

from shopmine.columns import CUSTOMER
from shopmine.errors import ConfigError

MARK: Final = "Shopmine"
RELEASE_TABLE: Final = "release"
Guard = Callable[[], AbstractContextManager[object]]
"""What a sink enters while its new tables take their places: it refuses a writer that another one has replaced."""
_PREFIX: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkTable:
    """One published table as it is written back.

    Attributes:
        name: as in schema `published`.
        rows: without the columns `shop` and `release`, already filtered by rights.
        key: columns that name a row; none where the table has no key without nulls.
        json_columns: text columns that hold JSON.
        about: what the table is, in one line.
        comments: column -> what it means.
    """

    name: str
    rows: pa.Table
    key: tuple[str, ...]
    json_columns: frozenset[str] = frozenset()
    about: str = ""
    comments: Mapping[str, str] = field(default_factory=dict)

    @property
    def has_persons(self) -> bool:
        """Whether the rows are about persons."""
        return CUSTOMER in self.rows.column_names


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """Which release the written tables are of; stands beside them as the table `<prefix>release`.

    `written` names what was written, rows and columns: a store that has it already is left as it is.
    """

    shop: str
    release: int
    day: str
    known_at: str | None
    content_hash: str
    written: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkOptions:
    """A sink's settings in the shop's file: `prefix` of every written name, `format` of files."""

    prefix: str = "shopmine_"
    format: str = "csv"

    def __post_init__(self) -> None:
        if not _PREFIX.fullmatch(self.prefix):
            raise ConfigError(
                f"sink prefix={self.prefix!r} is not right; use 1 to 40 letters, digits and _, beginning with a letter:"
                " it keeps the written tables apart from the shop's own"
            )


def beside() -> str:
    """What a writer puts behind the names of what it builds: another one each time, so that two never build the same."""
    return f"__n{secrets.token_hex(2)}"


def is_beside(name: str, base: str) -> bool:
    """Whether this is what a writer built, or moved out of the way, to replace `base`."""
    return bool(re.fullmatch(re.escape(base) + r"__(n[0-9a-f]{4}|new|old)", name))


def row_chunks(table: SinkTable, size: int = 5000) -> Iterator[list[dict[str, Any]]]:
    """The rows as plain Python values, some thousands at a time.

    Args:
        table: what to write.
        size: rows of a chunk.

    Yields:
        Chunks of rows; JSON text becomes lists and objects, a float that is not finite None.
    """
    for batch in table.rows.to_batches(max_chunksize=size):
        yield [
            {name: _plain(value, name in table.json_columns) for name, value in row.items()}
            for row in batch.to_pylist()
        ]


def _plain(value: Any, is_json: bool) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return json.loads(value) if isinstance(value, str) and is_json else value


def shorten_decimals(rows: pa.Table) -> pa.Table:
    """The rows with as few decimals in each exact column as its values need, two at least: 12.50, not 12.500000000."""
    for at, column in enumerate(rows.schema):
        if pa.types.is_decimal(column.type):
            shortest = _shortest(rows.column(at))
            rows = rows.set_column(at, column.name, shortest)
    return rows


def _shortest(column: pa.ChunkedArray) -> pa.ChunkedArray:
    for scale in range(2, column.type.scale):
        try:
            return column.cast(pa.decimal128(column.type.precision, scale))
        except pa.ArrowInvalid:
            continue
    return column
