"""Every kind of file, packing and store; files that grow, are replaced, come late or are half written; what the report says."""

from __future__ import annotations

import gzip
import io
import json
import os
import zipfile
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import fsspec
import openpyxl
import pyarrow as pa
import pytest
from pyarrow import parquet

from fakes.s3_server import S3Server
from shopmine.collect.files import FilesReader
from shopmine.collect.reading import DayLines, Opening, ReadRequest, open_reader
from shopmine.config.connections import Connection
from shopmine.config.days import NO_DAY, days_between
from shopmine.config.shops import Shop
from shopmine.errors import ConfigError, DataError, SourceUnavailableError

WriteShop = Callable[..., Shop]
Open = Callable[[Shop, Connection], Opening]
MARCH = frozenset(days_between(date(2026, 3, 1), date(2026, 3, 31)))
BY_NAME = r"day_from_name = '(\d{4}-\d\d-\d\d)'"
HEADER = "day,store,pieces,revenue\n"
FIRST = date(2026, 3, 1)


def sales(path: str, more: str = 'day = "day"') -> str:
    return f"""
[sources.a]
kind = "files"
connection = "shop_files"
[sources.a.entities.store_sales]
path = '{path}'
{more}
fields = {{ store = "store", quantity = "pieces", amount = "revenue" }}
"""


def reading(opened: Opening, days: frozenset[date] | None = MARCH) -> tuple[dict[date | None, DayLines], list[str]]:
    (entity,) = opened.source.read_entities()
    names = tuple(opened.source.columns(entity.name))
    with open_reader(opened) as reader:
        reader.columns(entity, names)
        request = ReadRequest(entity=entity, columns=names, days=days, with_no_day=days is not None)
        return {read.day: read for read in reader.read(request)}, list(reader.notes)


def lines(opened: Opening, days: frozenset[date] | None = MARCH) -> dict[date | None, list[bytes]]:
    return {day: sorted(read.lines) for day, read in reading(opened, days)[0].items()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "exports"
    path.mkdir()
    return path


@pytest.fixture
def settled(folder: Path) -> Connection:
    """A folder whose files count as whole at once."""
    return Connection.parse("shop_files", f"file://{folder}?settle_seconds=0")


@pytest.fixture
def moment(folder: Path) -> Connection:
    """A folder whose files may still be written to when they were changed a moment ago."""
    return Connection.parse("shop_files", f"file://{folder}")


def workbook(*rows: list[object], title: str = "Sheet") -> bytes:
    book = openpyxl.Workbook()
    book.active.title = title
    for row in rows:
        book.active.append(row)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def zipped(**files: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "."), data)
    return stream.getvalue()


TABLE = (HEADER + "2026-03-01,上海,1,2.50\n").encode()
ROW = "上海\t1\t2.50\t2026-03-01\t\\N".encode()
ROW_BY_NAME = "上海\t1\t2.50\t\\N".encode()
OBJECT = '{"day": "2026-03-01", "store": "上海", "pieces": 1, "revenue": 2.50}\n'.encode()


def parquet_bytes() -> bytes:
    stream = io.BytesIO()
    parquet.write_table(
        pa.table({"day": ["2026-03-01"], "store": ["上海"], "pieces": ["1"], "revenue": ["2.50"]}), stream
    )
    return stream.getvalue()


KINDS = {
    "a.csv": TABLE,
    "a.tsv": TABLE.replace(b",", b"\t"),
    "a.txt": TABLE.replace(b",", b"|"),
    "a.CSV": TABLE.replace(b",", b";"),
    "a.jsonl": OBJECT,
    "a.parquet": parquet_bytes(),
    "a.xlsx": workbook(["day", "store", "pieces", "revenue"], ["2026-03-01", "上海", 1, "2.50"]),
    "a.csv.gz": gzip.compress(TABLE),
    "a.jsonl.gz": gzip.compress(OBJECT),
    "a.parquet.gz": gzip.compress(parquet_bytes()),
    "csv.zip": zipped(a__csv=TABLE),
    "xlsx.zip": zipped(a__xlsx=workbook(["day", "store", "pieces", "revenue"], ["2026-03-01", "上海", 1, "2.50"])),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_and_packing_gives_the_same_rows(
    name: str, folder: Path, settled: Connection, write_shop: WriteShop, opening: Open
) -> None:
    (folder / name).write_bytes(KINDS[name])
    opened = opening(write_shop(sales("*")), settled)
    assert lines(opened) == {FIRST: [ROW], NO_DAY: []}
    (folder / "copy-of-it.csv").write_bytes(TABLE)
    if name.startswith(("a.csv", "csv.zip")):
        found, notes = reading(opened)
        assert found[FIRST].lines == [ROW], "the same content twice counts once, packed or not"
        assert any("holds what another file holds" in note for note in notes)


def test_all_tables_of_a_zip_are_read_and_nothing_of_a_desktop(
    folder: Path, settled: Connection, write_shop: WriteShop, opening: Open
) -> None:
    litter = {"__MACOSX/._a.csv": b"x", ".DS_Store": b"x", "deep/2026-03-02.csv": TABLE, "2026-03-01.csv": TABLE}
    (folder / "all.zip").write_bytes(zipped(**litter))
    found = lines(opening(write_shop(sales("*.zip", BY_NAME)), settled))
    assert {day: len(rows) for day, rows in found.items()} == {FIRST: 1, date(2026, 3, 2): 1, NO_DAY: 0}


@pytest.mark.parametrize(
    ("encoding", "store", "found_out"),
    [
        ("utf-8", "上海 😀", "utf-8"),
        ("utf-8-sig", "上海", "utf-8-sig"),
        ("utf-16", "上海", "utf-16"),
        ("gb18030", "上海第一百货商店", "gb18030"),
        ("gb18030", "張三的店㐀", "gb18030"),
        ("latin-1", "Café Müller, Straße", "latin-1"),
        ("latin-1", "£5 élève", "latin-1"),
        ("ascii", "plain", "utf-8"),
    ],
)
def test_the_encoding_is_found_out_and_stated(
    encoding: str, store: str, found_out: str, folder: Path, settled: Connection, write_shop: WriteShop, opening: Open
) -> None:
    (folder / "a.csv").write_bytes(f'day;store;pieces;revenue\n2026-03-01;"{store}";1;2,50\n'.encode(encoding))
    found, notes = reading(opening(write_shop(sales("*")), settled))
    assert found[FIRST].lines == [f"{store}\t1\t2,50\t2026-03-01\t\\N".encode()]
    assert notes == [f"store_sales: 1 file read as {found_out}, separated by semicolons"]


def test_excel_s_values_keep_their_form(
    folder: Path, settled: Connection, write_shop: WriteShop, opening: Open
) -> None:
    book = workbook(
        ["day", "store", "pieces", None, "revenue", "note"],
        [datetime.fromisoformat("2026-03-01 10:30"), "007", 1, "x", 0.1, True],
        [None] * 6,
        [date(2026, 3, 2), "+1", 123456789012345, None, 19.99, "#N/A"],
        ["1/3/2026", None, None, None, None, timedelta(hours=30)],
        ["2026-03-02", "wide", 1, None, 1, None, "beyond"],
        title="Märkte 市场",
    )
    (folder / "a.xlsx").write_bytes(book)
    more = 'day = "day"\nsheet = "Märkte 市场"\nattributes = { note = "note", c = "(D)" }'
    found, notes = reading(opening(write_shop(sales("*", more)), settled))
    assert found[FIRST].lines == [b"007\t1\t0.1\ttrue\tx\t2026-03-01 10:30:00\t\\N"]
    assert found[date(2026, 3, 2)].lines == [b"+1\t123456789012345\t19.99\t#N/A\t\\N\t2026-03-02 00:00:00\t\\N"]
    assert b"\\N\t\\N\t\\N\t108000.000000\t\\N\t1/3/2026\t\\N" in found[NO_DAY].lines
    assert any(b"row 6: 7 cells under 6 columns, sha256" in line for line in found[NO_DAY].lines)
    assert not any(b"beyond" in line for line in found[NO_DAY].lines)
    assert notes == ["store_sales: 1 file read as sheet 'Märkte 市场'"]
    with pytest.raises(ConfigError, match=r"has no sheet 'Markte'; did you mean 'Märkte 市场'|there are"):
        reading(opening(write_shop(sales("*", 'day = "day"\nsheet = "Markte"')), settled))


def test_json_lines_are_read_by_paths_and_numbers_stay_as_they_stand(
    folder: Path, settled: Connection, write_shop: WriteShop, opening: Open
) -> None:
    objects = [
        '{"day": "2026-03-01T23:30:00Z", "store": {"id": 7, "name": "<b>"}, "pieces": 1.10, "revenue": 12345678901234567890.10}',
        '{"day": "2026-03-01", "store": {"id": "=cmd()"}, "pieces": null, "revenue": [1.0, {"a": true}]}',
        "",
        '{"day": "2026-03-01", "store": ',
        "[1]",
        '{"store": {"id": "\\ud800"}}',
    ]
    (folder / "a.ndjson").write_text("\n".join(objects) + "\n")
    found = lines(
        opening(write_shop(sales("*").replace('"store" ', '"store.id" ').replace('= "store"', '= "store.id"')), settled)
    )
    assert found[FIRST] == [
        b"7\t1.10\t12345678901234567890.10\t2026-03-01T23:30:00Z\t\\N",
        b'=cmd()\t\\N\t[1.0, {"a": true}]\t2026-03-01\t\\N',
    ]
    assert [b"no JSON object, sha256" in line for line in found[NO_DAY]] == [True, True, False]


def test_a_text_that_is_still_written_to_is_taken_up_to_its_last_whole_record(
    folder: Path, moment: Connection, write_shop: WriteShop, opening: Open
) -> None:
    path = folder / "till.csv"
    opened = opening(write_shop(sales("*.csv")), moment)
    written = "2026-03-01,a,1,2\n"
    for cut, note in [
        ("2026-03-0", "its last 9 bytes are no finished line"),
        ('2026-03-01,"b\n', "ends within quotes"),
        ("2026-03-01,上".encode()[:-1], "its last 13 bytes"),
    ]:
        end = cut if isinstance(cut, bytes) else cut.encode()
        path.write_bytes((HEADER + written).encode() + end)
        found, notes = reading(opened)
        assert found[FIRST].lines == [b"a\t1\t2\t2026-03-01\t\\N"], cut
        assert found[NO_DAY].lines == []
        assert any(note in told for told in notes), notes
    path.write_text(HEADER + written + '2026-03-01,"b\n",3,4')
    os.utime(path, (0, 0))
    assert lines(opened)[FIRST] == [b"a\t1\t2\t2026-03-01\t\\N", b"b\\n\t3\t4\t2026-03-01\t\\N"], "whole once it rests"


@pytest.mark.parametrize("name", ["2026-03-01.parquet", "2026-03-01.xlsx", "2026-03-01.csv.gz", "2026-03-01.zip"])
def test_a_half_written_file_is_not_taken_yet(
    name: str, folder: Path, moment: Connection, write_shop: WriteShop, opening: Open
) -> None:
    whole = {
        ".parquet": KINDS["a.parquet"],
        ".xlsx": KINDS["a.xlsx"],
        ".gz": KINDS["a.csv.gz"],
        ".zip": KINDS["csv.zip"],
    }
    path = folder / name
    path.write_bytes(whole[path.suffix][:-12])
    (folder / "2026-03-02.csv").write_bytes(TABLE.replace(b"01,", b"02,"))
    opened = opening(write_shop(sales("*", BY_NAME)), moment)
    found, notes = reading(opened)
    assert (found[FIRST].is_told, found[date(2026, 3, 2)].is_told) == (False, True)
    assert any(f"{name} is not whole yet, so 2026-03-01 is not read" in note for note in notes)
    with pytest.raises(SourceUnavailableError, match=f"{name} was written to a moment ago and is not whole"):
        reading(opening(write_shop(sales("*")), moment))
    os.utime(path, (0, 0))
    with pytest.raises(DataError, match="cannot be"):
        reading(opened)
    path.write_bytes(whole[path.suffix])
    assert lines(opened)[FIRST] == [ROW_BY_NAME]


def test_names_of_unfinished_files_are_left_out_and_said(
    folder: Path, moment: Connection, write_shop: WriteShop, opening: Open
) -> None:
    for name in ("a.csv", "b.csv.part", "~$c.csv", ".d.csv", "e.csv~", "f.csv.tmp"):
        (folder / name).write_bytes(TABLE)
    found, notes = reading(opening(write_shop(sales("*")), moment))
    assert len(found[FIRST].lines) == 1
    assert {note.split()[1] for note in notes if "is named as unfinished" in note} >= {
        "b.csv.part",
        "e.csv~",
        "f.csv.tmp",
    }


def test_a_file_that_is_replaced_or_comes_late_changes_its_day_s_fingerprint_alone(
    folder: Path, settled: Connection, write_shop: WriteShop, opening: Open
) -> None:
    opened = opening(write_shop(sales("*", BY_NAME)), settled)
    (entity,) = opened.source.read_entities()

    def look() -> dict[date, str]:
        with open_reader(opened) as reader:
            return dict(reader.fingerprints(entity, (), MARCH) or {})

    (folder / "2026-03-01.csv").write_bytes(TABLE)
    (folder / "2026-03-02.csv").write_bytes(TABLE)
    first = look()
    (folder / "2026-03-01.csv").write_bytes(TABLE.replace(b"2.50", b"2.51"))
    replaced = look()
    assert {day for day in MARCH if first[day] != replaced[day]} == {FIRST}
    (folder / "2026-03-05.csv").write_bytes(TABLE)
    assert {day for day in MARCH if replaced[day] != look()[day]} == {date(2026, 3, 5)}
    (folder / "2026-03-05 again.csv").write_bytes(TABLE)
    assert reading(opened)[0][date(2026, 3, 5)].lines == [ROW_BY_NAME]


def test_a_text_may_grow_while_it_is_read_but_not_change(
    folder: Path, settled: Connection, write_shop: WriteShop, opening: Open
) -> None:
    path = folder / "a.csv"
    opened = opening(write_shop(sales("*")), settled)
    (entity,) = opened.source.read_entities()
    request = ReadRequest(entity=entity, columns=tuple(opened.source.columns(entity.name)), days=MARCH)
    path.write_bytes(TABLE)
    with open_reader(opened) as reader:
        assert isinstance(reader, FilesReader)
        reader.fingerprints(entity, (), MARCH)
        with path.open("ab") as stream:
            stream.write(b"2026-03-01,later,1,2\n")
        assert [read.lines for read in reader.read(request)] == [[ROW]]
    with open_reader(opened) as reader:
        reader.fingerprints(entity, (), MARCH)
        path.write_bytes(TABLE.replace(b"2.50", b"9.99") * 2)
        with pytest.raises(SourceUnavailableError, match=r"a\.csv was changed while it was read"):
            list(reader.read(request))


def test_a_zip_that_is_made_to_fill_a_disk_is_refused(
    folder: Path, settled: Connection, write_shop: WriteShop, opening: Open
) -> None:
    (folder / "a.zip").write_bytes(zipped(**{f"{n}.zip": zipped(a__csv=bytes(40 << 20)) for n in range(1)}))
    with pytest.raises((DataError, ConfigError)):
        reading(opening(write_shop(sales("*")), settled))
    with pytest.raises(ConfigError, match="must lead into"):
        reading(opening(write_shop(sales("../*.csv")), settled))


@pytest.mark.slow
def test_files_of_an_s3_store_are_read_as_those_of_a_folder(write_shop: WriteShop, opening: Open) -> None:
    server = S3Server("shop")
    try:
        server.objects = {
            "exports/2026-03-01.csv": TABLE, "exports/2026/2026-03-02.parquet": parquet_bytes(),
            "exports/2026/2026-03-03.xlsx": KINDS["a.xlsx"], "other/2026-03-04.csv": TABLE,
        }  # fmt: skip
        place = Connection.parse(
            "shop_files", f"s3://key:secretsecret@shop/exports?endpoint={server.endpoint}&region=eu-west-1"
        )
        found, _ = reading(opening(write_shop(sales("**/*", BY_NAME)), place))
        assert {day: len(read.lines) for day, read in found.items()} == {
            FIRST: 1, date(2026, 3, 2): 1, date(2026, 3, 3): 1, NO_DAY: 0,
        }  # fmt: skip
    finally:
        server.stop()


def test_any_store_that_fsspec_knows_can_be_read(write_shop: WriteShop, opening: Open) -> None:
    fsspec.filesystem("memory").pipe("/exports/a.csv", TABLE)
    opened = opening(write_shop(sales("*.csv")), Connection.parse("shop_files", "memory://exports"))
    assert lines(opened)[FIRST] == [ROW]
    with pytest.raises(ConfigError, match="files of kind 'nowhere' cannot be reached here"):
        reading(opening(write_shop(sales("*")), Connection.parse("shop_files", "nowhere://x/y")))


def test_hostile_text_in_any_kind_of_file_is_only_text(
    folder: Path, settled: Connection, write_shop: WriteShop, opening: Open
) -> None:
    hostile = [
        '=HYPERLINK("http://x","y")',
        "'; DROP TABLE clean.orders; --",
        "<script>alert(1)</script>",
        "\\N",
        "a\tb\\t\nc",
        "\u202eabc",
    ]
    rows = [{"day": "2026-03-01", "store": text, "pieces": text, "revenue": text} for text in hostile]
    (folder / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    parquet.write_table(pa.Table.from_pylist(rows), folder / "b.parquet")
    (folder / "c.xlsx").write_bytes(
        workbook(list(rows[0]), *([f"'{v}" if v.startswith("=") else v for v in row.values()] for row in rows[1:]))
    )
    found = lines(opening(write_shop(sales("a.jsonl")), settled))[FIRST]
    assert len(found) == len(hostile)
    assert lines(opening(write_shop(sales("b.parquet")), settled))[FIRST] == found
    assert lines(opening(write_shop(sales("c.xlsx")), settled))[FIRST] == [
        line for line in found if b"HYPERLINK" not in line
    ]
