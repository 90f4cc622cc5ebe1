"""A person taken out of landed lines and stored frames. Pure: bytes and frames in, what is left of them out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from shopmine.collect.mongodb import line_of, read_line, take_out
from shopmine.columns import CUSTOMER
from shopmine.prepare.decode import Wanted, decode
from shopmine.prepare.rows import BatchText

if TYPE_CHECKING:
    from shopmine.collect.forgotten import Forgotten
    from shopmine.staging.batches import Batch

_LONG_ENOUGH: Final = 12
"""A key of so many characters is taken for the person wherever it stands; a shorter one may be a quantity or a price."""


def lines_without(
    batch: Batch, lines: Sequence[bytes], customer: str, forgotten: Forgotten, unwind: str | None
) -> list[bytes]:
    """The lines of a batch that are not the person's.

    Args:
        batch: says what the values of a line are.
        lines: as landed.
        customer: the person's key, as stored.
        forgotten: where the mapping finds a person's key; without any column, as for an entity that the shop's file no
            longer maps, every line that holds the key as a word is the person's.
        unwind: the list whose elements are rows of their own.
    """
    if not forgotten.columns():
        return [line for line in lines if not _has_word(customer, line)]
    if batch.format == "jsonl":
        return _documents_without(lines, forgotten, unwind)
    return _rows_without(batch, lines, customer, forgotten)


def _rows_without(batch: Batch, lines: Sequence[bytes], customer: str, forgotten: Forgotten) -> list[bytes]:
    columns = tuple((column.name, column.type) for column in batch.columns)
    text = BatchText(columns=columns, format=batch.format, lines=lines, may_lack=True)
    decoded = decode([text], Wanted(text=tuple(forgotten.columns())))
    rows, gone = decoded.rows, set[int]()
    for column, values in rows.text.items():
        told = values.dictionary_encode()
        held = pa.array([forgotten.holds(column, value) for value in told.dictionary.to_pylist()], pa.bool_())
        is_person = held.take(told.indices).fill_null(False).to_numpy(zero_copy_only=False)
        gone |= set(rows.line[is_person].tolist())
    read = set(rows.line.tolist())
    return [
        line
        for place, line in enumerate(rows.lines)
        if place not in gone and (place in read or not _has_word(customer, line))
    ]


def _documents_without(lines: Sequence[bytes], forgotten: Forgotten, unwind: str | None) -> list[bytes]:
    kept = []
    for line in lines:
        document = read_line(line)
        whole = line_of(document)
        if not take_out(document, forgotten, unwind):
            left = line_of(document)
            kept.append(line if left == whole else left)
    return kept


def holds_elsewhere(lines: Sequence[bytes], customer: str) -> int:
    """How many lines of others name the person: told only of a key that is long enough to be nothing else."""
    return sum(_has_word(customer, line) for line in lines) if len(customer) >= _LONG_ENOUGH else 0


def names_person(line: bytes, customer: str, forgotten: Forgotten) -> bool:
    """Whether a document's line is the person's, or names the person; one that was cut off counts where it holds the key."""
    try:
        is_theirs = take_out(read_line(line), forgotten, None)
    except ValueError:
        return _has_word(customer, line)
    return is_theirs or holds_elsewhere([line], customer) > 0


def _has_word(word: str, line: bytes) -> bool:
    told = word.encode()
    return told in line and re.search(rb"(?<![0-9A-Za-z_])" + re.escape(told) + rb"(?![0-9A-Za-z_])", line) is not None


def frames_without(frames: Mapping[str, pa.Table], customer: str) -> dict[str, pa.Table] | None:
    """The frames without the person's rows; None where there are none of them."""
    kept = {name: _frame_without(frame, customer) for name, frame in frames.items()}
    return kept if any(kept[name].num_rows < frame.num_rows for name, frame in frames.items()) else None


def _frame_without(frame: pa.Table, customer: str) -> pa.Table:
    if CUSTOMER in frame.column_names and pa.types.is_string(frame.schema.field(CUSTOMER).type):
        return frame.filter(pc.not_equal(frame[CUSTOMER], customer).fill_null(True))
    if {"entity", "key"} <= set(frame.column_names):
        is_person = pc.and_(pc.equal(frame["entity"], CUSTOMER), pc.equal(frame["key"], customer))
        return frame.filter(pc.invert(is_person.fill_null(False)))
    return frame
