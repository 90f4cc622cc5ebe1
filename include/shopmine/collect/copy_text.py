"""Rows of bytes as lines of PostgreSQL COPY text, escaped a whole chunk at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

# Bytes that no UTF-8 text contains stand for what must survive the escaping.
_NULL, _END_OF_VALUE, _END_OF_ROW = b"\xfd", b"\xff", b"\xfe"
_ESCAPES: Final = (
    (b"\\", b"\\\\"),
    (b"\t", b"\\t"),
    (b"\n", b"\\n"),
    (b"\r", b"\\r"),
    (b"\x00", b"\\000"),
)


def copy_lines(rows: Sequence[Sequence[bytes | None]]) -> list[bytes]:
    """One line a row, without newline: values in order between tabs, `\\N` for null.

    Backslash, tab, newline, carriage return and NUL are escaped (NUL as `\\000`), every other byte stands as it is.
    """
    if not rows:
        return []
    joined = _END_OF_ROW.join([_END_OF_VALUE.join([_NULL if v is None else v for v in row]) for row in rows])
    n_nulls = sum(row.count(None) for row in rows)
    n_values = sum(map(len, rows))
    if (joined.count(_NULL), joined.count(_END_OF_VALUE), joined.count(_END_OF_ROW)) != (
        n_nulls,
        n_values - len(rows),
        len(rows) - 1,
    ):
        return [b"\t".join([copy_value(v) for v in row]) for row in rows]
    marked = escape(joined).replace(_NULL, b"\\N").replace(_END_OF_VALUE, b"\t")
    return marked.split(_END_OF_ROW)


def copy_value(value: bytes | None) -> bytes:
    """One value as it stands in a line."""
    return b"\\N" if value is None else escape(value)


def escape(text: bytes) -> bytes:
    """Backslash, tab, newline, carriage return and NUL written as COPY writes them."""
    for plain, escaped in _ESCAPES:
        text = text.replace(plain, escaped)
    return text
