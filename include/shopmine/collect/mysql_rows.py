"""Rows of MySQL's text protocol, a chunk of them at once: from the packets as they came to lines of COPY text.

In a packet each value stands behind its length. The heads of packets and the lengths are turned into ends of rows and values in
place, for all rows of a chunk together, so that a million rows cost no million calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pymysql.err

from shopmine.collect.copy_text import copy_lines, copy_value, escape

Bytes = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]
Change = Callable[[bytes], bytes]

HEAD_BYTES: Final = 4
_READ_BYTES: Final = 1 << 18
_ENOUGH_BYTES: Final = 1 << 19
_LARGEST_PACKET: Final = (1 << 24) - 1
_SERVER_LOST: Final = 2013
_LONGEST_END: Final = 9
_END, _ERROR = 0xFE, 0xFF
_NULL_LENGTH, _TWO_BYTES, _THREE_BYTES, _EIGHT_BYTES = 251, 252, 253, 254
# Bytes that no UTF-8 text contains stand for what must survive the escaping.
_TAB, _NEWLINE, _NULL, _FIRST_NULL, _CHANGED, _NOTHING = 0xF8, 0xF9, 0xFA, 0xFB, 0xFC, 0xFF
_LEAST_MARK: Final = 0xF8
_TO_ENDS: Final = bytes.maketrans(bytes([_TAB, _NEWLINE]), b"\t\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Some rows as the server sent them.

    Attributes:
        data: the packets.
        heads: (n_rows,) where each row's packet begins, with the `HEAD_BYTES` that are no part of the row.
        marks: (n_columns, n_rows) where the length of each value stands.
        starts: (n_columns, n_rows) where the value itself begins.
        lengths: (n_columns, n_rows) of the values in bytes; -1 for null.
    """

    data: bytes
    heads: Places
    marks: Places
    starts: Places
    lengths: Places

    def __len__(self) -> int:
        return len(self.heads)

    def values(self, column: int) -> list[bytes | None]:
        """The values of one column."""
        data = self.data
        ends = (self.starts[column] + self.lengths[column]).tolist()
        return [
            None if end < start else data[start:end]
            for start, end in zip(self.starts[column].tolist(), ends, strict=True)
        ]

    def landing(self, column: int, change: Change | None) -> list[bytes | None]:
        """The values of one column as they land."""
        values = self.values(column)
        return values if change is None else _each(values, change)

    def beginnings(self, column: int, width: int) -> Bytes:
        """(n_rows, width) the first bytes of each value, zeros after its end; all zeros for null."""
        places = np.arange(width)
        data = np.frombuffer(self.data, np.uint8)
        at = np.minimum(self.starts[column][:, None] + places, len(data) - 1)
        found: Bytes = np.where(places < self.lengths[column][:, None], data[at], np.uint8(0))
        return found

    def lines(self, changes: Mapping[int, Change]) -> list[bytes]:
        """One line of COPY text a row (see `copy_text.copy_lines`), the values of some columns changed."""
        changed = {column: _each(self.values(column), change) for column, change in sorted(changes.items())}
        marked = self._marked([*changed])
        if marked is None:
            columns = [changed[at] if at in changed else self.values(at) for at in range(len(self.marks))]
            return copy_lines(list(zip(*columns, strict=True)))
        text = escape(marked).translate(_TO_ENDS, bytes([_NOTHING]))
        text = text.replace(bytes([_NULL]), b"\t\\N").replace(bytes([_FIRST_NULL]), b"\n\\N")
        if changed:
            text = _put_in(text, changed)
        return text.split(b"\n")[1:]

    def _marked(self, changed: Sequence[int]) -> bytes | None:
        """The packets with marks for all that is no value; None where a value has bytes that are used as marks."""
        data = np.frombuffer(self.data, np.uint8).copy()
        for place in range(HEAD_BYTES):
            data[self.heads + place] = _NOTHING
        sizes = self.starts - self.marks
        longest = int(sizes.max(initial=0))
        n_marks = len(self) * HEAD_BYTES + int(sizes.sum())
        for place in range(1, longest):
            data[self.marks[sizes > place] + place] = _NOTHING
        is_null = self.lengths < 0
        data[self.marks] = np.where(is_null, _NULL, _TAB)
        data[self.marks[0]] = np.where(is_null[0], _FIRST_NULL, _NEWLINE)
        for column in changed:
            data[self.marks[column]] = _CHANGED
            n_marks += self._blank(data, column)
        return data.tobytes() if np.count_nonzero(data >= _LEAST_MARK) == n_marks else None

    def _blank(self, data: Bytes, column: int) -> int:
        """Take out the values of a column; how many bytes these were."""
        lengths = np.maximum(self.lengths[column], 0)
        n_bytes = int(lengths.sum())
        within = np.arange(n_bytes) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        data[np.repeat(self.starts[column], lengths) + within] = _NOTHING
        return n_bytes


def _each(values: Sequence[bytes | None], change: Change) -> list[bytes | None]:
    """Each distinct value is changed once: most columns repeat theirs."""
    known: dict[bytes | None, bytes | None] = {value: change(value) for value in set(values) if value is not None}
    known[None] = None
    return [known[value] for value in values]


def _put_in(text: bytes, changed: Mapping[int, Sequence[bytes | None]]) -> bytes:
    """The changed values, row after row, at their marks."""
    pieces = text.split(bytes([_CHANGED]))
    together: list[bytes] = [b""] * (2 * len(pieces) - 1)
    together[::2] = pieces
    for place, (column, values) in enumerate(changed.items()):
        end = b"\t" if column else b"\n"
        together[2 * place + 1 :: 2 * len(changed)] = [end + copy_value(value) for value in values]
    return b"".join(together)


def read_rows(client: Any, n_columns: int) -> Iterator[Rows]:
    """The rows of the query that a client has just sent without buffering, as the server sends them.

    Only as much is read as is asked for: a server that is faster waits.

    Raises:
        pymysql.MySQLError: the server ends the query with an error, or the connection is lost.
    """
    data, is_over = bytearray(), False
    while not is_over:
        heads: list[int] = []
        end = 0
        while end < _ENOUGH_BYTES and not is_over:
            if not (piece := client._rfile.read1(_READ_BYTES)):
                raise pymysql.err.OperationalError(_SERVER_LOST, "Lost connection to MySQL server during query")
            data += piece
            end = _find_packets(data, end, heads)
            is_over = bool(heads) and _is_last(data, heads[-1], end)
        if is_over:
            last = heads.pop()
            _check_end(bytes(data[last + HEAD_BYTES : end]))
            end = last
        if heads:
            yield _located(*_without_seams(bytes(data[:end]), heads), n_columns)
        del data[:end]


def _find_packets(data: bytearray, at: int, heads: list[int]) -> int:
    """Add where whole packets begin; the end of the last one. A row of several packets counts when all are there."""
    filled = len(data)
    while filled - at >= HEAD_BYTES:
        size = data[at] | data[at + 1] << 8 | data[at + 2] << 16
        if at + HEAD_BYTES + size > filled:
            break
        heads.append(at)
        at += HEAD_BYTES + size
    while heads and at - heads[-1] == HEAD_BYTES + _LARGEST_PACKET:
        at = heads.pop()
    return at


def _is_last(data: bytearray, head: int, end: int) -> bool:
    size = end - head - HEAD_BYTES
    if not size:  # it ends a row of several packets
        return False
    first = data[head + HEAD_BYTES]
    return first == _ERROR or (first == _END and size < _LONGEST_END)


def _check_end(packet: bytes) -> None:
    if packet[0] == _ERROR:
        pymysql.err.raise_mysql_exception(packet)


def _without_seams(data: bytes, heads: list[int]) -> tuple[bytes, Places, Places]:
    """The data with each row in one piece, where each row's packet begins, and where it ends."""
    begins = np.array(heads, dtype=np.int64)
    ends = np.append(begins[1:], len(data))
    goes_on = np.flatnonzero(ends - begins == HEAD_BYTES + _LARGEST_PACKET)
    if not len(goes_on):
        return data, begins, ends
    seams = {heads[place + 1] for place in goes_on}
    pieces = [
        data[begin + (HEAD_BYTES if begin in seams else 0) : end]
        for begin, end in zip(heads, ends.tolist(), strict=True)
    ]
    sizes = np.array([len(piece) for piece in pieces], dtype=np.int64)
    is_begin = np.array([begin not in seams for begin in heads])
    begins = (np.cumsum(sizes) - sizes)[is_begin]
    return b"".join(pieces), begins, np.append(begins[1:], sizes.sum())


def _located(data: bytes, heads: Places, ends: Places, n_columns: int) -> Rows:
    """Find the values of all rows, column after column."""
    marks, starts, lengths = (np.empty((n_columns, len(heads)), dtype=np.int64) for _ in range(3))
    # Behind the end as many bytes as the longest length takes: it is read of all rows alike.
    numbers = np.frombuffer(data + bytes(_LONGEST_END), np.uint8)
    at = heads + HEAD_BYTES
    for column in range(n_columns):
        marks[column] = at
        at = at + 1
        length = numbers[marks[column]].astype(np.int64)
        if (length >= _NULL_LENGTH).any():
            at = _read_long(numbers, at, length)
        starts[column], lengths[column] = at, length
        at = at + np.maximum(length, 0)
    if not np.array_equal(at, ends):
        raise pymysql.err.InternalError(0, "rows are not made of as many values as the query has columns")
    return Rows(data=data, heads=heads, marks=marks, starts=starts, lengths=lengths)


def _read_long(numbers: Bytes, at: Places, length: Places) -> Places:
    """Lengths of more than one byte, and null, put into `length`; where the values begin."""
    begins = at.copy()
    for first, n_bytes in ((_TWO_BYTES, 2), (_THREE_BYTES, 3), (_EIGHT_BYTES, 8)):
        rows = np.flatnonzero(length == first)
        if len(rows):
            places = at[rows, None] + np.arange(n_bytes)
            length[rows] = (numbers[places].astype(np.int64) << (8 * np.arange(n_bytes))).sum(axis=1)
            begins[rows] += n_bytes
            # A length may itself be one of the numbers that are looked for next.
            length[rows] = -length[rows] - 2
    length[length == _NULL_LENGTH] = -1
    longer = length < -1
    length[longer] = -length[longer] - 2
    return begins
