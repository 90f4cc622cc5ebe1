"""Rows of files on their way to lines of COPY text, day by day."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Final

from shopmine.collect.copy_text import copy_lines

_CHUNK_ROWS: Final = 20_000
_Value = str | None


@dataclass(slots=True)
class LinesByDay:
    """Lines by day, from rows that are taken one by one and escaped many at once."""

    _rows: dict[date | None, list[list[_Value]]] = field(default_factory=dict)
    _lines: dict[date | None, list[bytes]] = field(default_factory=dict)
    _n_rows: int = 0

    def add(self, day: date | None, row: list[_Value]) -> None:
        """Take a row."""
        self._rows.setdefault(day, []).append(row)
        self._n_rows += 1
        if self._n_rows >= _CHUNK_ROWS:
            self._escape()

    def by_day(self) -> dict[date | None, list[bytes]]:
        """The lines of all rows that were taken."""
        self._escape()
        return self._lines

    def _escape(self) -> None:
        for day, rows in self._rows.items():
            self._lines.setdefault(day, []).extend(copy_lines([[_bytes(v) for v in row] for row in rows]))
        self._rows, self._n_rows = {}, 0


def _bytes(value: _Value) -> bytes | None:
    return None if value is None else value.encode("utf-8", "surrogatepass")
