"""What an open table file is, whatever its kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shopmine.errors import ConfigError, DataError

if TYPE_CHECKING:
    from shopmine.collect.reading import Column

Row = list[str | None]


class UnreadableError(DataError):
    """A file's content is no table of its kind: damaged, or only half there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFile:
    """An open file.

    Attributes:
        columns: name and type of each column, in the file's order.
        has_any_path: its rows need not have the same columns (JSON Lines): any path may be asked for.
        form: how it is written, where that had to be found out.
        rows: gives of each row the values of these columns; a text instead, where a row does not fit: which row, and its hash.
        held_back: what the rows, once all are read, did not hold because it is not finished.
    """

    name: str
    columns: tuple[Column, ...]
    rows: Callable[[Sequence[str]], Iterator[Row | str]]
    has_any_path: bool = False
    form: str = ""
    held_back: list[str] = field(default_factory=list)


def check_header(header: Sequence[str], name: str) -> None:
    """Refuse a table without columns, or with two of one name."""
    if not header:
        raise UnreadableError(f"{name} is empty; a table's first line names its columns")
    if twice := sorted({column for column in header if header.count(column) > 1}):
        raise ConfigError(f"{name} has several columns named {twice}; give each its own name")


def rows_of(table: TableFile, names: Sequence[str]) -> Iterator[Row | str]:
    """A table's rows; a column that this file does not have, and need not have, is null."""
    known = {name for name, _ in table.columns}
    if table.has_any_path or known.issuperset(names):
        yield from table.rows(names)
        return
    places = {name: place for place, name in enumerate(name for name in names if name in known)}
    for values in table.rows(list(places)):
        is_row = not isinstance(values, str)
        yield [values[places[name]] if name in places else None for name in names] if is_row else values
