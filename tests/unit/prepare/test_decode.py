"""Landed lines become exactly the text that was landed, whatever it holds."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shopmine.errors import DataError
from shopmine.prepare.decode import Decoded, Wanted, decode
from shopmine.prepare.rows import BatchText
from unit.prepare.shops import copy_batch, copy_line

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
HOSTILE = st.sampled_from(
    [
        "",
        "\\N",
        "\\",
        "\\\\N",
        "\t",
        "a\tb",
        "\n",
        "\r\n",
        '"',
        "'",
        ",",
        "\ufeff",
        "\ufeffx",
        " ",
        "\u3000",
        "你好",
        "🛒",
        "\x1a",
        "N",
    ]
)
VALUE = st.none() | HOSTILE | TEXT


def rows_of(decoded: Decoded) -> list[tuple[str | None, ...]]:
    return list(zip(*(values.to_pylist() for values in decoded.rows.text.values()), strict=True))


def decode_copy(rows: list[tuple[str | None, ...]], n_columns: int) -> Decoded:
    names = tuple(f"c{n}" for n in range(n_columns))
    return decode([copy_batch(rows, [(name, "text") for name in names])], Wanted(text=names))


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 3).flatmap(lambda n: st.lists(st.tuples(*[VALUE] * n), max_size=6).map(lambda rows: (n, rows))))
@example((1, [("",), (None,), ("\ufeff",), ("\\",)]))
def test_copy_text_comes_back_exactly(case: tuple[int, list[tuple[str | None, ...]]]) -> None:
    n_columns, rows = case
    decoded = decode_copy(rows, n_columns)
    assert rows_of(decoded) == sorted(rows, key=copy_line)
    assert decoded.rejected == []


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(VALUE, VALUE), max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_lines_changes_nothing(rows: list[tuple[str | None, ...]], random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert rows_of(decode_copy(rows, 2)) == rows_of(decode_copy(shuffled, 2))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"a", "has 1 values where 2 columns are expected"),
        (b"a\tb\tc", "has 3 values where 2 columns are expected"),
        (b"", "has 1 values where 2 columns are expected"),
        (b"a\tb\\", "ends in the middle of an escaped character"),
        (b"a\t\xff", "holds a text that is not UTF-8"),
        (b"a\t\xc3\\\\", "holds a text that is not UTF-8"),
        (b"a\tb\\000", "holds a NUL character"),
        (b"a\t\0", "holds a NUL character"),
    ],
)
def test_a_line_that_cannot_be_read_keeps_position_length_and_hash_only(line: bytes, reason: str) -> None:
    batch = BatchText(columns=(("a", "text"), ("b", "text")), format="copy", lines=[b"0\t1", line])
    decoded = decode([batch], Wanted(text=("a", "b")))
    assert rows_of(decoded) == [("0", "1")]
    (rejected,) = decoded.rejected
    assert reason in rejected.reason
    position = sorted([b"0\t1", line]).index(line) + 1
    assert rejected.original.decode().startswith(
        f"line {position} of the batch in byte order, {len(line)} bytes, sha256 "
    )


def test_a_long_line_and_only_some_columns() -> None:
    long = "x" * 3_000_000
    columns = (("a", "text"), ("b", "int"), ("c", "text"))
    decoded = decode([copy_batch([("1", "2", long), ("3", None, "y")], columns)], Wanted(text=("c", "a"), json=("b",)))
    assert rows_of(decoded) == [(long, "1", "2"), ("y", "3", None)]
    assert decoded.rows.json["b"].to_pylist() == ["2", None]


def test_a_batch_without_a_mapped_column_names_it() -> None:
    with pytest.raises(DataError, match=r"lacks columns \['price'\]; it has \['a'\]"):
        decode([copy_batch([], [("a", "text")])], Wanted(text=("a", "price")))


def decode_documents(
    *documents: object, text: tuple[str, ...] = (), as_json: tuple[str, ...] = (), unwind: str | None = None
) -> Decoded:
    lines = [d if isinstance(d, bytes) else json.dumps(d, ensure_ascii=False).encode() for d in documents]
    batch = BatchText(columns=(), format="jsonl", lines=lines)
    return decode([batch], Wanted(text=text, json=as_json, unwind=unwind))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"$numberInt": "5"}, "5"),
        ({"$numberLong": "9007199254740993"}, "9007199254740993"),
        ({"$numberDouble": "5.0"}, "5"),
        ({"$numberDouble": "0.1"}, "0.1"),
        ({"$numberDouble": "-0.0"}, "0"),
        ({"$numberDouble": "1e+300"}, "1e+300"),
        ({"$numberDecimal": "2.30"}, "2.30"),
        ({"$oid": "507f1f77bcf86cd799439011"}, "507f1f77bcf86cd799439011"),
        ({"$date": {"$numberLong": "1301189400000"}}, "2011-03-27T01:30:00+00:00"),
        ({"$date": {"$numberLong": "-1"}}, "1969-12-31T23:59:59.999000+00:00"),
        ({"$date": "2011-03-27T01:30:00Z"}, "2011-03-27T01:30:00+00:00"),
        ({"$binary": {"base64": "AAECAwQFBgcICQoLDA0ODw==", "subType": "04"}}, "00010203-0405-0607-0809-0a0b0c0d0e0f"),
        (True, "true"),
        (None, None),
        ("", ""),
        (12345678901234567890, "12345678901234567890"),
        (0.1, "0.1"),
    ],
)
def test_scalars_of_documents_keep_their_exact_text(value: object, text: str | None) -> None:
    decoded = decode_documents({"a": {"b": value}}, text=("a.b",))
    assert rows_of(decoded) == [(text,)]
    assert decoded.problems.reasons == {}


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"a": [1]}, "a: a list where a value is expected"),
        ({"a": {"x": 1}}, "a: a document where a value is expected"),
        ({"a": {"$binary": {"base64": "AA==", "subType": "00"}}}, "a: a binary where a value is expected"),
        ({"a": {"$minKey": 1}}, "a: a minKey where a value is expected"),
        ({"a": {"$date": {"$numberLong": "999999999999999999"}}}, "a: a date where a value is expected"),
    ],
)
def test_a_value_of_another_kind_is_a_problem_and_no_null(document: object, reason: str) -> None:
    assert decode_documents(document, text=("a",)).problems.reasons == {0: [reason]}


def test_a_path_into_a_scalar_is_a_problem_and_a_missing_one_is_null() -> None:
    decoded = decode_documents({"a": "x"}, {}, {"a": None}, {"a": [{"b": 7}]}, text=("a.b",))
    assert sorted(decoded.problems.reasons.values()) == [
        ["a.b: a list where a document with 'b' is expected"],
        ["a.b: a text where a document with 'b' is expected"],
    ]
    assert rows_of(decode_documents({"a": [{"b": "7"}]}, text=("a.0.b", "a.1.b"))) == [("7", None)]


def test_unwinding_gives_a_row_for_each_element_with_its_place() -> None:
    document = {"no": "1", "items": [{"sku": "a"}, {"sku": "b"}, {"sku": "a"}]}
    decoded = decode_documents(document, {"no": "2", "items": []}, text=("no", "items.sku"), unwind="items")
    assert rows_of(decoded) == [("1", "a"), ("1", "b"), ("1", "a")]
    assert decoded.rows.element.tolist() == [1, 2, 3]
    assert decoded.n_read.tolist() == [2]


@pytest.mark.parametrize("items", [None, "x", {"sku": "a"}])
def test_unwinding_what_is_no_list_is_rejected(items: object) -> None:
    decoded = decode_documents({"items": items}, text=("items.sku",), unwind="items")
    assert "where a list is expected" in decoded.rejected[0].reason
    assert len(decoded.rows) == 0


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "JSON ends or breaks at character 1"),
        (b"[1]", "an object {…} is expected"),
        (b'{"a": "\xff"}', "a text is not Unicode"),
        (b'{"a": "\\ud800"}', "a text is not Unicode"),
        (b'{"a": "\\u0000"}', "a text holds a NUL character"),
        (b'{"a": ' + b"[" * 100_000, "nested too deep"),
    ],
)
def test_a_document_that_cannot_be_read_is_rejected(line: bytes, reason: str) -> None:
    assert reason in decode_documents(line, text=("a",)).rejected[0].reason


def test_an_escaped_backslash_before_u0000_is_no_nul() -> None:
    assert rows_of(decode_documents(rb'{"a": "\\u0000"}', text=("a",))) == [(r"\u0000",)]


@pytest.mark.parametrize("number", ["1e999999", "1" * 1001, "0." + "1" * 1001])
def test_a_number_beyond_what_jsonb_holds_is_a_text(number: str) -> None:
    decoded = decode_documents(f'{{"a": {number}}}'.encode(), as_json=("a",))
    assert decoded.rows.json["a"].to_pylist() == [f'"{number}"']


def test_attributes_keep_documents_and_exact_numbers() -> None:
    value = {
        "n": {"$numberDecimal": "2.30"},
        "t": "5",
        "l": [{"$numberInt": "1"}, True, None],
        "d": {"$numberDouble": "NaN"},
    }
    decoded = decode_documents({"a": value}, {"b": 1}, as_json=("a",))
    texts = decoded.rows.json["a"].to_pylist()
    assert texts == ['{"n": 2.30, "t": "5", "l": [1, true, null], "d": "NaN"}', None]
