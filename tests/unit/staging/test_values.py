"""Hashes of frames say what the values are, not how Arrow lays them out."""

import json
import math
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopmine.errors import DataError
from shopmine.staging.values import canonical_json, canonical_text, frame_hash

TEXTS = st.lists(st.none() | st.text(max_size=5), max_size=8)


def frame(**columns: pa.Array) -> pa.Table:
    return pa.table(columns)


@given(TEXTS, st.integers(0, 8))
def test_chunks_slices_and_text_layouts_do_not_count(texts: list[str | None], cut: int) -> None:
    plain = pa.array(texts, pa.string())
    expected = frame_hash(frame(x=plain))
    parts = pa.chunked_array([plain[:cut], plain[cut:]], pa.string())
    sliced = pa.array(["first", *texts, "last"], pa.string())[1:-1]
    for other in (
        parts,
        sliced,
        plain.cast(pa.large_string()),
        plain.cast(pa.string_view()),
        plain.dictionary_encode(),
    ):
        assert frame_hash(frame(x=other)) == expected


@given(TEXTS, TEXTS)
def test_different_texts_have_different_hashes(one: list[str | None], other: list[str | None]) -> None:
    hashes = [frame_hash(frame(x=pa.array(texts, pa.string()))) for texts in (one, other)]
    assert (hashes[0] == hashes[1]) == (one == other)


@given(st.lists(st.none() | st.lists(st.none() | st.text(max_size=3), max_size=3), max_size=6))
def test_lists_are_told_apart_by_where_they_end(lists: list[list[str | None] | None]) -> None:
    kind = pa.list_(pa.string())
    assert frame_hash(frame(x=pa.array([["z"], *lists], kind)[1:])) == frame_hash(frame(x=pa.array(lists, kind)))
    assert frame_hash(frame(x=pa.array([*lists, []], kind))) != frame_hash(frame(x=pa.array([*lists, None], kind)))


@pytest.mark.parametrize(
    "values",
    [
        pa.array([1, None, 3], pa.int8()),
        pa.array([True, None, False]),
        pa.array([1.5, None, math.nan]),
        pa.array([1.5, None], pa.float32()),
        pa.array([Decimal("1.10"), None], pa.decimal128(10, 2)),
        pa.array([date(2020, 1, 1), None]),
        pa.array([1, None], pa.timestamp("us", tz="UTC")),
        pa.array([{"a": 1, "b": "x"}, None]),
        pa.array([[1, 2], None, []], pa.list_(pa.int32())),
        pa.array([[1.0, 2.0]], pa.list_(pa.float64(), 2)),
        pa.array([b"\x00", None]),
        pa.nulls(2),
    ],
    ids=lambda values: str(values.type),
)
def test_every_type_survives_slices_and_a_way_through_ipc(values: pa.Array) -> None:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, pa.schema([("x", values.type)])) as writer:
        writer.write_table(frame(x=values))
    read = pa.ipc.open_stream(sink.getvalue()).read_all()
    sliced = pa.concat_arrays([values[:1], values])[1:]
    assert frame_hash(read) == frame_hash(frame(x=values)) == frame_hash(frame(x=sliced))
    assert frame_hash(frame(x=values[:0])) != frame_hash(frame(x=values))


def test_what_a_null_hides_does_not_count() -> None:
    masked = pa.Array.from_buffers(pa.int64(), 2, [pa.py_buffer(b"\x01"), pa.array([1, 99]).buffers()[1]])
    assert frame_hash(frame(x=masked)) == frame_hash(frame(x=pa.array([1, None])))


def test_names_types_and_order_count() -> None:
    hashes = {
        frame_hash(frame(x=pa.array([1, 2]))),
        frame_hash(frame(y=pa.array([1, 2]))),
        frame_hash(frame(x=pa.array([2, 1]))),
        frame_hash(frame(x=pa.array([1, 2], pa.int32()))),
        frame_hash(frame(x=pa.array(["1", "2"]))),
        frame_hash(frame(x=pa.array([b"1", b"2"]))),
    }
    assert len(hashes) == 6


def test_minus_zero_is_zero_and_every_nan_is_one() -> None:
    odd = pa.array([-0.0, -math.nan])
    assert frame_hash(frame(x=odd)) == frame_hash(frame(x=pa.array([0.0, math.nan])))


@pytest.mark.parametrize(
    ("one", "other"),
    [('{"b": 1.50, "a": [2]}', '{"a":[2.0],"b":15e-1}'), ('"é"', r'"\u00e9"'), ("1e2", "100")],
)
def test_equal_json_is_equal_text(one: str, other: str) -> None:
    texts = canonical_json(pa.chunked_array([[one, other, None]])).to_pylist()
    assert texts[0] == texts[1]
    assert json.loads(texts[0]) == json.loads(one)
    assert texts[2] is None


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(DataError, match=r"a text is no JSON: .* at character 0"):
        canonical_json(pa.chunked_array([["hello"]]))
    with pytest.raises(DataError, match="cannot be stored as JSON"):
        canonical_text({"x": math.nan})
    with pytest.raises(DataError, match="cannot be stored as JSON"):
        canonical_json(pa.chunked_array([["NaN"]]))
