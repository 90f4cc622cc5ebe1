"""COPY in and out is exact: every text, number and time comes back as it went in."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from shopmine.errors import DataError, SourceUnavailableError
from shopmine.staging.database import Database, copy_in, copy_out

TABLE = sa.Table(
    "everything",
    sa.MetaData(),
    sa.Column("n", sa.BigInteger),
    sa.Column("text", sa.Text),
    sa.Column("exact", sa.Numeric),
    sa.Column("float", sa.Double),
    sa.Column("flag", sa.Boolean),
    sa.Column("day", sa.Date),
    sa.Column("at", sa.DateTime(timezone=True)),
    sa.Column("bytes", sa.LargeBinary),
    sa.Column("texts", ARRAY(sa.Text)),
    sa.Column("numbers", ARRAY(sa.Integer)),
    sa.Column("json", JSONB),
    schema="public",
)
SCHEMA = pa.schema(
    {
        "n": pa.int64(),
        "text": pa.string(),
        "exact": pa.decimal128(38, 6),
        "float": pa.float64(),
        "flag": pa.bool_(),
        "day": pa.date32(),
        "at": pa.timestamp("us", tz="UTC"),
        "bytes": pa.binary(),
        "texts": pa.list_(pa.string()),
        "numbers": pa.list_(pa.int32()),
        "json": pa.string(),
    }
)
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20) | st.sampled_from(
    [
        "",
        "\\N",
        "\\.",
        "NULL",
        "=1+1",
        "'; DROP TABLE x; --",
        "<b>&amp;</b>",
        '"',
        "a\nb",
        "a\r\nb",
        "\t",
        "客户😀",
        "{",
        "%s",
        " ",
    ]
)
EXACT = st.decimals(-(10**20), 10**20, places=6, allow_nan=False, allow_infinity=False)
ROW = st.fixed_dictionaries(
    {
        "n": st.none() | st.integers(-(2**63), 2**63 - 1),
        "text": st.none() | TEXT,
        "exact": st.none() | EXACT,
        "float": st.none() | st.floats(allow_nan=False),
        "flag": st.none() | st.booleans(),
        "day": st.none() | st.dates(date(1, 1, 1)),
        "at": st.none() | st.datetimes(datetime(1000, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - timezones gives it
        "bytes": st.none() | st.binary(max_size=10),
        "texts": st.none() | st.lists(st.none() | TEXT, max_size=3),
        "numbers": st.none() | st.lists(st.none() | st.integers(-(2**31), 2**31 - 1), max_size=3),
        "json": st.none() | st.sampled_from(["{}", '{"a": [1, "\\n"]}', '"客户"', "null"]),
    }
)
NULLS = dict.fromkeys(SCHEMA.names)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.lists(ROW, max_size=5))
@example([NULLS])
@example([])
def test_every_value_comes_back(staging: Database, rows: list[dict[str, object]]) -> None:
    frame = pa.Table.from_pylist(rows, SCHEMA)
    with staging.transaction() as connection:
        TABLE.drop(connection, checkfirst=True)
        TABLE.create(connection)
        assert copy_in(connection, TABLE, frame) == len(rows)
        assert copy_out(connection, sa.select(TABLE), SCHEMA).to_pylist() == frame.to_pylist()


@pytest.mark.parametrize("kind", [pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())], ids=str)
def test_one_column_of_any_text_layout_keeps_its_nulls_and_empty_texts(staging: Database, kind: pa.DataType) -> None:
    frame = pa.table({"text": pa.array(["", None, "x", None, ""], pa.string()).cast(kind)})
    with staging.transaction() as connection:
        TABLE.create(connection)
        copy_in(connection, TABLE, frame)
        found = copy_out(connection, sa.select(TABLE.c.text), pa.schema([("text", pa.string())]))
    assert found.column("text").to_pylist() == ["", None, "x", None, ""]


def test_a_text_larger_than_a_block_comes_back(staging: Database) -> None:
    texts = ["é\n" * 5_000_000, "x", None]
    with staging.transaction() as connection:
        TABLE.create(connection)
        copy_in(connection, TABLE, pa.table({"text": pa.array(texts)}))
        found = copy_out(connection, sa.select(TABLE.c.text), pa.schema([("text", pa.string())]))
    assert found.column("text").to_pylist() == texts


def test_parameters_are_values_never_sql(staging: Database) -> None:
    asked = sa.text("SELECT :one, CAST(:two AS bigint)")
    schema = pa.schema([("one", pa.string()), ("two", pa.int64())])
    with staging.snapshot() as connection:
        found = copy_out(connection, asked, schema, {"one": "'); DROP TABLE x; {} %s --", "two": 3})
    assert found.to_pylist() == [{"one": "'); DROP TABLE x; {} %s --", "two": 3}]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pa.table({"exact": [1.5]}), "public.everything.exact is exact and was given double"),
        (pa.table({"at": pa.array([0], pa.timestamp("us"))}), "at was given times without a zone"),
        (pa.table({"colour": ["red"]}), r"public.everything has no columns \['colour'\]"),
        (pa.table({"n": ["1", "secret"]}), r"InvalidTextRepresentation \(COPY everything, line 2, column n\)"),
        (pa.table({"json": ["{"]}), "InvalidTextRepresentation"),
        (pa.table({"text": ["a\0b"]}), "CharacterNotInRepertoire"),
    ],
)
def test_a_value_that_does_not_fit_is_named_without_its_text(staging: Database, frame: pa.Table, message: str) -> None:
    with staging.transaction() as connection:
        TABLE.create(connection)
    with pytest.raises(DataError, match=message) as caught, staging.transaction() as connection:
        copy_in(connection, TABLE, frame)
    assert "secret" not in str(caught.value)
    with staging.snapshot() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(TABLE)).scalar_one() == 0


def test_a_number_with_more_decimals_than_asked_is_refused_not_rounded(staging: Database) -> None:
    with staging.snapshot() as connection, pytest.raises(DataError, match="ask for a wider type"):
        copy_out(connection, sa.text("SELECT 0.1234567"), pa.schema([("x", pa.decimal128(38, 6))]))


def test_numbers_of_any_scale_are_stored_as_given(staging: Database) -> None:
    texts = ["0.0010", "123456789012345678901234567890.123456789", "-1E-30"]
    with staging.transaction() as connection:
        TABLE.create(connection)
        copy_in(connection, TABLE, pa.table({"exact": texts}))
        found = connection.execute(sa.select(TABLE.c.exact)).scalars().all()
    assert found == [Decimal(text) for text in texts]
    assert str(found[0]) == "0.0010"


def test_a_database_that_does_not_answer_is_named_without_its_password() -> None:
    database = Database("postgresql://user:secret@127.0.0.1:9/nowhere")
    with pytest.raises(SourceUnavailableError, match=r"127.0.0.1:9/nowhere does not answer") as caught:
        database.transaction().__enter__()
    assert "secret" not in f"{caught.value}{database!r}"
