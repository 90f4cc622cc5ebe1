"""How commands print: tables for people, CSV and JSON for programs."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

_WIDE: Final = 10_000


def print_json(value: object) -> None:
    """One JSON document; dates in ISO form, exact numbers as JSON numbers where they are whole, else as text."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=_jsonable))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None) -> None:
    """A table with aligned columns, wide characters counted as two; numbers stand at the right.

    On a terminal cells are folded to its width; in a pipe nothing is cut.
    """
    found = [list(row) for row in rows]
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False, show_edge=False)
    for n, column in enumerate(columns):
        is_number = any(_is_number(row[n]) for row in found) and all(
            row[n] is None or _is_number(row[n]) for row in found
        )
        table.add_column(Text(column), justify="right" if is_number else "left", overflow="fold")
    for row in found:
        table.add_row(*(Text(show_value(value)) for value in row))
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else _WIDE, highlight=False)
    console.print(table)


def print_csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """CSV with a header; null is an empty field, lists and objects are JSON."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_csv_cell(value) for value in row])
    click.echo(buffer.getvalue(), nl=False)


def show_value(value: object) -> str:
    """One value as text: null is `-`, instants end in Z, lists and objects are JSON, bytes are hexadecimal."""
    if value is None:
        return "-"
    if isinstance(value, datetime | date):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=_jsonable)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)


def show_pairs(values: Mapping[str, object], *, indent: str = "  ") -> list[str]:
    """Lines `name  value`, the values in one column."""
    width = max((len(name) for name in values), default=0)
    return [f"{indent}{name:<{width}}  {show_value(value)}" for name, value in values.items()]


def _csv_cell(value: object) -> str:
    if value is None:
        return ""
    return repr(value) if isinstance(value, float) else show_value(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _jsonable(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return show_value(value)
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
