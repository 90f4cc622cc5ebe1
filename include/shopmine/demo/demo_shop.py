"""Puts the generated shop into its MySQL, its MongoDB and its folder of files."""

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from shopmine.config.connections import Connection, Connections, find_connection
from shopmine.demo.generator import generate_demo
from shopmine.demo.late_changes import CHANGED_AT, LateChanges
from shopmine.demo.mongo_loading import replace_collections
from shopmine.demo.mysql_loading import insert_rows, open_mysql, replace_tables
from shopmine.demo.schema import FILES, MYSQL_TABLES
from shopmine.demo.sizes import SEED, find_size
from shopmine.errors import DataError

_MARKER: Final = ".demo_load.json"


def load_demo_shop(connections: Connections, files_dir: Path, *, size: str, seed: int = SEED) -> dict[str, int]:
    """Generate the shop and fill its three stores; a store that holds this very shop already is left alone.

    Returns:
        Number of rows of each table, documents of each collection, rows of each file.

    Raises:
        ConfigError: no such size, or a connection is missing.
        SourceUnavailableError: a server does not answer.
    """
    fingerprint = _fingerprint(size, seed)

    @cache
    def tables() -> Mapping[str, pa.Table]:
        return generate_demo(size, seed=seed).tables

    mysql = find_connection(connections, "demo_mysql", "the shop demo")
    mongo = find_connection(connections, "demo_mongo", "the shop demo")
    return {
        **replace_tables(mysql, definitions=MYSQL_TABLES, tables=tables, fingerprint=fingerprint),
        **replace_collections(mongo, tables=tables, fingerprint=fingerprint),
        **_replace_files(files_dir, tables, fingerprint),
    }


def apply_late_changes(connection: Connection, *, size: str, seed: int = SEED) -> LateChanges:
    """Let arrive in the loaded MySQL what comes late: whole orders are inserted, prices and payments put right.

    A second call changes nothing. The next `load_demo_shop` of the same size leaves the changes in place.

    Raises:
        DataError: the database does not hold the demo shop of this size and seed.
    """
    late = generate_demo(size, seed=seed).late
    with open_mysql(connection) as opened, opened.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM shopmine_demo_load WHERE fingerprint = %s", (_fingerprint(size, seed),))
        found = cursor.fetchone()
        if found is None or found[0] != 1:
            raise DataError(f"{connection} does not hold the demo shop of size {size!r}; load it first")
        orders = late.rows["sale_order"]["order_no"].to_pylist()
        cursor.execute("SELECT count(*) FROM sale_order WHERE order_no IN %s", (orders,))
        present = cursor.fetchone()
        if present is None or present[0] == 0:
            for name, rows in late.rows.items():
                insert_rows(cursor, name, _arriving(rows))
            for change in late.corrections:
                cursor.execute(
                    "UPDATE sale_order_line SET price = %s, updated_at = %s WHERE order_no = %s AND line_no = %s",
                    (change.price, CHANGED_AT, change.order_no, change.line_no),
                )
                cursor.execute(
                    "UPDATE payment SET amount = %s, updated_at = %s WHERE order_no = %s",
                    (change.paid, CHANGED_AT, change.order_no),
                )
    return late


def _arriving(rows: pa.Table) -> pa.Table:
    at = pa.array([CHANGED_AT] * rows.num_rows, pa.string())
    return rows.set_column(rows.column_names.index("updated_at"), "updated_at", at)


def _fingerprint(size: str, seed: int) -> str:
    """Names a load: the size, the seed, and the code that makes it."""
    find_size(size)
    digest = hashlib.sha256(f"{size} {seed}".encode())
    for module in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(module.read_bytes())
    return digest.hexdigest()


def _replace_files(folder: Path, tables: Callable[[], Mapping[str, pa.Table]], fingerprint: str) -> dict[str, int]:
    marker = folder / _MARKER
    if marker.is_file():
        noted = json.loads(marker.read_text(encoding="utf-8"))
        if noted["fingerprint"] == fingerprint:
            return {str(name): int(n) for name, n in noted["counts"].items()}
    folder.mkdir(parents=True, exist_ok=True)
    marker.unlink(missing_ok=True)
    for name, file in FILES.items():
        if file.endswith(".csv"):
            pa.csv.write_csv(tables()[name], folder / file)
        else:
            pa.parquet.write_table(tables()[name], folder / file, compression="zstd")
    counts = {name: tables()[name].num_rows for name in FILES}
    marker.write_text(json.dumps({"fingerprint": fingerprint, "counts": counts}), encoding="utf-8")
    return counts
