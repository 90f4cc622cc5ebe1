"""Tables that are text: separated values (CSV, TSV) and JSON Lines, each value as it stands."""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TextIO

from shopmine.collect.json_text import json_text, parse_json
from shopmine.collect.table_file import Row, TableFile, check_header
from shopmine.collect.text_forms import find_separator

JSON_TYPE: Final = "json"
_BEGINNING: Final = 1 << 16
_LOOKED_AT: Final = 1_000
_SHOWN: Final = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "bars"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSource:
    """An open text.

    Attributes:
        separator: of its columns, as declared; None: found out.
        usual: what the file's ending promises.
        is_growing: its last record may not be finished.
    """

    name: str
    text: TextIO
    encoding: str
    separator: str | None = None
    usual: str = ","
    is_growing: bool = False


def open_separated(source: TextSource) -> TableFile:
    """CSV, TSV and their like: the first record names the columns."""
    csv.field_size_limit(sys.maxsize)
    beginning = source.text.read(_BEGINNING)
    beginning += source.text.readline()
    separator = source.separator or find_separator(beginning, source.usual)
    read: list[str] = []
    lines: Iterator[str] = itertools.chain(io.StringIO(beginning, newline=""), source.text)
    records = csv.reader(_remembered(lines, read) if source.is_growing else lines, delimiter=separator)
    header = next(records, [])
    read.clear()
    check_header(header, source.name)
    held_back: list[str] = []
    finished = _finished(records, read, held_back, source.name) if source.is_growing else records
    return TableFile(
        name=source.name,
        columns=tuple((column, "text") for column in header),
        form=f"{source.encoding}, separated by {_SHOWN.get(separator, repr(separator))}",
        rows=lambda names: _rows(finished, header, names, source.name),
        held_back=held_back,
    )


def _remembered(lines: Iterable[str], read: list[str]) -> Iterator[str]:
    for line in lines:
        read.append(line)
        yield line


def _finished(records: Iterable[list[str]], read: list[str], held_back: list[str], name: str) -> Iterator[list[str]]:
    """All records but a last one that ends within quotes."""
    last: list[str] | None = None
    text = ""
    for record in records:
        if last is not None:
            yield last
        last, text = record, "".join(read)
        read.clear()
    if last is not None and text.count('"') % 2:
        held_back.append(f"{name}: its last record ends within quotes")
    elif last is not None:
        yield last


def _rows(records: Iterable[list[str]], header: Sequence[str], names: Sequence[str], name: str) -> Iterator[Row | str]:
    places = [header.index(column) for column in names]
    n_columns = len(header)
    for number, record in enumerate(records, start=2):
        if len(record) == n_columns:
            yield [record[place] for place in places]
        elif record:  # an empty line is no row
            yield misfit(f"{name}, record {number}: {len(record)} fields instead of {n_columns}", "\x1f".join(record))


def misfit(what: str, content: str) -> str:
    """What is said of a row that cannot be trusted in any column: nothing of its content but the hash."""
    return f"{what}, sha256 {hashlib.sha256(content.encode('utf-8', 'surrogatepass')).hexdigest()}"


def open_json_lines(source: TextSource) -> TableFile:
    """An object a line; a column is the path of a name in it, with dots: `buyer.id`."""
    beginning = list(itertools.islice(source.text, _LOOKED_AT))
    known = dict.fromkeys(path for line in beginning for path in _paths(line))
    lines = itertools.chain(beginning, source.text)
    return TableFile(
        name=source.name,
        columns=tuple((path, JSON_TYPE) for path in known),
        has_any_path=True,
        form=f"{source.encoding}, JSON Lines",
        rows=lambda names: _objects(lines, [name.split(".") for name in names], source.name),
    )


def _paths(line: str) -> Iterator[str]:
    try:
        value = parse_json(line)
    except (ValueError, RecursionError):
        return
    yield from _paths_in(value, "")


def _paths_in(value: Any, before: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield f"{before}{name}"
            yield from _paths_in(inner, f"{before}{name}.")


def _objects(lines: Iterable[str], paths: Sequence[Sequence[str]], name: str) -> Iterator[Row | str]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            value = parse_json(line)
            row = [_text(_at(value, path)) for path in paths] if isinstance(value, dict) else None
        except (ValueError, RecursionError):
            row = None
        yield misfit(f"{name}, line {number}: no JSON object", line) if row is None else row


def _at(value: Any, path: Sequence[str]) -> Any:
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return None if value is None else str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return json_text(value)
