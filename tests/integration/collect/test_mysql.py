"""MySQL and MariaDB: exact values, exact days, one snapshot, and errors that say what to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date

import pytest

from shopmine.collect.forgotten import Forgotten
from shopmine.collect.reading import DayLines, Opening, Reader, ReadRequest, open_reader
from shopmine.config.connections import Connection
from shopmine.config.days import NO_DAY, days_between
from shopmine.config.shops import Shop
from shopmine.errors import ConfigError, SourceUnavailableError

Execute = Callable[[str], None]
WriteShop = Callable[..., Shop]
Open = Callable[[Shop, Connection], Opening]
MARCH = frozenset(days_between(date(2026, 3, 1), date(2026, 3, 31)))


def events(columns: Sequence[str], *, read: str = 'table = "events"', day: str = "at", more: str = "") -> str:
    attributes = "\n".join(f'{name} = "{name}"' for name in columns)
    return f"""
[sources.a]
kind = "mysql"
connection = "shop_mysql"
[sources.a.entities.events]
{read}
day = "{day}"
{more}
fields = {{ event_id = "id", type = {{ constant = "view" }}, at = "{day}" }}
[sources.a.entities.events.attributes]
{attributes}
"""


def read(
    reader: Reader, opening: Opening, days: frozenset[date] = MARCH, **options: object
) -> dict[date | None, list[bytes]]:
    (entity,) = opening.source.read_entities()
    names = tuple(opening.source.columns(entity.name))
    request = ReadRequest(entity=entity, columns=names, days=days, **options)  # type: ignore[arg-type]
    found: list[DayLines] = list(reader.read(request))
    assert len({lines.day for lines in found}) == len(found), "each day comes once"
    return {lines.day: sorted(lines.lines) for lines in found}


VALUES = {
    "DECIMAL(30,10)": ("12345678901234567890.0123456789", b"12345678901234567890.0123456789", "decimal(30,10)"),
    "DECIMAL(5,2) UNSIGNED": ("0.001 + 5", b"5.00", "decimal(5,2) unsigned"),
    "BIGINT UNSIGNED": ("18446744073709551615", b"18446744073709551615", "bigint unsigned"),
    "TINYINT(1)": ("5", b"5", "tinyint"),
    "INT(5) ZEROFILL": ("42", b"00042", "int unsigned"),
    "DOUBLE": ("0.1", b"0.1", "double"),
    "VARCHAR(40)": ("'😀 a\\tb\\nc\\\\d'", "😀 a\\tb\\nc\\\\d".encode(), "varchar"),
    "VARCHAR(10)": ("''", b"", "varchar"),
    "VARCHAR(10) CHARACTER SET latin1": ("'£5 é'", "£5 é".encode(), "varchar"),
    "VARCHAR(10) CHARACTER SET gbk": ("'商品'", "商品".encode(), "varchar"),
    "TEXT": ("CONCAT('a', CHAR(0), 'b')", b"a\\000b", "text"),
    "CHAR(3)": ("NULL", b"\\N", "char"),
    "ENUM('x','y')": ("'y'", b"y", "enum"),
    "SET('p','q')": ("'p,q'", b"p,q", "set"),
    "VARBINARY(4)": ("0x00ff0a5c", b"00ff0a5c", "varbinary hex"),
    "BLOB": ("0xfdfeff", b"fdfeff", "blob hex"),
    "BIT(10)": ("b'1000000001'", b"513", "bit(10)"),
    "TIME": ("'-838:59:59'", b"-838:59:59", "time"),
    "DATE": ("'0000-00-00'", b"0000-00-00", "date"),
    "DATETIME": ("'0000-00-00 00:00:00'", b"0000-00-00 00:00:00", "datetime"),
    "DATETIME(6)": ("'2026-03-01 10:00:00.123456'", b"2026-03-01 10:00:00.123456", "datetime"),
    "YEAR": ("1999", b"1999", "year"),
    "TIMESTAMP NULL": ("'2026-03-01 10:00:00'", b"2026-03-01 10:00:00", "timestamp"),
}


def test_every_type_lands_as_the_servers_own_text(
    execute: Execute, write_shop: WriteShop, opening: Open, mysql_database: Connection
) -> None:
    names = [f"c{n}" for n in range(len(VALUES))]
    definitions = ", ".join(f"{name} {kind}" for name, kind in zip(names, VALUES, strict=True))
    values = ", ".join(value for value, _, _ in VALUES.values())
    execute(
        f"CREATE TABLE events (id INT PRIMARY KEY, at DATETIME, {definitions});\n"
        f"INSERT INTO events VALUES (1, '2026-03-02 10:00:00', {values});\n"
        f"INSERT INTO events (id, at) VALUES (2, '2026-03-02 10:00:00')"
    )
    opened = opening(write_shop(events(names)), mysql_database)
    with open_reader(opened) as reader:
        (entity,) = opened.source.read_entities()
        columns = reader.columns(entity, tuple(opened.source.columns("events")))
        first, second = read(reader, opened)[date(2026, 3, 2)]
    assert columns == (
        ("id", "int"),
        ("at", "datetime"),
        *zip(names, [kind for _, _, kind in VALUES.values()], strict=True),
    )
    assert first.split(b"\t") == [b"1", b"2026-03-02 10:00:00", *(text for _, text, _ in VALUES.values())]
    assert second.split(b"\t")[:2] == [b"2", b"2026-03-02 10:00:00"]


@pytest.mark.parametrize(
    ("kind", "more", "expected"),
    [
        # London's clocks; the shop is in Shanghai, 8 hours ahead in winter and 7 in summer.
        ("DATETIME", "", {1: [b"1"], 2: [b"2"], 29: [b"3"], 30: [b"4"]}),
        ("TIMESTAMP NULL", "", {1: [b"1"], 2: [b"2"], 29: [b"3", b"4"]}),
        ("DATE", "", {1: [b"1", b"2"], 29: [b"3", b"4"]}),
    ],
)
def test_days_are_the_shops_whatever_the_zone_of_the_source(
    kind: str, more: str, expected: dict[int, list[bytes]], execute: Execute, write_shop: WriteShop, opening: Open,
    mysql_database: Connection,
) -> None:  # fmt: skip
    execute(
        f"CREATE TABLE events (id INT, at {kind});\n"
        "INSERT INTO events VALUES (1, '2026-03-01 15:59:59'), (2, '2026-03-01 16:00:00'), (3, '2026-03-29 15:30:00'),"
        " (4, '2026-03-29 17:00:00')".replace("17:00:00", "17:00:00" if kind == "DATETIME" else "15:59:59")
    )
    head = 'title = "x"\ntimezone = "Asia/Shanghai"\ncurrency = "CNY"\nfirst_day = 2026-03-01\n'
    sources = events([]).replace('kind = "mysql"', 'kind = "mysql"\ntimezone = "Europe/London"')
    opened = opening(write_shop(sources, head), mysql_database)
    with open_reader(opened) as reader:
        found = read(reader, opened)
        assert {day.day: [line.split(b"\t")[0] for line in lines] for day, lines in found.items() if day} == expected
        assert list(read(reader, opened, frozenset({date(2026, 3, 1), date(2026, 3, 29)}))) == [
            date(2026, 3, day) for day in expected if day in (1, 29)
        ]


def test_rows_without_a_day_are_lost_to_no_day_and_read_apart(
    execute: Execute, write_shop: WriteShop, opening: Open, mysql_database: Connection
) -> None:
    execute(
        "CREATE TABLE events (id INT, at DATETIME);\n"
        "INSERT INTO events VALUES (1, NULL), (2, '0000-00-00 00:00:00'), (3, '2026-03-00 10:00:00'), (4, '2026-02-31 10:00:00'),"
        " (5, '0512-01-01 00:00:00'), (6, '2026-03-05 10:00:00')"
    )
    opened = opening(write_shop(events([])), mysql_database)
    with open_reader(opened) as reader:
        found = read(reader, opened, with_no_day=True)
        assert {day: len(lines) for day, lines in found.items()} == {date(2026, 3, 5): 1, NO_DAY: 5}
        assert NO_DAY not in read(reader, opened)


def test_everything_is_as_of_one_moment(
    execute: Execute, write_shop: WriteShop, opening: Open, mysql_database: Connection
) -> None:
    execute(
        "CREATE TABLE events (id INT PRIMARY KEY, at DATETIME) ENGINE=InnoDB;\n"
        "INSERT INTO events SELECT seq, DATE_ADD('2026-03-01', INTERVAL seq SECOND) FROM seq_1_to_20000"
    )
    opened = opening(write_shop(events([])), mysql_database)
    with open_reader(opened) as reader:
        (entity,) = opened.source.read_entities()
        request = ReadRequest(entity=entity, columns=("id", "at"), days=MARCH)
        days = reader.read(request)
        execute("DELETE FROM events WHERE id % 2 = 0;\nINSERT INTO events VALUES (99999, '2026-03-09')")
        n_rows = sum(len(lines.lines) for lines in days)
        execute("DELETE FROM events")
        again = sum(len(lines) for lines in read(reader, opened).values())
    assert n_rows == again == 20_000


def test_a_connection_that_breaks_while_reading_is_no_short_day(
    execute: Execute, write_shop: WriteShop, opening: Open, mysql_database: Connection
) -> None:
    execute(
        "CREATE TABLE events (id INT PRIMARY KEY, at DATETIME, note VARCHAR(2000)) ENGINE=InnoDB;\n"
        "INSERT INTO events SELECT seq, DATE_ADD('2026-03-01', INTERVAL seq MINUTE), REPEAT('x', 2000) FROM seq_1_to_20000"
    )
    opened = opening(write_shop(events(["note"])), mysql_database)
    with open_reader(opened) as reader:
        (entity,) = opened.source.read_entities()
        days = reader.read(ReadRequest(entity=entity, columns=("id", "at", "note"), days=MARCH))
        next(days)
        # Also one that has nothing to do: the buffers between server and client may already hold all that is left.
        execute(
            "BEGIN NOT ATOMIC FOR c IN (SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND "
            "db = DATABASE()) DO KILL CONNECTION c.id; END FOR; END"
        )
        with pytest.raises(SourceUnavailableError, match=r"does not answer|failed|broke"):
            list(days)


def test_personal_values_and_forgotten_persons_do_not_land(
    execute: Execute, write_shop: WriteShop, opening: Open, mysql_database: Connection
) -> None:
    execute(
        "CREATE TABLE events (id INT, at DATETIME, email VARCHAR(40), note TEXT, phone VARCHAR(20));\n"
        "INSERT INTO events VALUES (1, '2026-03-01', ' ann@x.org', 'call 13812345678', '13812345678'),"
        " (2, '2026-03-01', 'bob@x.org', NULL, NULL), (3, '2026-03-01', NULL, '', NULL)"
    )
    personal = 'personal = { email = "hash", note = "mask", phone = "drop" }'
    sources = events(["note"], more=personal).replace('event_id = "id"', 'event_id = "id", customer = "email"')
    opened = opening(write_shop(sources), mysql_database)
    bob = opened.key.hash_text("bob@x.org")
    with open_reader(opened) as reader:
        (entity,) = opened.source.read_entities()
        types = dict(reader.columns(entity, tuple(opened.source.columns("events"))))
        assert (types["email"], types["note"], "phone" in types) == ("hash 1", "text mask 2", False)
        forgotten = Forgotten.of([entity], frozenset({bob}))
        lines = read(reader, opened, forgotten=forgotten)[date(2026, 3, 1)]
        sample = reader.sample(entity, opened.source.columns("events"), 5)
    text = b"\n".join(lines).decode()
    assert text.split("\n") == [
        f"1\t{opened.key.hash_text('ann@x.org')}\t2026-03-01 00:00:00\tcall [phone]",
        "3\t\\N\t2026-03-01 00:00:00\t",
    ]
    assert "x.org" not in str(sample)
    assert "138" not in str(sample)


def test_a_query_and_a_condition_are_read_like_a_table(
    execute: Execute, write_shop: WriteShop, opening: Open, mysql_database: Connection
) -> None:
    execute(
        "CREATE TABLE t (id INT, sold DATETIME, kind VARCHAR(5));\nINSERT INTO t VALUES (1, '2026-03-01', 'a'), (2, '2026-03-01', '%')"
    )
    query = 'query = "SELECT id, sold AS `at`, kind FROM t;"\nwhere = "kind = \'%\'"'
    opened = opening(write_shop(events(["kind"], read=query)), mysql_database)
    with open_reader(opened) as reader:
        assert read(reader, opened) == {date(2026, 3, 1): [b"2\t2026-03-01 00:00:00\t%"]}


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        (events([], read='table = "event"'), r"events.table: .* has no table 'event'; did you mean 'events'\?"),
        (events(["nmae"]), r"sources.a.entities.events: the source has no column 'nmae'; did you mean 'name'\?"),
        (events(["nmae"], read='query = "SELECT * FROM events"'), r"has no column 'nmae'; did you mean 'name'\?"),
        (events([], read='query = "SELEC 1"'), r"refuses the query: You have an error in your SQL syntax"),
        (events([], day="id"), r"events.day: column 'id' is int, not a date, datetime or timestamp; use `query`"),
    ],
)
def test_what_the_source_has_not_is_named_with_the_nearest(
    sources: str, message: str, execute: Execute, write_shop: WriteShop, opening: Open, mysql_database: Connection
) -> None:
    execute("CREATE TABLE events (id INT, at DATETIME, name TEXT)")
    opened = opening(write_shop(sources), mysql_database)
    with open_reader(opened) as reader, pytest.raises(ConfigError, match=message):
        read(reader, opened)


def test_login_server_database_and_privilege_are_told_apart_and_no_password_shows(
    execute: Execute, write_shop: WriteShop, opening: Open, mysql_database: Connection
) -> None:
    execute("CREATE TABLE events (id INT, at DATETIME)")
    user = f"u{mysql_database.database[-20:]}"
    execute(f"CREATE USER '{user}' IDENTIFIED BY 'hidden-word'")
    shop = write_shop(events([]))

    def problem(error: type[Exception], **changes: object) -> str:
        opened = opening(shop, replace(mysql_database, **changes))  # type: ignore[arg-type]
        with pytest.raises(error) as caught, open_reader(opened) as reader:
            read(reader, opened)
        assert "hidden-word" not in str(caught.value)
        return str(caught.value)

    try:
        assert "refuses the login" in problem(ConfigError, user=user, password="hidden-word-2")
        assert "there is no such database" in problem(ConfigError, database="no_such_database")
        assert "lacks a privilege" in problem(ConfigError, user=user, password="hidden-word")
        assert "does not answer" in problem(SourceUnavailableError, port=1)
    finally:
        execute(f"DROP USER '{user}'")


def test_check_sees_a_key_that_the_file_does_not_name_and_a_misspelt_personal_column(
    execute: Execute, write_shop: WriteShop, opening: Open, mysql_database: Connection
) -> None:
    execute(
        "CREATE TABLE events (id INT PRIMARY KEY, at DATETIME, phone TEXT);\nINSERT INTO events VALUES (1, NULL, 'x')"
    )
    opened = opening(write_shop(events([], more='personal = { phnoe = "drop" }')), mysql_database)
    with open_reader(opened) as reader:
        (entity,) = opened.source.read_entities()
        sample = reader.sample(entity, ["id", "at"], 5)
    assert sample.rows == [["1", None]]
    assert "primary key is ['id']" in sample.hints[0]
    assert "personal.phnoe: the source has no such column; did you mean 'phone'?" in sample.problems[0]
