"""Packets of MySQL's text protocol to lines: whatever the values and however the packets come, as row by row."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import pymysql
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopmine.collect import mysql_rows
from shopmine.collect.copy_text import copy_lines
from shopmine.collect.mysql_rows import read_rows

END = b"\xfe\x00\x00\x02\x00"
VALUES = st.one_of(
    st.none(),
    st.text(max_size=8).map(str.encode),
    st.binary(max_size=8),
    st.sampled_from([b"", b"\\N", b"\t\n\r\x00\\", b"x" * 250, b"y" * 251, b"z" * 252, b"\xfb" * 253]),
)
ROWS = st.integers(1, 4).flatmap(lambda n: st.lists(st.tuples(*[VALUES] * n), max_size=12))


@dataclass
class Stream(io.RawIOBase):
    """Bytes that come as a network brings them: in pieces of any size."""

    data: bytes
    size: int

    def readable(self) -> bool:
        return True

    def readinto(self, into: memoryview) -> int:  # type: ignore[override]
        piece, self.data = self.data[: min(self.size, len(into))], self.data[min(self.size, len(into)) :]
        into[: len(piece)] = piece
        return len(piece)


@dataclass
class Client:
    _rfile: io.BufferedReader


def value(of: bytes | None) -> bytes:
    if of is None:
        return b"\xfb"
    n = len(of)
    if n < 251:
        return bytes([n]) + of
    return (b"\xfc" + n.to_bytes(2, "little") if n < 1 << 16 else b"\xfd" + n.to_bytes(3, "little")) + of


def packets(payloads: Sequence[bytes], largest: int = (1 << 24) - 1) -> bytes:
    pieces = []
    for payload in payloads:
        for at in range(0, len(payload) + 1, largest):
            piece = payload[at : at + largest]
            pieces.append(len(piece).to_bytes(3, "little") + bytes([len(pieces) & 0xFF]) + piece)
    return b"".join(pieces)


def client(payloads: Sequence[bytes], *, size: int = 1 << 20, largest: int = (1 << 24) - 1) -> Client:
    return Client(io.BufferedReader(Stream(packets(payloads, largest), size)))


@given(ROWS, st.sampled_from([1, 7, 8192, 1 << 20]), st.sets(st.integers(0, 3)))
def test_lines_are_those_of_the_rows_one_by_one(
    rows: list[tuple[bytes | None, ...]], size: int, changed: set[int]
) -> None:
    n_columns = len(rows[0]) if rows else 1
    changes = {at: lambda text: b"<" + text[::-1] + b"\t>" for at in changed if at < n_columns}
    sent = [b"".join(map(value, row)) for row in rows]
    found = list(read_rows(client([*sent, END], size=size), n_columns))
    expected = [[changes[at](v) if at in changes and v is not None else v for at, v in enumerate(row)] for row in rows]
    assert [line for chunk in found for line in chunk.lines(changes)] == copy_lines(expected)
    for at in range(n_columns):
        assert [v for chunk in found for v in chunk.values(at)] == [row[at] for row in rows]
        beginnings = [bytes(begin) for chunk in found for begin in chunk.beginnings(at, 16)]
        assert beginnings == [(row[at] or b"")[:16].ljust(16, b"\0") for row in rows]


def test_a_row_of_several_packets_is_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mysql_rows, "_LARGEST_PACKET", 7)
    rows = [(b"a",), (b"b" * 6,), (b"c" * 9,), (b"d" * 13,), (b"e",), (b"f" * 20,)]
    sent = client([*(b"".join(map(value, row)) for row in rows), END], largest=7)
    assert [line for chunk in read_rows(sent, 1) for line in chunk.lines({})] == copy_lines(rows)


def test_long_values_are_whole_wherever_the_network_cuts_them() -> None:
    rows = [(b"w" * 70_000, None), (None, b"\\" * 70_000), (b"", b"z" * 600_000)]
    sent = client([*(b"".join(map(value, row)) for row in rows), END], size=4_001)
    assert [line for chunk in read_rows(sent, 2) for line in chunk.lines({})] == copy_lines(rows)


def test_an_error_and_an_end_without_a_word_are_no_end() -> None:
    row = value(b"a")
    with pytest.raises(pymysql.err.OperationalError, match="killed"):
        list(read_rows(client([row, b"\xff\x25\x05#70100killed"]), 1))
    with pytest.raises(pymysql.err.OperationalError, match="Lost connection"):
        list(read_rows(client([row, row]), 1))
    with pytest.raises(pymysql.err.InternalError, match="as many values"):
        list(read_rows(client([row + row, END]), 1))
