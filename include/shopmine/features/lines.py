"""What every feature reads of the facts: the rows up to a day, with days and money as integers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from shopmine.columns import AMOUNT, CUSTOMER, DAY, KIND, ORDER_ID, ORDERED_AT, PRODUCT, QUANTITY, UNIT_PRICE
from shopmine.errors import DataError

MICROS: Final = 1_000_000
EPOCH: Final = date(1970, 1, 1)
_MONEY: Final = pa.decimal128(24, 6)
LINE_COLUMNS: Final = (ORDER_ID, PRODUCT, CUSTOMER, ORDERED_AT, QUANTITY, UNIT_PRICE, AMOUNT, KIND, DAY)


def day_number(day: date) -> int:
    """Days since 1970-01-01, the integer that feature rules count with."""
    return (day - EPOCH).days


def counted_name(day: date) -> str:
    """Name of the lines as `lines_until` counts them for a day, so that they are counted once for all who ask."""
    return f"order_lines until {day}"


def lines_until(inputs: Mapping[str, pa.Table], day: date) -> pa.Table:
    """The order lines up to and including `day`, with `day_number`, `is_weekend` and quantities and money in millionths.

    Args:
        inputs: holds `order_lines` with the columns `LINE_COLUMNS`; where it holds what this function made of them for this
            day, by the name `counted_name(day)`, that is given. Not modified.
        day: the shop's local day.

    Raises:
        DataError: the entity or a column is missing, or an amount has more than 18 digits before the point.
    """
    if (name := counted_name(day)) in inputs:
        return inputs[name]
    if "order_lines" not in inputs:
        raise DataError("there are no order_lines to derive features from; map that entity in the shop's file")
    lines = rows_until(inputs["order_lines"], "order_lines", LINE_COLUMNS, day)
    number = pc.cast(pc.cast(lines[DAY], pa.int32()), pa.int64())
    # 1970-01-01 was a Thursday: with Monday as 0 the weekday is (number + 3) mod 7.
    shifted = pc.add(number, 3)
    weekday = pc.subtract(
        shifted, pc.multiply(pc.cast(pc.floor(pc.divide(pc.cast(shifted, pa.float64()), 7.0)), pa.int64()), 7)
    )
    columns = {name: lines[name] for name in (ORDER_ID, PRODUCT, CUSTOMER, ORDERED_AT, KIND)}
    columns |= {"day_number": number, "is_weekend": pc.cast(pc.greater_equal(weekday, 5), pa.int64())}
    columns |= {name: micros(lines[name], name) for name in (QUANTITY, UNIT_PRICE, AMOUNT)}
    return pa.table(columns)


def rows_until(table: pa.Table, entity: str, columns: Sequence[str], day: date) -> pa.Table:
    """The given columns of the rows whose `day` is not after `day`.

    Raises:
        DataError: a column is missing.
    """
    if missing := set(columns) - set(table.column_names):
        raise DataError(f"{entity} lack {sorted(missing)}; they have {sorted(table.column_names)}")
    return table.select(list(columns)).filter(pc.less_equal(table[DAY], pa.scalar(day, pa.date32())))


def micros(values: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """Decimals as int64 millionths: exactly where they have at most six decimals, else rounded half to even.

    Raises:
        DataError: a value is outside what int64 millionths hold (about nine million million).
    """
    try:
        rounded = pc.round(values, 6, "half_to_even") if values.type.scale > _MONEY.scale else values
        scaled = pc.multiply(pc.cast(rounded, _MONEY), pa.scalar(Decimal(MICROS), pa.decimal128(7, 0)))
        return pc.cast(scaled, pa.int64())
    except pa.ArrowInvalid as error:
        raise DataError(f"a value of {name} is too large to count in millionths; {error}") from error


def from_micros(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Int64 millionths as decimal128(38, 6): the inverse of `micros`."""
    return pc.cast(
        pc.multiply(pc.cast(values, pa.decimal128(24, 0)), pa.scalar(Decimal("0.000001"))), pa.decimal128(38, 6)
    )
