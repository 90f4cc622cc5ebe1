"""A month and a year of both ready-made shops, day by day, scattered over two processes, and in one go: the same bytes.

Hours of work; `-m soak` runs it. The stages are called directly; tests/integration/local/test_week.py does the same for
a week through Airflow.
"""

from __future__ import annotations

import multiprocessing
import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from datetime import date
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from harness.ready_made import load_ready_made
from harness.stages import run_day
from shopmine.collect.tasks import collect_source
from shopmine.config.connections import Connection
from shopmine.config.days import ONE_DAY
from shopmine.config.shops import SHOPS_VARIABLE, load_shop
from shopmine.prepare.tasks import prepare
from shopmine.staging.database import Database
from shopmine.staging.runs import finish_run, open_run

pytestmark = [pytest.mark.soak, pytest.mark.timeout(0)]

Parts = Mapping[str, Mapping[str, Any]]
"""Connections by id as their fields, which another process can be given."""
# They count what was done; `batch` does, too.
_DONE = {"accounting", "preparations"}
N_DATA_DAYS, N_DAYS = 305, 374
"""Of Online Retail: days with data, and all days of its calendar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A ready-made shop in databases of the test; `staging` is a fresh database's URL."""

    name: str
    last: date
    connections: Parts
    new_staging: Callable[[], Database]

    def days(self, n: int) -> list[date]:
        """The last `n` days of the shop's calendar, or all of it, where it is shorter."""
        n = min(n, (self.last - load_shop(self.name).first_day).days + 1)
        return [self.last - k * ONE_DAY for k in reversed(range(n))]


@pytest.fixture(params=["demo", "online_retail"])
def shop(
    request: pytest.FixtureRequest,
    connections: dict[str, Connection],
    new_staging: Callable[[], Database],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Shop:
    name = request.param
    data = None if name == "demo" else request.getfixturevalue("online_retail_data")
    own, last = load_ready_made(name, connections, tmp_path, data=data)
    monkeypatch.setenv(SHOPS_VARIABLE, str(tmp_path / "shops"))
    parts = {
        id_: {part.name: getattr(told, part.name) for part in fields(told)} | {"extra": dict(told.extra)}
        for id_, told in own.items()
    }
    return Shop(name=name, last=last, connections=parts, new_staging=new_staging)


def _joined(connections: Parts) -> dict[str, Connection]:
    return {id_: Connection(**parts) for id_, parts in connections.items()}


def whole_day(shop: str, url: str, connections: Parts, day: date) -> str:
    """All stages of a day; the content's hash of its release."""
    db = Database(url)
    found = run_day(db, shop, day, _joined(connections)).content_hash
    db.close()
    return found


def only_read(shop: str, url: str, connections: Parts, day: date) -> int:
    """Collect and prepare a day; how many rows the day has."""
    db = Database(url)
    run = open_run(db, shop=shop, day=day, known_at=None, started_by=f"test {day}", config={}).run
    for source in load_shop(shop).sources:
        collect_source(db, run, source, _joined(connections))
    prepare(db, run)
    finish_run(db, run, "finished")
    with db.snapshot() as connection:
        counted = sa.text("SELECT count(*) FROM clean.order_lines WHERE shop = :shop AND day = :day")
        found = connection.execute(counted, {"shop": shop, "day": day}).scalar_one()
    db.close()
    return int(found)


def run_days(
    shop: Shop, staging: Database, days: Sequence[date], work: Callable[..., Any] = whole_day, *, side_by_side: int = 1
) -> dict[date, Any]:
    """Run days in this order, each in a process that was begun for it or others before it."""
    run = partial(work, shop.name, staging.engine.url.render_as_string(hide_password=False), shop.connections)
    with ProcessPoolExecutor(side_by_side, mp_context=multiprocessing.get_context("spawn")) as pool:
        return dict(zip(days, pool.map(run, days), strict=True))


def facts(staging: Database, shop: str) -> dict[str, list[str]]:
    """Every clean view as it is now known, without the numbers of batches."""
    asked = sa.text(
        "SELECT table_name, string_agg(quote_ident(column_name), ', ' ORDER BY column_name)"
        " FROM information_schema.columns"
        " WHERE table_schema = 'clean' AND table_name NOT LIKE 'all\\_%' AND column_name <> 'batch' GROUP BY 1"
    )
    found = {}
    with staging.snapshot() as connection:
        for name, columns in connection.execute(asked).all():
            if name not in _DONE:
                told = sa.text(f"SELECT ROW({columns})::text FROM clean.{name} WHERE shop = :shop")
                found[name] = sorted(connection.scalars(told, {"shop": shop}))
    assert found["order_lines"]
    return found


@pytest.mark.parametrize("n_days", [30, 365])
def test_days_in_any_order_are_the_same(shop: Shop, n_days: int) -> None:
    days = shop.days(n_days)
    forwards, scattered, at_once = (shop.new_staging() for _ in range(3))
    found = run_days(shop, forwards, days)
    shuffled = random.Random(n_days).sample(days, len(days))
    assert run_days(shop, scattered, shuffled, side_by_side=2) == found
    assert run_days(shop, at_once, days[-1:]) == {days[-1]: found[days[-1]]}
    assert facts(forwards, shop.name) == facts(scattered, shop.name) == facts(at_once, shop.name)
    assert run_days(shop, forwards, days[-8:]) == {day: found[day] for day in days[-8:]}, "a second time"


@pytest.mark.parametrize("shop", ["online_retail"], indirect=True)
def test_the_real_year_read_in_any_order_and_in_one_go_ends_at_the_same_tables(shop: Shop) -> None:
    days = shop.days(N_DAYS)
    forwards, backwards, scattered, at_once = (shop.new_staging() for _ in range(4))
    counted = run_days(shop, forwards, days, only_read)
    assert sum(n > 0 for n in counted.values()) == N_DATA_DAYS
    told = [facts(forwards, shop.name)]
    assert run_days(shop, backwards, [*reversed(days)], only_read) == counted
    told.append(facts(backwards, shop.name))
    shuffled = random.Random(N_DAYS).sample(days, len(days))
    assert run_days(shop, scattered, shuffled, only_read, side_by_side=2) == counted
    told.append(facts(scattered, shop.name))
    run_days(shop, at_once, days[-1:], only_read)
    told.append(facts(at_once, shop.name))
    assert all(one == other for one, other in pairwise(told))
    with at_once.snapshot() as connection:
        assert len(told[0]["order_lines"]) == connection.scalar(sa.text("SELECT count(*) FROM clean.order_lines"))
