"""A shop's days from its database to its facts: clock changes, leap days, week 53, far zones, closed and empty days."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shopmine.collect.tasks import collect_source
from shopmine.config.days import ONE_DAY
from shopmine.prepare.tasks import prepare
from shopmine.staging.runs import open_run

if TYPE_CHECKING:
    from pathlib import Path

    from shopmine.config.connections import Connection
    from shopmine.staging.database import Database

Execute = Callable[[str], None]
Run = Callable[[date], None]
HALF_HOUR = timedelta(minutes=30)
NUMBER = count()
LINES = """
[sources.store]
kind = "mysql"
connection = "shop_mysql"
timezone = "{source_zone}"
[sources.store.entities.order_lines]
table = "lines"
day = "at"
key = ["no"]
[sources.store.entities.order_lines.fields]
order_id = "no"
product = {{ constant = "p" }}
ordered_at = "at"
quantity = {{ constant = "1" }}
unit_price = {{ constant = "1" }}
kind = {{ constant = "sale" }}
"""


class Shop:
    """A shop of one table whose column `at` is a TIMESTAMP, or a DATETIME in a zone of its own."""

    def __init__(self, db: Database, connections: dict[str, Connection], folder: Path, execute: Execute) -> None:
        self.db, self.connections, self.folder, self.execute = db, connections, folder, execute
        self.name = ""

    def open(self, zone: str, first: date, last: date, kind: str = "TIMESTAMP", source_zone: str = "") -> None:
        self.name = f"shop{next(NUMBER)}"
        head = f'title = "Shop"\ntimezone = "{zone}"\ncurrency = "EUR"\nfirst_day = {first}\nlast_day = {last}\n'
        (self.folder / f"{self.name}.toml").write_text(head + LINES.format(source_zone=source_zone or zone))
        self.execute(f"DROP TABLE IF EXISTS `lines`;\nCREATE TABLE `lines` (no INT PRIMARY KEY, at {kind} NULL)")

    def sell(self, times: list[datetime]) -> None:
        rows = ", ".join(f"({n}, '{at:%F %T}')" for n, at in enumerate(times))
        self.execute(f"INSERT INTO `lines` VALUES {rows}")

    def run(self, day: date) -> None:
        run = open_run(self.db, shop=self.name, day=day, known_at=None, started_by=f"test {day}", config={}).run
        collect_source(self.db, run, "store", self.connections)
        prepare(self.db, run)

    def facts(self) -> list[tuple[date, int, datetime]]:
        """Day, number and instant of each line."""
        text = "SELECT day, order_id::int, ordered_at FROM clean.order_lines WHERE shop = :shop ORDER BY 2"
        with self.db.snapshot() as connection:
            return [tuple(row) for row in connection.execute(sa.text(text), {"shop": self.name})]

    def counted(self) -> dict[date, int]:
        """Rows read of each day, those without any among them."""
        text = "SELECT day, read FROM clean.accounting WHERE shop = :shop AND is_current AND day > '1900-01-01'"
        with self.db.snapshot() as connection:
            return {row.day: row.read for row in connection.execute(sa.text(text), {"shop": self.name})}


@pytest.fixture
def shop(
    staging: Database,
    connections: dict[str, Connection],
    execute: Execute,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Shop:
    folder = tmp_path / "shops"
    folder.mkdir()
    monkeypatch.setenv("SHOPMINE_SHOPS", str(folder))
    return Shop(staging, connections, folder, execute)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/London", date(2024, 3, 31), 23),
        ("Europe/London", date(2024, 10, 27), 25),
        ("America/New_York", date(2024, 11, 3), 25),
        ("America/Sao_Paulo", date(2018, 11, 4), 23),  # its midnight does not exist
        ("Asia/Shanghai", date(2024, 2, 29), 24),
        ("Asia/Shanghai", date(2021, 1, 3), 24),  # the last day of the ISO week 53 of 2020
    ],
)
def test_a_day_has_as_many_half_hours_as_its_clocks_say(shop: Shop, zone: str, day: date, hours: int) -> None:
    first, last = day - 2 * ONE_DAY, day + 2 * ONE_DAY
    shop.open(zone, first, last)
    begin = datetime(first.year, first.month, first.day, tzinfo=UTC) - ONE_DAY
    times = [begin + n * HALF_HOUR for n in range(2 * 24 * 7)]
    shop.sell(times)
    shop.run(last)
    facts = shop.facts()
    assert [at for _, _, at in facts] == [times[n] for _, n, _ in facts], "to the instant"
    per_day = Counter(found for found, _, _ in facts)
    assert per_day == {found: 2 * (hours if found == day else 24) for found in (first + n * ONE_DAY for n in range(5))}
    assert shop.counted() == per_day


def test_midnight_of_a_shop_far_from_greenwich(shop: Shop) -> None:
    first, last = date(2024, 2, 28), date(2024, 3, 1)
    shop.open("Asia/Shanghai", first, last, kind="DATETIME", source_zone="UTC")
    times = [datetime(2024, 2, 28, 15, 59, 59), datetime(2024, 2, 28, 16), datetime(2024, 2, 29, 16)]  # noqa: DTZ001
    shop.sell(times)
    for day in (last, date(2024, 2, 29), first):
        shop.run(day)
    assert [(day, at.hour) for day, _, at in shop.facts()] == [(first, 15), (date(2024, 2, 29), 16), (last, 16)]


ZONES = {
    "Europe/London": [date(2024, 3, 31), date(2024, 10, 27)],
    "America/Sao_Paulo": [date(2018, 2, 18), date(2018, 11, 4)],
    "America/New_York": [date(2024, 3, 10), date(2020, 12, 31)],
    "Pacific/Kiritimati": [date(2024, 2, 29)],
    "Asia/Kathmandu": [date(2024, 12, 30)],
}
MOMENTS = st.lists(st.integers(-4 * 86_400, 4 * 86_400), min_size=1, max_size=30)
EDGES = [hour * 3600 + second for hour in (-14, -8, -1, 0, 1, 3, 5, 24) for second in (-1, 0, 1)]


@pytest.mark.slow
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from([(zone, day) for zone, days in ZONES.items() for day in days]),
    MOMENTS,
    st.sampled_from(["TIMESTAMP", "DATETIME of the shop", "DATETIME in UTC"]),
    st.permutations(range(-2, 3)),
)
def test_every_row_lands_on_the_day_that_the_shops_clocks_showed(
    shop: Shop, place: tuple[str, date], moments: list[int], kind: str, order: list[int]
) -> None:
    zone, day = ZoneInfo(place[0]), place[1]
    first, last = day - 2 * ONE_DAY, day + 2 * ONE_DAY
    noon = datetime(day.year, day.month, day.day, tzinfo=UTC)
    instants = [noon + timedelta(seconds=second) for second in (*moments, *EDGES)]
    walls = [at.astimezone(zone) if kind == "DATETIME of the shop" else at for at in instants]
    shop.open(place[0], first, last, kind.split(maxsplit=1)[0], place[0] if kind == "DATETIME of the shop" else "UTC")
    shop.sell(walls)
    for n in order:
        shop.run(day + n * ONE_DAY)
    expected = {}
    for n, (at, wall) in enumerate(zip(instants, walls, strict=True)):
        # A reading that occurs twice is taken as the earlier one: nothing in the source tells them apart.
        told = wall.replace(fold=0).astimezone(UTC) if kind == "DATETIME of the shop" else at
        if first <= at.astimezone(zone).date() <= last:
            expected[n] = (at.astimezone(zone).date(), told)
    assert {n: (found, at) for found, n, at in shop.facts()} == expected


@pytest.mark.slow
def test_a_shop_that_is_closed_on_saturdays_and_has_a_week_of_holidays(shop: Shop) -> None:
    first, last = date(2024, 1, 1), date(2024, 2, 18)
    closed = {date(2024, 2, 5) + n * ONE_DAY for n in range(7)}
    days = [first + n * ONE_DAY for n in range((last - first).days + 1)]
    is_open = [day for day in days if day.weekday() != 5 and day not in closed]
    shop.open("Asia/Shanghai", first, last)
    shop.sell([datetime(day.year, day.month, day.day, hour, tzinfo=UTC) for day in is_open for hour in range(1, 12)])
    for day in [*days[-14:], *reversed(days[-14:])]:
        shop.run(day)
    assert shop.counted() == {day: 11 if day in is_open else 0 for day in days}
    assert Counter(found for found, _, _ in shop.facts()) == dict.fromkeys(is_open, 11)
