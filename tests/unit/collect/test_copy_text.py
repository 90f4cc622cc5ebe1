"""COPY text: whatever the values, PostgreSQL's rules give them back."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from shopmine.collect.copy_text import copy_lines

NASTY = st.sampled_from(
    [b"", b"\\N", b"\\.", b"\\", b"\t", b"\n", b"\r\n", b"\x00", "😀".encode(), b"a\\tb", b"\xc3\xa9"]
)
TEXT = st.text().map(lambda text: text.encode("utf-8", "surrogatepass"))
VALUE = st.none() | NASTY | TEXT | st.binary()


@st.composite
def tables(draw: st.DrawFn) -> list[tuple[bytes | None, ...]]:
    width = draw(st.integers(1, 4))
    return draw(st.lists(st.tuples(*[VALUE] * width), max_size=8))


def decoded(line: bytes) -> tuple[bytes | None, ...]:
    """The definition, value by value, of PostgreSQL's documentation."""
    special = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}

    def plain(match: re.Match[bytes]) -> bytes:
        code = match[1]
        return bytes([int(code, 8)]) if code.isdigit() else special.get(code, code)

    values = line.split(b"\t")
    return tuple(None if v == b"\\N" else re.sub(rb"\\([0-7]{1,3}|.)", plain, v, flags=re.DOTALL) for v in values)


@given(tables())
@example([(b"\xfd", None)])  # bytes that stand for null, ends of values and rows inside
@example([(b"\xff",), (b"\xfe",)])
@example([(None,), (b"",)])
def test_every_row_comes_back(rows: list[tuple[bytes | None, ...]]) -> None:
    lines = copy_lines(rows)
    assert [decoded(line) for line in lines] == rows
    assert not any(b"\n" in line or b"\r" in line or b"\x00" in line for line in lines)
