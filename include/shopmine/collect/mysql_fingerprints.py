"""The SQL by which MySQL and MariaDB tell of each day whether its rows are still the same.

Of each row the first 64 bits of a SHA-256 over all its values; of each day the number of rows and the sum, exact as DECIMAL. A
sum, not XOR: exact repeats would cancel. No two rows give the same text: nulls are marked, and what may hold any character
stands with its length, or as a hash of its own where it may be long.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from shopmine.collect.mysql_names import quoted

if TYPE_CHECKING:
    from shopmine.collect.day_shifts import Shift

# Between values: no number, date or time holds it.
_END: Final = "0x1f"
_NULL: Final = "'N'"
_LONG: Final = ("text", "json", "blob hex", "geometry hex")
_ANY_CHARACTER: Final = ("varchar", "char", "enum", "set", "varbinary hex", "binary hex")


def row_number(columns: Sequence[tuple[str, str]]) -> str:
    """An expression that gives equal numbers for rows alike in these columns (name and type), and others for others."""
    values = f"CONCAT_WS({_END}, {', '.join(_value(quoted(name), kind) for name, kind in columns)})"
    return f"CAST(CONV(LEFT(SHA2({values}, 256), 16), 16, 10) AS UNSIGNED)"


def day_expression(column: str, kind: str, shifts: Sequence[Shift]) -> str:
    """An expression for the shop's day of a date, datetime or timestamp."""
    if kind == "date":
        return f"DATE({column})"
    moved = [f"DATE({column} + INTERVAL {int(shift.by.total_seconds())} SECOND)" for shift in shifts]
    cases = [
        f"WHEN {column} < '{following.start:%Y-%m-%d %H:%M:%S}' THEN {day}"
        for day, following in zip(moved, shifts[1:], strict=False)
    ]
    return f"CASE {' '.join(cases)} ELSE {moved[-1]} END" if cases else moved[0]


def _value(column: str, kind: str) -> str:
    """Text of one value and an end that no other value has; the separator comes from the caller."""
    if kind.endswith(_LONG):
        given = f"CAST({column} AS CHAR)" if kind == "json" else column
        return f"IFNULL(SHA2({given}, 256), {_NULL})"
    text = f"CAST({column} AS BINARY)"
    if kind.startswith("bit"):
        text = f"HEX({column})"
    if kind in _ANY_CHARACTER:
        return f"IFNULL(LENGTH({column}), {_NULL}), IFNULL({text}, '')"
    return f"IFNULL({text}, {_NULL})"
