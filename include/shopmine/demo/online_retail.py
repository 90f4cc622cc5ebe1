"""The real Online Retail shop, as its owner might keep it in MySQL: one table of invoice lines."""

import hashlib
from datetime import date
from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from shopmine.config.connections import Connection
from shopmine.demo.mysql_loading import replace_tables
from shopmine.errors import ConfigError, DataError

N_LINES: Final = 541_909
LAST_DAY: Final = date(2011, 12, 9)
TABLE: Final = "invoice_lines"
DEFINITION: Final = """
    InvoiceNo VARCHAR(10) NOT NULL, StockCode VARCHAR(20) NOT NULL, Description VARCHAR(60) NULL, Quantity INT NOT NULL,
    InvoiceDate DATETIME NOT NULL, UnitPrice DECIMAL(10,3) NOT NULL, CustomerID INT NULL, Country VARCHAR(30) NOT NULL,
    KEY (InvoiceDate)
"""
_SCHEMA: Final = pa.schema(
    [
        ("InvoiceNo", pa.string()),
        ("StockCode", pa.string()),
        ("Description", pa.string()),
        ("Quantity", pa.int64()),
        ("InvoiceDate", pa.timestamp("s")),
        ("UnitPrice", pa.decimal128(10, 3)),
        ("CustomerID", pa.int64()),
        ("Country", pa.string()),
    ]
)
# The names of the columns and the form of the dates in the files that go round.
_OTHER_NAMES: Final = {"Invoice": "InvoiceNo", "Price": "UnitPrice", "Customer ID": "CustomerID"}
_DATE_FORMS: Final = [pa.csv.ISO8601, "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M"]
_WHERE: Final = (
    "get 'Online Retail' from https://archive.ics.uci.edu/dataset/352/online+retail, put the file (.xlsx, .csv or "
    ".parquet) into a folder and name it with --data FOLDER"
)


def load_online_retail(connection: Connection, data: Path | None) -> dict[str, int]:
    """Fill the shop's `invoice_lines` from the files in `data`, or in its folder `online_retail`.

    Returns:
        Number of rows of each table.

    Raises:
        ConfigError: there is no such folder or no file in it; the message says where to get the data.
        DataError: the files are not the whole Online Retail.
    """
    files = _find_files(data)
    digest = hashlib.sha256(DEFINITION.encode())
    for file in files:
        digest.update(file.read_bytes())
    return replace_tables(
        connection,
        definitions={TABLE: DEFINITION},
        tables=lambda: {TABLE: read_lines(files)},
        fingerprint=digest.hexdigest(),
    )


def read_lines(files: list[Path]) -> pa.Table:
    """(541,909, 8) lines in the order of their files, exact types.

    Raises:
        DataError: a column is missing, or the number of lines is not the published one.
    """
    lines = pa.concat_tables(_exact(_read(file), file) for file in files)
    if lines.num_rows != N_LINES:
        raise DataError(f"Online Retail has {N_LINES} lines, {files[0].parent} holds {lines.num_rows}; {_WHERE}")
    return lines


def _find_files(data: Path | None) -> list[Path]:
    if data is None:
        raise ConfigError(f"the shop online_retail needs its data; {_WHERE}")
    for folder in (data / "online_retail", data):
        for ending in ("parquet", "csv", "xlsx"):
            if files := sorted(folder.glob(f"*.{ending}")):
                return files
    raise ConfigError(f"no Online Retail data in {str(data)!r}; {_WHERE}")


def _read(file: Path) -> pa.Table:
    if file.suffix == ".parquet":
        return pa.parquet.read_table(file)
    if file.suffix == ".xlsx":
        sheet = pd.read_excel(file, dtype={"InvoiceNo": str, "StockCode": str, "Description": str})
        return pa.Table.from_pandas(sheet, preserve_index=False)
    texts = {"InvoiceNo": pa.string(), "Invoice": pa.string(), "StockCode": pa.string()}
    convert = pa.csv.ConvertOptions(
        column_types=texts, strings_can_be_null=True, null_values=[""], timestamp_parsers=_DATE_FORMS
    )
    return pa.csv.read_csv(file, read_options=pa.csv.ReadOptions(encoding=_encoding(file)), convert_options=convert)


def _encoding(file: Path) -> str:
    """UTF-8 where the bytes are; the copies that Excel saved hold the pound sign of the vouchers in Latin-1."""
    try:
        file.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return "latin1"
    return "utf8"


def _exact(lines: pa.Table, file: Path) -> pa.Table:
    lines = lines.rename_columns([_OTHER_NAMES.get(name, name) for name in lines.column_names])
    if missing := set(_SCHEMA.names) - set(lines.column_names):
        raise DataError(f"{file} lacks {sorted(missing)}; it has {sorted(lines.column_names)}; {_WHERE}")
    rounded = {"UnitPrice": pc.round(lines["UnitPrice"].cast(pa.float64()), 3)}
    columns = {name: rounded.get(name, lines[name]) for name in _SCHEMA.names}
    return pa.table(columns).cast(_SCHEMA)
