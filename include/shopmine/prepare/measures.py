"""Numbers with a unit or a currency to the one unit and currency that are kept, in exact decimals.

A product has at most ten decimals; what has more is rounded half to even at the tenth.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shopmine.config.spelling import folded
from shopmine.prepare.convert import MOST_DECIMALS
from shopmine.prepare.rows import Problems, Rows, codes, joint_codes, shown

_EXACT: Final = Context(prec=200, rounding=ROUND_HALF_EVEN)
_TENTH_DECIMAL: Final = Decimal(1).scaleb(-MOST_DECIMALS)
_NUMBER: Final = r"[+-]?(?:[0-9]{1,60}(?:\.[0-9]{0,60})?|\.[0-9]{1,60})(?:[eE][+-]?[0-9]{1,2})?"
_PLAIN: Final = re.compile(_NUMBER)
_WITH_UNIT: Final = re.compile(rf"({_NUMBER})\s*(\D*)", re.DOTALL)

Rates = Mapping[str, Mapping[date, Decimal]]
"""Currency -> day -> what one of it is in the shop's currency from that day on."""


class _UnfitError(ValueError):
    """A number that cannot be converted; the text says why."""


def convert_units(
    name: str, values: pa.Array, units: pa.Array | None, factors: Mapping[str, Decimal], problems: Problems
) -> pa.Array:
    """Numbers in the unit that is kept, as text; null where there is none or it cannot be converted.

    Args:
        name: the canonical column, for the reasons.
        values: (n_rows,) numbers as text, with their units behind them where `units` is None.
        units: (n_rows,) each one's unit.
        factors: unit -> what one of it is in the unit that is kept; capitals and width do not matter.
        problems: gets the rows whose unit is unknown or missing.
    """
    known = {folded(unit): factor for unit, factor in factors.items()}

    def convert(value: str, unit: str | None = None) -> str:
        if units is None:
            found = _WITH_UNIT.fullmatch(value.strip())
            value, unit = (found[1], found[2]) if found else (value, None)
        factor = known.get(folded(unit or ""))
        if factor is None:
            what = "no unit" if not unit else f"the unit {shown(unit)}"
            raise _UnfitError(f"{name}: {shown(value)} has {what}; known are {', '.join(factors)}")
        return _times(name, value, factor)

    return _converted(values, [units] if units is not None else [], convert, problems)


def convert_money(  # noqa: PLR0913  each says one thing of the conversion
    name: str, values: pa.Array, currencies: pa.Array, days: pa.Array, rates: Rates, own: str, problems: Problems
) -> pa.Array:
    """Amounts in the shop's currency `own`, as text, by the newest rate that was valid on the row's day, never a later one.

    Args:
        name: the canonical column, for the reasons.
        values: (n_rows,) amounts as text.
        currencies: (n_rows,) each one's currency; null: the shop's own.
        days: (n_rows,) date32, each row's day.
        rates: of the other currencies.
        own: the shop's currency.
        problems: gets the rows for whose day no rate is known.
    """
    valid_from = {currency.upper(): sorted(known) for currency, known in rates.items()}
    by_name = {currency.upper(): known for currency, known in rates.items()}

    def convert(value: str, currency: str | None, day: str | None) -> str:
        code = (currency or "").strip().upper() or own.upper()
        if code == own.upper():
            return value
        starts = valid_from.get(code, [])
        at = bisect_right(starts, date.fromisoformat(day)) if day is not None else 0
        if not at:
            raise _UnfitError(f"{name}: there is no rate of {shown(code)} on {day or 'a day that is not told'}")
        return _times(name, value, by_name[code][starts[at - 1]])

    return _converted(values, [currencies, days.cast(pa.string())], convert, problems)


def _times(name: str, value: str, factor: Decimal) -> str:
    if not _PLAIN.fullmatch(value.strip()):
        raise _UnfitError(f"{name}: {shown(value)} is not a number")
    product = _EXACT.multiply(Decimal(value.strip()), factor)
    if product != product.quantize(_TENTH_DECIMAL, context=_EXACT):
        product = product.quantize(_TENTH_DECIMAL, context=_EXACT)
    return f"{product:f}"


def _converted(
    values: pa.Array, beside: Sequence[pa.Array], convert: Callable[..., str], problems: Problems
) -> pa.Array:
    """Each distinct combination is converted once; null stays null."""
    rows = np.flatnonzero(values.is_valid().to_numpy(zero_copy_only=False))
    parts = [part.take(pa.array(rows)) for part in (values, *beside)]
    code = joint_codes([codes(part) for part in parts], len(rows))
    first = np.unique(code, return_index=True)[1] if len(rows) else rows
    combinations = zip(*(part.take(pa.array(first)).to_pylist() for part in parts), strict=True)
    results: list[str | None] = []
    for place, combination in enumerate(combinations):
        try:
            results.append(convert(*combination))
        except _UnfitError as error:
            results.append(None)
            bad = _rows_of(rows, code, place)
            problems.add(bad, [str(error)] * len(bad))
    at = np.full(len(values), -1, dtype=np.int64)
    at[rows] = code
    return pa.array(results, pa.string()).take(pa.array(at, mask=at < 0))


def _rows_of(rows: Rows, code: Rows, place: int) -> list[int]:
    found: list[int] = rows[code == place].tolist()
    return found


def originals(values: pa.Array, currencies: pa.Array, own: str) -> tuple[pa.Array, pa.Array]:
    """The amounts and currencies as they were, null where the currency is the shop's own, which changed nothing."""
    code = pc.utf8_upper(pc.utf8_trim_whitespace(currencies))
    is_other = pc.and_(pc.not_equal(code, own.upper()), pc.not_equal(code, "")).fill_null(False)
    return pc.if_else(is_other, values, None), pc.if_else(is_other, code, None)
