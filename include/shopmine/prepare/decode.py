"""Landed lines to rows of text: COPY text and extended JSON, exactly as the source said it.

A line that cannot be read is handed back as rejected with its position, length and hash only: nothing is known about which
of its bytes are personal.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from shopmine.errors import DataError
from shopmine.prepare.documents import Path, UnfitError, expand, follow, json_of, parse_document, text_of
from shopmine.prepare.rows import BatchText, Problems, Rejected, Rows, SourceRows

# What a plain split at tabs gets wrong: a backslash other than in a \N field, a raw CR, LF or NUL, a byte order mark.
_NEEDS_CARE: Final = r"[^\t]\\|\\[^N]|\\$|\\N[^\t]|[\r\n\x00]|^\xef\xbb\xbf"
_FIELD: Final = re.compile(rb"((?:[^\\\t]|\\.)*)(\t|\Z)", re.DOTALL)
_ESCAPE: Final = re.compile(rb"\\(x[0-9a-fA-F]{1,2}|[0-7]{1,3}|.)", re.DOTALL)
_ESCAPES: Final = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_NUMERIC_TYPE: Final = re.compile(
    r"(tiny|small|medium|big)?int|integer|decimal|numeric|double|float|real", re.IGNORECASE
)
_NEEDS_ESCAPES: Final = r'["\\\x00-\x1f]'
_SHORT_NUMBER: Final = r"^-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?$"
_PLAIN_NUMBER: Final = re.compile(r"-?(0|[1-9]\d{0,999})(\.\d{1,999})?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the rules use of a source's row: columns (or paths) as text, and as JSON; the list to unwind."""

    text: tuple[str, ...]
    json: tuple[str, ...] = ()
    unwind: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """Rows, the problems of those that have any, lines that gave no row (`rejected`), and lines read a batch."""

    rows: SourceRows
    problems: Problems
    rejected: list[Rejected]
    n_read: Rows


@dataclass(slots=True)
class _Lines:
    """The lines of a group in total order, with the place of each one's batch."""

    lines: list[bytes]
    batch: Rows
    rejected: list[Rejected] = field(default_factory=list)

    def reject(self, index: int, reason: str) -> None:
        line = self.lines[index]
        position = index - int(np.searchsorted(self.batch, self.batch[index])) + 1
        digest = hashlib.sha256(line).hexdigest()
        what = f"line {position} of the batch in byte order, {len(line)} bytes, sha256 {digest}"
        self.rejected.append(
            Rejected(batch=int(self.batch[index]), row_key=None, reason=f"the line {reason}", original=what.encode())
        )


def decode(batches: Sequence[BatchText], wanted: Wanted) -> Decoded:
    """Rows of text of several batches that have the same columns and format.

    Args:
        batches: at least one; the order of their lines does not matter.
        wanted: what to give of each row; for COPY text all of it must be among the batches' columns, unless they `may_lack`.

    Raises:
        DataError: a wanted column is not in the batches, or the format is unknown.
    """
    first = batches[0]
    n_read = np.array([len(batch.lines) for batch in batches], dtype=np.int64)
    group = _Lines(
        lines=[line for batch in batches for line in sorted(batch.lines)],
        batch=np.repeat(np.arange(len(batches)), n_read),
    )
    if first.format == "copy":
        rows, problems = _decode_copy(group, first, wanted), Problems()
    elif first.format == "jsonl":
        rows, problems = _decode_documents(group, wanted)
    else:
        raise DataError(f"batch format {first.format!r} is unknown; there are 'copy' and 'jsonl'")
    return Decoded(rows=rows, problems=problems, rejected=group.rejected, n_read=n_read)


def _decode_copy(group: _Lines, first: BatchText, wanted: Wanted) -> SourceRows:
    types = dict(first.columns)
    names, asked = list(types), list(dict.fromkeys((*wanted.text, *wanted.json)))
    needed = [name for name in asked if name in types]
    if not first.may_lack and (missing := sorted(set(asked) - set(needed) - first.lacking)):
        raise DataError(
            f"the batch lacks columns {missing}; it has {sorted(names)}; map columns that it has, or read these days again"
        )
    careful = _lines_that_need_care(group.lines, len(names))
    plain = np.setdiff1d(np.arange(len(group.lines)), careful, assume_unique=True)
    table = _split_plain([group.lines[i] for i in plain] if len(careful) else group.lines, names, needed)
    exact = _split_carefully(group, careful, len(names))
    if exact:
        values = {name: [row[names.index(name)] for row in exact.values()] for name in needed}
        table = pa.concat_tables([table, pa.table(values, schema=table.schema)])
    index = np.concatenate([plain, np.fromiter(exact, dtype=np.int64, count=len(exact))])
    order = np.argsort(index, kind="stable")
    table = table.take(pa.array(order)) if exact else table
    text = {name: pa.nulls(len(table), pa.string()) for name in asked}
    text |= {name: table.column(name).combine_chunks() for name in needed}
    return SourceRows(
        batch=group.batch[index[order]],
        line=index[order],
        element=np.zeros(len(index), dtype=np.int64),
        lines=group.lines,
        text=text,
        json={name: _json_of_text(text[name], types.get(name, "")) for name in wanted.json},
        types=types,
    )


def _lines_that_need_care(lines: list[bytes], n_columns: int) -> Rows:
    array = pa.array(lines, pa.binary())
    care = pc.match_substring_regex(array, _NEEDS_CARE).to_numpy(zero_copy_only=False)
    ragged = pc.count_substring(array, "\t").to_numpy(zero_copy_only=False) != n_columns - 1
    try:
        array.cast(pa.string())
    except pa.ArrowInvalid:
        care |= np.fromiter((not _is_utf8(line) for line in lines), dtype=bool, count=len(lines))
    return np.flatnonzero(care | ragged)


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _split_plain(lines: list[bytes], names: list[str], needed: list[str]) -> pa.Table:
    schema = pa.schema([(name, pa.string()) for name in needed])
    if not lines:
        return schema.empty_table()
    block = max(1 << 20, 4 * max(map(len, lines)))
    return csv.read_csv(
        pa.py_buffer(b"\n".join(lines) + b"\n"),
        read_options=csv.ReadOptions(column_names=names, block_size=block),
        parse_options=csv.ParseOptions(delimiter="\t", quote_char=False, ignore_empty_lines=False),
        convert_options=csv.ConvertOptions(
            column_types={name: pa.string() for name in names},
            include_columns=needed,
            null_values=["\\N"],
            strings_can_be_null=True,
        ),
    ).select(needed)


def _split_carefully(group: _Lines, indices: Rows, n_columns: int) -> dict[int, list[str | None]]:
    exact = {}
    for index in indices.tolist():
        try:
            exact[index] = _values(group.lines[index], n_columns)
        except UnfitError as error:
            group.reject(index, str(error))
    return exact


def _values(line: bytes, n_columns: int) -> list[str | None]:
    fields: list[bytes] = []
    position, is_last = 0, False
    while not is_last:
        match = _FIELD.match(line, position)
        if match is None:
            raise UnfitError("ends in the middle of an escaped character")
        fields.append(match[1])
        position, is_last = match.end(), not match[2]
    if len(fields) != n_columns:
        raise UnfitError(f"has {len(fields)} values where {n_columns} columns are expected")
    return [None if value == b"\\N" else _unescape(value) for value in fields]


def _unescape(value: bytes) -> str:
    try:
        text = _ESCAPE.sub(_unescaped, value).decode()
    except UnicodeDecodeError:
        raise UnfitError("holds a text that is not UTF-8") from None
    if "\0" in text:
        raise UnfitError("holds a NUL character, which cannot be stored")
    return text


def _unescaped(match: re.Match[bytes]) -> bytes:
    code = match[1]
    if code[:1] == b"x" and len(code) > 1:
        return bytes([int(code[1:], 16)])
    if code.isdigit() and code[:1] < b"8":
        return bytes([int(code, 8) & 0xFF])
    return _ESCAPES.get(code, code)


def _json_of_text(values: pa.Array, source_type: str) -> pa.Array:
    """Text as JSON: numbers of numeric columns bare, everything else quoted; each distinct value is written once."""
    is_numeric = _NUMERIC_TYPE.match(source_type) is not None and " hash" not in source_type
    encoded = values.dictionary_encode()
    texts = encoded.dictionary
    is_odd = pc.match_substring_regex(texts, _NEEDS_ESCAPES)
    written = pc.binary_join_element_wise('"', texts, '"', "")
    if is_numeric:
        is_bare = pc.match_substring_regex(texts, _SHORT_NUMBER)
        written = pc.if_else(is_bare, texts, written)
        is_odd = pc.invert(is_bare)
    one_by_one = [
        text if is_numeric and _PLAIN_NUMBER.fullmatch(text) else json.dumps(text, ensure_ascii=False)
        for text in texts.filter(is_odd).to_pylist()
    ]
    return pc.replace_with_mask(written, is_odd, pa.array(one_by_one, pa.string())).take(encoded.indices)


def _decode_documents(group: _Lines, wanted: Wanted) -> tuple[SourceRows, Problems]:
    unwind = None if wanted.unwind is None else Path.parse(wanted.unwind, None)
    readers = [_Reader(path=Path.parse(name, wanted.unwind), convert=text_of) for name in wanted.text]
    readers += [_Reader(path=Path.parse(name, wanted.unwind), convert=json_of) for name in wanted.json]
    outer = [reader for reader in readers if not reader.path.in_element]
    inner = [reader for reader in readers if reader.path.in_element]
    places: list[tuple[int, int]] = []
    values: list[list[str | None]] = []
    problems = Problems()
    for index, line in enumerate(group.lines):
        try:
            document = parse_document(line)
            parts = expand(document, unwind)
        except UnfitError as error:
            group.reject(index, str(error))
            continue
        common, reasons = _read_paths(document, outer)
        for place, part in enumerate(parts, start=0 if unwind is None else 1):
            own, own_reasons = _read_paths(part, inner)
            problems.add([len(values)] * len(reasons + own_reasons), reasons + own_reasons)
            values.append(common + own)
            places.append((index, place))
    return _document_rows(group, places, outer + inner, values), problems


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    """What is read of each document or element: from where, and as text or as JSON."""

    path: Path
    convert: Callable[[Any], str | None]


def _read_paths(value: Any, readers: Sequence[_Reader]) -> tuple[list[str | None], list[str]]:
    """The values at the readers' paths, and why those that are null by force are."""
    values: list[str | None] = []
    reasons = []
    for reader in readers:
        try:
            found = follow(value, reader.path.steps)
            values.append(None if found is None else reader.convert(found))
        except UnfitError as error:
            values.append(None)
            reasons.append(f"{reader.path.name}: {error}")
        except RecursionError:
            values.append(None)
            reasons.append(f"{reader.path.name}: it is nested too deep")
    return values, reasons


def _document_rows(
    group: _Lines, places: list[tuple[int, int]], readers: Sequence[_Reader], values: list[list[str | None]]
) -> SourceRows:
    line, element = np.array(places, dtype=np.int64).reshape(-1, 2).T
    columns = list(zip(*values, strict=True)) or [()] * len(readers)
    arrays = [(reader, pa.array(column, pa.string())) for reader, column in zip(readers, columns, strict=True)]
    return SourceRows(
        batch=group.batch[line],
        line=line,
        element=element,
        lines=group.lines,
        text={reader.path.name: array for reader, array in arrays if reader.convert is text_of},
        json={reader.path.name: array for reader, array in arrays if reader.convert is json_of},
        types={},
    )
