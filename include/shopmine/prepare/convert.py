"""Text to typed values, exactly: what cannot be converted is told, never guessed or made null."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shopmine.config.canonical import ColumnType
from shopmine.prepare.rows import Problems, Rows, shown
from shopmine.prepare.times import to_instants

# 27 digits before the point and 10 after it: a product of two such numbers still fits decimal256.
MOST_WHOLE_DIGITS: Final = 27
MOST_DECIMALS: Final = 10
WIDE: Final = 76
_PLAIN_NUMBER: Final = r"^[+-]?([0-9]{1,27}(\.[0-9]{0,10})?|\.[0-9]{1,10})$"
_ANY_NUMBER: Final = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,4})?$"
_LONGEST_NUMBER: Final = 400
_EXACT: Final = Context(prec=_LONGEST_NUMBER + 50, rounding=ROUND_HALF_EVEN)
_TENTH_DECIMAL: Final = Decimal(1).scaleb(-MOST_DECIMALS)
_TRUE: Final = ("true", "t", "yes", "y", "1", "01")
_FALSE: Final = ("false", "f", "no", "n", "0", "00")
_WHAT: Final = {
    ColumnType.NUMERIC: "a number",
    ColumnType.INTEGER: "a whole number",
    ColumnType.BOOLEAN: "true or false",
    ColumnType.TIMESTAMP: "a time",
    ColumnType.DATE: "a date",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """Typed values, null where the text is null or bad, and the rows whose text is bad."""

    values: pa.Array
    bad: Rows


def arrow_type(type_: ColumnType, scale: int = MOST_DECIMALS) -> pa.DataType:
    """The Arrow type of a canonical column; `scale` counts for numbers only."""
    match type_:
        case ColumnType.TEXT:
            return pa.string()
        case ColumnType.NUMERIC:
            return pa.decimal128(38, scale)
        case ColumnType.INTEGER:
            return pa.int64()
        case ColumnType.BOOLEAN:
            return pa.bool_()
        case ColumnType.TIMESTAMP:
            return pa.timestamp("us", "UTC")
        case ColumnType.DATE:
            return pa.date32()


def convert_column(name: str, type_: ColumnType, text: pa.Array, zone: ZoneInfo, problems: Problems) -> pa.Array:
    """The canonical column `name` from its text; rows whose text cannot be converted are added to `problems`.

    Times without an offset are of `zone`.
    """
    if type_ is ColumnType.TEXT:
        return text
    converted = _convert(type_, text, zone)
    bad = text.take(pa.array(converted.bad)).to_pylist()
    problems.add(converted.bad, [f"{name}: {shown(value)} is not {_WHAT[type_]}" for value in bad])
    return converted.values


def _convert(type_: ColumnType, text: pa.Array, zone: ZoneInfo) -> Converted:
    match type_:
        case ColumnType.NUMERIC:
            return to_numbers(text)
        case ColumnType.INTEGER:
            return to_whole_numbers(text)
        case ColumnType.BOOLEAN:
            return to_booleans(text)
        case ColumnType.DATE:
            days = pc.utf8_slice_codeunits(text, 0, 10)
            values, bad = to_instants(days, ZoneInfo("UTC"))
            return Converted(values=values.cast(pa.timestamp("us")).cast(pa.date32()), bad=bad)
        case _:
            values, bad = to_instants(text, zone)
            return Converted(values=values, bad=bad)


def to_numbers(text: pa.Array) -> Converted:
    """Numbers as decimal128(38, s), s = the most decimals that a text of the column has, so 2.50 keeps its two.

    Exact up to 27 digits before the point and 10 after it; further decimals, which only a binary fraction such as
    0.30000000000000004 has, are rounded half to even. Exponents are read. Anything else (NaN, infinity, thousands'
    separators, other digits than 0-9) is bad.
    """
    is_plain = pc.match_substring_regex(text, _PLAIN_NUMBER).fill_null(True).to_numpy(zero_copy_only=False)
    odd = np.flatnonzero(~is_plain)
    bad = odd[:0]
    if len(odd):
        rewritten = {value: _plain_number(value) for value in text.take(pa.array(odd)).unique().to_pylist()}
        values = text.to_pylist()
        bad = np.array([i for i in odd if rewritten[values[i]] is None], dtype=np.int64)
        for i in odd:
            values[i] = rewritten[values[i]]
        text = pa.array(values, pa.string())
    return Converted(values=text.cast(pa.decimal128(38, _decimals(text))), bad=bad)


def _decimals(text: pa.Array) -> int:
    point = pc.find_substring(text, ".")
    decimals = pc.if_else(pc.less(point, 0), 0, pc.subtract(pc.subtract(pc.binary_length(text), point), 1))
    return int(pc.max(decimals).as_py() or 0)


def _plain_number(text: str) -> str | None:
    if len(text) > _LONGEST_NUMBER or not pc.match_substring_regex(pa.scalar(text), _ANY_NUMBER).as_py():
        return None
    number = Decimal(text)
    if number and number.adjusted() >= MOST_WHOLE_DIGITS:
        return None
    rounded = number.quantize(_TENTH_DECIMAL, context=_EXACT).normalize(_EXACT)
    return f"{rounded:f}" if rounded else "0"


def to_whole_numbers(text: pa.Array) -> Converted:
    """Whole numbers as int64; 5.0 is 5."""
    numbers = to_numbers(text)
    wide = numbers.values.cast(pa.decimal128(38, MOST_DECIMALS))
    in_range = pc.and_(pc.greater_equal(wide, Decimal(-(2**63))), pc.less(wide, Decimal(2**63)))
    is_whole = pc.and_(in_range, pc.equal(pc.trunc(wide), wide))
    bad = np.flatnonzero(~is_whole.fill_null(True).to_numpy(zero_copy_only=False))
    whole = pc.if_else(is_whole, wide, None).cast(pa.decimal128(38, 0)).cast(pa.int64())
    return Converted(values=whole, bad=np.union1d(numbers.bad, bad))


def to_booleans(text: pa.Array) -> Converted:
    """true, t, yes, y, 1 and false, f, no, n, 0 in any case; 01 and 00, as a BIT(1) landed in batches of earlier versions."""
    lower = pc.utf8_lower(text)
    is_true = pc.is_in(lower, pa.array(_TRUE))
    is_known = pc.or_(is_true, pc.is_in(lower, pa.array(_FALSE)))
    bad = np.flatnonzero(pc.and_(pc.is_valid(text), pc.invert(is_known)).to_numpy(zero_copy_only=False))
    return Converted(values=pc.if_else(is_known, is_true, None), bad=bad)


def exact_amount(quantity: pa.Array, unit_price: pa.Array, discount: pa.Array) -> Converted:
    """Quantity × unit price − discount (null counts as 0), exact; beyond ten decimals rounded half to even at the tenth.

    Bad are products with more than 27 digits before the point. Null where quantity or unit price is.
    """
    left, right, off = (_wide(values) for values in (quantity, unit_price, discount))
    product = pc.multiply(left, right)
    off = off.fill_null(Decimal(0)).cast(pa.decimal256(38, off.type.scale))
    scale = max(product.type.scale, off.type.scale)
    amount = pc.subtract(product.cast(pa.decimal256(WIDE - 1, scale)), off.cast(pa.decimal256(WIDE - 1, scale)))
    is_fit = pc.less(pc.abs(amount), pa.scalar(Decimal(10) ** MOST_WHOLE_DIGITS, pa.decimal256(WIDE, scale)))
    bad = np.flatnonzero(~is_fit.fill_null(True).to_numpy(zero_copy_only=False))
    fitting = pc.if_else(is_fit, amount, None)
    if scale > MOST_DECIMALS:
        fitting = pc.round(fitting, MOST_DECIMALS, "half_to_even")
        scale = MOST_DECIMALS
    return Converted(values=fitting.cast(pa.decimal128(38, scale)), bad=bad)


def _wide(values: pa.Array) -> pa.Array:
    scale = values.type.scale if pa.types.is_decimal(values.type) else 0
    return values.cast(pa.decimal256(37, scale))
