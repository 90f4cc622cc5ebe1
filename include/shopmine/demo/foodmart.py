"""FoodMart, a store chain as a database of many tables: each given Parquet file becomes a table of the file's name."""

import hashlib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from shopmine.config.connections import Connection
from shopmine.demo.mysql_loading import quoted, replace_tables
from shopmine.errors import ConfigError, DataError

LAST_DAY: Final = date(1998, 12, 31)
_NEEDED: Final = frozenset(
    {"sales_fact_1997", "sales_fact_dec_1998", "time_by_day", "customer", "product", "product_class", "promotion"}
)
_WHERE: Final = (
    "get the tables from https://github.com/julianhyde/foodmart-data-hsqldb as one Parquet file each, put them into a folder "
    "`foodmart` and name the folder that holds it with --data FOLDER"
)
# As in the schema that FoodMart comes with; the files hold these as binary fractions.
_MONEY: Final = pa.decimal128(18, 4)
_MOMENT: Final = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.0)?$"
_TYPES: Final = {pa.int64(): "BIGINT", _MONEY: "DECIMAL(18,4)", pa.bool_(): "TINYINT(1)", pa.timestamp("s"): "DATETIME"}


def load_foodmart(connection: Connection, data: Path | None) -> dict[str, int]:
    """Make and fill the tables in the shop's database from the files in `data`, or in its folder `foodmart`.

    Returns:
        Number of rows of each table.

    Raises:
        ConfigError: there is no such folder or a file is missing; the message says where to get the data.
        DataError: a file holds a type or a fraction that the tables cannot hold exactly.
    """
    files = _find_files(data)
    digest = hashlib.sha256(repr(_TYPES).encode())
    for file in files:
        digest.update(file.name.encode() + file.read_bytes())
    tables = {file.stem: _typed(file.stem, pyarrow.parquet.read_table(file)) for file in files}
    definitions = {name: _definition(table) for name, table in tables.items()}
    return replace_tables(connection, definitions=definitions, tables=lambda: tables, fingerprint=digest.hexdigest())


def _find_files(data: Path | None) -> list[Path]:
    for folder in () if data is None else (data / "foodmart", data):
        files = sorted(folder.glob("*.parquet"))
        if {file.stem for file in files} >= _NEEDED:
            return files
    raise ConfigError(
        f"the shop foodmart needs its tables{'' if data is None else f', not in {str(data)!r}'}; {_WHERE}"
    )


def _typed(name: str, table: pa.Table) -> pa.Table:
    columns = {field: _column(f"{name}.{field}", table[field].combine_chunks()) for field in table.column_names}
    return pa.table(columns)


def _column(place: str, values: pa.Array) -> pa.Array:
    """Money as decimals, moments as times; everything else as it is."""
    if pa.types.is_floating(values.type):
        exact = pc.round(values, 4)
        if not pc.all(pc.equal(exact, values).fill_null(True)).as_py():
            raise DataError(f"{place} holds more than four decimals; are these FoodMart's files?")
        return exact.cast(_MONEY)
    if pa.types.is_large_string(values.type) or pa.types.is_string(values.type):
        is_moment = pc.match_substring_regex(values, _MOMENT).fill_null(True)
        if len(values) > values.null_count and pc.all(is_moment).as_py():
            return pc.utf8_slice_codeunits(values, 0, 19).cast(pa.timestamp("s"))
        return values.cast(pa.string())
    if values.type not in _TYPES:
        raise DataError(
            f"{place} is {values.type}; FoodMart's files hold whole numbers, fractions, texts and truth values"
        )
    return values


def _definition(table: pa.Table) -> str:
    kinds: Mapping[str, str] = {field.name: _TYPES.get(field.type, "VARCHAR(255)") for field in table.schema}
    keys = [f"KEY ({quoted(name)})" for name in ("time_id",) if name in kinds]
    return ", ".join([*(f"{quoted(name)} {kind} NULL" for name, kind in kinds.items()), *keys])
