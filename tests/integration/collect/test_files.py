"""Files: the text as it stands, each content once, rows that do not fit told apart."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from shopmine.collect.reading import Opening, ReadRequest, open_reader
from shopmine.config.connections import Connection
from shopmine.config.days import NO_DAY, days_between
from shopmine.config.shops import Shop
from shopmine.errors import ConfigError, DataError, SourceUnavailableError

WriteShop = Callable[..., Shop]
Open = Callable[[Shop, Connection], Opening]
MARCH = frozenset(days_between(date(2026, 3, 1), date(2026, 3, 31)))


def sales(path: str, day: str = 'day = "day"') -> str:
    return f"""
[sources.a]
kind = "files"
connection = "shop_files"
[sources.a.entities.store_sales]
path = '{path}'
{day}
fields = {{ store = "store", quantity = "pieces", amount = "revenue" }}
"""


def folder_of(tmp_path: Path) -> Connection:
    return Connection.parse("shop_files", f"file://{tmp_path}?settle_seconds=0")


def read(opened: Opening, days: frozenset[date] | None = MARCH) -> dict[date | None, list[bytes]]:
    (entity,) = opened.source.read_entities()
    request = ReadRequest(
        entity=entity,
        columns=tuple(opened.source.columns(entity.name)),
        days=days,
        with_no_day=days is not None,
    )
    with open_reader(opened) as reader:
        return {lines.day: sorted(lines.lines) for lines in reader.read(request)}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_text_lands_as_it_stands_in_the_file(
    encoding: str, end: str, tmp_path: Path, write_shop: WriteShop, opening: Open
) -> None:
    rows = ["day,store,pieces,revenue", '2026-03-01,"上海,一店", 007 ,1e3', '2026-03-02,"a ""b""",,"x\ty"', ""]
    (tmp_path / "a.csv").write_bytes(end.join(rows).encode(encoding))
    opened = opening(write_shop(sales("*.csv")), folder_of(tmp_path))
    assert read(opened) == {
        date(2026, 3, 1): ["上海,一店\t 007 \t1e3\t2026-03-01\t\\N".encode()],
        date(2026, 3, 2): [b'a "b"\t\tx\\ty\t2026-03-02\t\\N'],
        NO_DAY: [],
    }


def test_the_same_content_counts_once_and_a_name_can_tell_the_day(
    tmp_path: Path, write_shop: WriteShop, opening: Open
) -> None:
    (tmp_path / "sales").mkdir()
    header = "store\tpieces\trevenue\n"
    for name, body in [
        ("2026-03-01", "a\t1\t2\n"),
        ("2026-03-02", "a\t1\t2\n"),
        ("copy-2026-03-01", "a\t1\t2\n"),
        ("late", "b\t1\t2\n"),
    ]:
        (tmp_path / "sales" / f"{name}.tsv").write_text(header + body)
    by_name = r"day_from_name = '(\d{4}-\d\d-\d\d)'"
    opened = opening(write_shop(sales("sales/*.tsv", by_name)), folder_of(tmp_path))
    row = b"a\t1\t2\t\\N"
    assert read(opened) == {date(2026, 3, 1): [row], date(2026, 3, 2): [row], NO_DAY: [b"b\t1\t2\t\\N"]}
    assert read(opened, frozenset({date(2026, 3, 2)})) == {date(2026, 3, 2): [row], NO_DAY: [b"b\t1\t2\t\\N"]}


def test_a_row_that_does_not_fit_lands_without_its_values(tmp_path: Path, write_shop: WriteShop, opening: Open) -> None:
    (tmp_path / "a.csv").write_text(
        "day,store,pieces,revenue\n2026-03-01,a,1,2\n2026-03-01,secret@x.org,b,1,2\n1/3/2026,c,1,2\n"
    )
    found = read(opening(write_shop(sales("a.csv")), folder_of(tmp_path)))
    assert found[date(2026, 3, 1)] == [b"a\t1\t2\t2026-03-01\t\\N"]
    unreadable, undated = sorted(found[NO_DAY])
    assert unreadable.startswith(b"\\N\t\\N\t\\N\t\\N\ta.csv, record 3: 5 fields instead of 4, sha256 ")
    assert undated == b"c\t1\t2\t1/3/2026\t\\N"
    assert b"secret" not in unreadable


def test_parquet_values_are_exact(tmp_path: Path, write_shop: WriteShop, opening: Open) -> None:
    table = pa.table(
        {
            "day": pa.array([date(2026, 3, 1), date(2026, 3, 2)]),
            "store": pa.array([b"\x00\xff", None]),
            "pieces": pa.array([2**63 - 1, -1]),
            "revenue": pa.array([Decimal("12345678901234567.10"), None], pa.decimal128(38, 2)),
        }
    )
    parquet.write_table(table, tmp_path / "a.parquet")
    opened = opening(write_shop(sales("a.parquet")), folder_of(tmp_path))
    found = read(opened)
    assert found[date(2026, 3, 1)] == [b"00ff\t9223372036854775807\t12345678901234567.10\t2026-03-01\t\\N"]
    assert found[date(2026, 3, 2)] == [b"\\N\t-1\t\\N\t2026-03-02\t\\N"]
    with open_reader(opened) as reader:
        (entity,) = opened.source.read_entities()
        types = dict(reader.columns(entity, ("store", "revenue")))
    assert types == {"store": "binary hex", "revenue": "decimal128(38, 2)", "unreadable": "text"}


def test_an_unreadable_row_belongs_to_the_day_that_its_files_name_tells(
    tmp_path: Path, write_shop: WriteShop, opening: Open
) -> None:
    (tmp_path / "2026-03-01.csv").write_text("store,pieces,revenue\na,1,2\nb,1\n")
    opened = opening(write_shop(sales("*.csv", r"day_from_name = '(\d{4}-\d\d-\d\d)'")), folder_of(tmp_path))
    found = read(opened)
    assert [line.split(b"\t")[0] for line in found[date(2026, 3, 1)]] == [b"\\N", b"a"]
    assert found[NO_DAY] == []


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_link_out_of_the_folder_is_refused(what: str, tmp_path: Path, write_shop: WriteShop, opening: Open) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (outside / "a.csv").write_text("day,store,pieces,revenue\n2026-03-01,a,1,2\n")
    (inside / "x").symlink_to(outside / "a.csv" if what == "file" else outside)
    opened = opening(write_shop(sales("x" if what == "file" else "x/*.csv")), folder_of(inside))
    with pytest.raises(ConfigError, match=r"path 'x.*': x.* is a link out of .*inside"):
        read(opened)
    (tmp_path / "alias").symlink_to(outside)
    (outside / "b.csv").symlink_to(outside / "a.csv")
    assert read(opening(write_shop(sales("*.csv")), folder_of(tmp_path / "alias")))[date(2026, 3, 1)], "links within"


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        ("b.csv", b"", SourceUnavailableError, r"no file in .* matches 'a\.\*'"),
        ("a.csv", b"", DataError, "a.csv is empty"),
        ("a.csv", b"day,store,pieces,revenu\n", ConfigError, r"a.csv has no column 'revenue'; did you mean 'revenu'\?"),
        ("a.csv", b"day,day,store,pieces,revenue\n", ConfigError, r"several columns named \['day'\]"),
        (
            "a.csv",
            b"day,store,pieces,revenue\n\x81\xff",
            DataError,
            "neither UTF-8 nor for sure GB18030 .* set `encoding`",
        ),
        ("a.parquet", b"no parquet", DataError, "cannot be read as a plain Parquet table"),
        ("a.xls", b"x", ConfigError, "no ending that tells its kind"),
        ("a.xlsx", b"x", DataError, "cannot be read as an Excel workbook"),
        ("a.zip", b"x", DataError, "a.zip cannot be unpacked"),
        ("a.csv.gz", b"x", DataError, "a.csv.gz cannot be unpacked"),
    ],
)
def test_files_that_cannot_be_read_are_named(
    name: str,
    content: bytes,
    error: type[Exception],
    message: str,
    tmp_path: Path,
    write_shop: WriteShop,
    opening: Open,
) -> None:
    (tmp_path / name).write_bytes(content)
    opened = opening(write_shop(sales("a.*")), folder_of(tmp_path))
    (entity,) = opened.source.read_entities()
    with pytest.raises(error, match=message), open_reader(opened) as reader:
        reader.columns(entity, tuple(opened.source.columns(entity.name)))
    with (
        pytest.raises(SourceUnavailableError, match="no such folder"),
        open_reader(opening(write_shop(sales("a.*")), folder_of(tmp_path / "gone"))),
    ):
        pass
