"""The seam between a feature's rule, written once as SQL, and the engine that runs it.

Rules keep to the subset that DuckDB and Spark read alike: integers for money and days, an explicit order where ties can
decide, no integer division with `/`, no `any_value`, no string or date functions of one engine. Aggregates over
integers are exact, so the order of the input's rows cannot reach the result.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from shopmine.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa


def run_sql(text: str, inputs: Mapping[str, pa.Table]) -> pa.Table:
    """Run one SELECT over in-memory tables and return its rows.

    Args:
        text: the statement; it names its inputs as tables and ends with an ORDER BY over a key of the result.
        inputs: name -> table; not modified.

    Raises:
        DataError: the engine refuses the statement or a value.
    """
    import duckdb

    settings: dict[str, str | bool | int | float | list[str]] = {
        "threads": "1",
        "enable_external_access": "false",
        "autoinstall_known_extensions": "false",
    }
    with duckdb.connect(":memory:", config=settings) as connection:
        for name, table in sorted(inputs.items()):
            connection.register(name, table)
        try:
            return connection.sql(text).to_arrow_table()
        except duckdb.Error as error:
            raise DataError(
                f"a query over {sorted(inputs)} failed in DuckDB: {type(error).__name__}: {error}"
            ) from error
