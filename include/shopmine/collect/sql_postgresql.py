"""What PostgreSQL computes itself: the exact text of each value, and of each day whether its rows are still the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from shopmine.collect.day_shifts import Shift

DAY_TYPES: Final = ("date", "datetime", "timestamptz")


def type_name(described: Any) -> str:
    """The type of a result column; ` hex` at the end where the values are bytes, landed as hex digits."""
    name = str(described.type_display)
    base = name.partition("(")[0]
    # "timestamp" is the word of other sources for a clock in UTC.
    return {"timestamp": "datetime", "timestamptz": "timestamptz", "bytea": "bytea hex"}.get(base, name)


def exact_text(column: str, kind: str) -> str:
    """An expression for a value's own text."""
    return f"encode({column}, 'hex')" if kind == "bytea hex" else f"{column}::text"


def clock(column: str, kind: str) -> str:
    """A day column as the clock that `day_shifts` knows: UTC where it has a zone."""
    return f"({column} AT TIME ZONE 'UTC')" if kind == "timestamptz" else column


def day_expression(column: str, kind: str, shifts: Sequence[Shift]) -> str:
    """An expression for the shop's day of a date, a clock or an instant."""
    if kind == "date":
        return column
    reading = clock(column, kind)
    moved = [f"({reading} + interval '{int(shift.by.total_seconds())} seconds')::date" for shift in shifts]
    cases = [
        f"WHEN {reading} < timestamp '{following.start:%Y-%m-%d %H:%M:%S}' THEN {day}"
        for day, following in zip(moved, shifts[1:], strict=False)
    ]
    return f"CASE {' '.join(cases)} ELSE {moved[-1]} END" if cases else moved[0]


def row_sum(columns: Sequence[str]) -> str:
    """An aggregate over rows: the exact sum of a 64-bit hash of each. A sum, not XOR: exact repeats would cancel.

    A row's own text quotes and escapes its values and marks nulls, so that no two rows have the same.
    """
    return f"COALESCE(SUM(hashtextextended(ROW({', '.join(columns)})::text, 0)::numeric), 0)"
