"""Result frames: what a published table takes, what it refuses, and a hash that only results change."""

import math
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopmine.errors import ConfigError, DataError
from shopmine.staging.results import conform, results_hash

ROWS = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(1, 3), st.sampled_from("pq"), st.none() | st.floats(allow_nan=False)),
    max_size=6,
    unique_by=lambda row: row[:2],
)
KINDS = pa.schema([("customer", pa.string()), ("rank", pa.int64()), ("product", pa.string()), ("score", pa.float64())])


def recommendations(rows: list[tuple[str, int, str, float | None]]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * 4
    frame = pa.table([pa.array(column, field.type) for column, field in zip(columns, KINDS, strict=True)], schema=KINDS)
    return frame.append_column("list", pa.array(["for_you"] * len(rows), pa.string()))


@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_rows_and_columns_changes_nothing(rows: list[tuple[str, int, str, float]], random: object) -> None:
    shuffled = [*rows]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = recommendations(rows), recommendations(shuffled)
    other = other.select([*reversed(other.column_names)])
    frames = [conform("recommendations", frame) for frame in (one, other)]
    assert frames[0].equals(frames[1])
    assert results_hash({"recommendations": frames[0]}) == results_hash({"recommendations": frames[1]})


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("pq"), st.none() | st.floats(allow_nan=False))))
def test_rows_of_one_key_have_an_order_too(rows: list[tuple[str, str, float | None]]) -> None:
    schema = pa.schema([("model", pa.string()), ("metric", pa.string()), ("value", pa.float64())])
    frames = [
        conform("metrics", pa.table(list(zip(*given_rows, strict=True)) or [[], [], []], schema=schema))
        for given_rows in (rows, rows[::-1])
    ]
    assert frames[0].equals(frames[1])


def test_what_is_missing_is_null_and_json_and_numbers_have_one_form() -> None:
    frame = pa.table(
        {"customer": ["a", "b", "c"], "spend": ["1.50", "10", "-0.0"], "features": ['{"b":1, "a":2}', None, "{}"]}
    )
    found = conform("customers", frame)
    assert found.column("spend").to_pylist() == ["1.5", "10", "0"]
    assert found.column("features").to_pylist() == ['{"a":2,"b":1}', None, "{}"]
    assert found.column("membership").null_count == 3


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1, "0.1"),
        (1 / 3, "0.3333333333333333"),
        (1e-20, "0"),
        (1e21, "1000000000000000000000"),
        (100, "100"),
        (Decimal("1E+2"), "100"),
    ],
)
def test_numbers_stay_what_they_print_as(value: object, text: str) -> None:
    column = pa.array([value], pa.float64() if isinstance(value, float) else None)
    frame = pa.table({"day": pa.array([0], pa.date32()), "metric": ["revenue"], "value": column})
    assert conform("statistics", frame).column("value").to_pylist() == [text]


def test_checks_do_not_count_for_the_hash() -> None:
    checks = pa.table({"day": pa.array([0], pa.date32()), "check_name": ["volume"], "passed": [True]})
    segments = conform("segments", pa.table({"segment": ["1"]}))
    assert results_hash({"segments": segments}) == results_hash(
        {"segments": segments, "checks": conform("checks", checks)}
    )


@pytest.mark.parametrize(
    ("name", "frame", "message"),
    [
        ("customers", pa.table({"customer": ["a"], "colour": ["red"]}), r"no columns \['colour'\]"),
        ("customers", pa.table({"customer": [None]}), "customers.customer is null in 1 of 1 rows"),
        ("customers", pa.table({"orders": [1]}), "customers.customer is null in 1 of 1 rows"),
        (
            "customers",
            pa.table({"customer": ["a"], "orders": ["many"]}),
            "customers.orders is int64 and was given string",
        ),
        ("customers", pa.table({"customer": ["a"], "spend": ["dear"]}), "customers.spend .* was given string"),
        ("customers", pa.table({"customer": ["a"], "spend": [math.inf]}), "customers.spend .* was given double"),
        ("customers", pa.table({"customer": ["a"], "features": ["{"]}), "a text is no JSON"),
    ],
)
def test_a_frame_that_does_not_fit_is_named(name: str, frame: pa.Table, message: str) -> None:
    with pytest.raises(DataError, match=message):
        conform(name, frame)


def test_an_unknown_table_is_named_with_the_choices() -> None:
    with pytest.raises(ConfigError, match=r"no published table 'clients'; there are \['actions'"):
        conform("clients", pa.table({}))
