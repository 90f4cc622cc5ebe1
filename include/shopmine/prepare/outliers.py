"""Unusual numbers of a day, by the days before it: told and left as they are, for a large order is not a wrong one.

Tukey's far fences (Exploratory Data Analysis, 1977): three times the distance of the quartiles beyond them, on the logarithm
where all numbers of the days before are above 0, as prices and pieces are skewed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shopmine.columns import DAY
from shopmine.prepare.gates import WARN, Check

WINDOW_DAYS: Final = 90
_FEWEST: Final = 30
_FAR: Final = 3.0
# The quartiles; where most numbers are the same one (a single piece), what lies further out.
_SPREADS: Final = ((0.25, 0.75), (0.05, 0.95), (0.01, 0.99))
_SHOWN: Final = 10
_MONEY: Final = pa.decimal128(38, 10)
_SCHEMA: Final = pa.schema(
    [("entity", pa.string()), ("column_name", pa.string()), ("row_key", pa.string()),
     ("value", _MONEY), ("low", _MONEY), ("high", _MONEY)]
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Fences:
    """Least and largest usual number, and by how many it is known."""

    low: Decimal
    high: Decimal
    n_values: int


def window(day: date) -> list[date]:
    """The days whose numbers say what is usual, and the day itself, which says nothing of itself."""
    return [day - timedelta(days=back) for back in range(WINDOW_DAYS, -1, -1)]


def fit_fences(values: Sequence[Decimal]) -> Fences | None:
    """What is usual by these numbers, in any order; None: they are too few, or all are the same."""
    if len(values) < _FEWEST:
        return None
    numbers = np.sort(np.array([float(value) for value in values]))
    is_positive = bool(numbers[0] > 0)
    scaled = np.log(numbers) if is_positive else numbers
    for lower, upper in _SPREADS:
        low, high = np.quantile(scaled, [lower, upper])
        if high > low:
            far = _FAR * (high - low)
            return Fences(
                low=_rounded(low - far, is_log=is_positive),
                high=_rounded(high + far, is_log=is_positive),
                n_values=len(values),
            )
    return None


def _rounded(value: float, *, is_log: bool) -> Decimal:
    return Decimal(f"{np.exp(value) if is_log else value:.6g}")


def mark_outliers(rows: pa.Table, *, entity: str, column: str, key: Sequence[str], day: date) -> tuple[Check, pa.Table]:
    """The day's numbers that are outside of what was usual, as a check that always passes, and row by row.

    Args:
        rows: `day`, the key's columns and the number of all rows of `window(day)`; later days are not looked at.
        entity: canonical entity.
        column: what is judged.
        key: columns that name a row.
        day: the day to judge.

    Returns:
        The check, and by row key `entity`, `column_name`, `row_key`, `value`, `low`, `high`.
    """
    known = rows.filter(pc.is_valid(rows.column(column)))
    fences = fit_fences(known.filter(pc.less(known.column(DAY), day)).column(column).to_pylist())
    today = known.filter(pc.equal(known.column(DAY), day))
    name = f"outliers {entity}.{column}"
    if fences is None:
        why = f"not judged: fewer than {_FEWEST} numbers in the {WINDOW_DAYS} days before, or all the same"
        return Check(
            check_name=name, expected="the usual", actual="", passed=True, detail=why, level=WARN
        ), _SCHEMA.empty_table()
    values = today.column(column)
    is_far = pc.or_(pc.less(values, _as(fences.low)), pc.greater(values, _as(fences.high)))
    far = today.filter(is_far)
    keys = list(zip(*(far.column(part).cast(pa.string()).to_pylist() for part in key), strict=True))
    found = sorted(
        ("/".join(part or "" for part in parts), v)
        for parts, v in zip(keys, far.column(column).to_pylist(), strict=True)
    )
    largest = sorted(found, key=lambda pair: (-abs(pair[1]), pair[0]))[:_SHOWN]
    check = Check(
        check_name=name,
        expected=f"{fences.low:f} to {fences.high:f}, by {fences.n_values} numbers of the {WINDOW_DAYS} days before",
        actual=f"{len(found)} of {len(today)} outside",
        passed=True,
        detail="; ".join(f"{row}: {value.normalize():f}" for row, value in largest)
        + ("; clean.outliers has all" if found else ""),
        level=WARN,
    )
    return check, _table(entity, column, found, fences)


def _as(value: Decimal) -> pa.Scalar:
    return pa.scalar(value, pa.decimal256(76, 20))


def _table(entity: str, column: str, found: Sequence[tuple[str, Decimal]], fences: Fences) -> pa.Table:
    low, high = round(fences.low, 10), round(fences.high, 10)
    return pa.table(
        {
            "entity": pa.array([entity] * len(found), pa.string()),
            "column_name": pa.array([column] * len(found), pa.string()),
            "row_key": pa.array([key for key, _ in found], pa.string()),
            "value": pa.array([value for _, value in found], _MONEY),
            "low": pa.array([low] * len(found), _MONEY),
            "high": pa.array([high] * len(found), _MONEY),
        },
        schema=_SCHEMA,
    )
