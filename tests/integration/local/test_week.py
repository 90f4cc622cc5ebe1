"""A week of both ready-made shops through Airflow: forwards, again, backwards, all at once; the same bytes each time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

import psycopg
import pytest

from harness.installations import begin, own_installation, shopmine
from shopmine.config.days import ONE_DAY

if TYPE_CHECKING:
    from shopmine.local.installation import Installation

pytestmark = [pytest.mark.airflow, pytest.mark.soak, pytest.mark.servers, pytest.mark.timeout(0)]

LAST = {"demo": date(2025, 6, 30), "online_retail": date(2011, 12, 9)}
N_DAYS = 7


@pytest.fixture(params=sorted(LAST))
def shop(request: pytest.FixtureRequest) -> Iterator[tuple[Installation, str]]:
    """An installation into which the shop was put by `demo`."""
    name = request.param
    told = ["--size", "tiny"]
    if name != "demo":
        told = ["--shop", name, "--data", str(request.getfixturevalue("online_retail_data").parent)]
    with own_installation() as installation:
        shopmine(installation, "demo", *told)
        yield installation, name


def hashes(installation: Installation, shop: str) -> dict[date, str]:
    """Day -> content of the release that holds for it."""
    query = f"SELECT day, content_hash FROM published.releases WHERE shop = '{shop}' ORDER BY release"
    lines = shopmine(installation, "sql", "--csv", query).splitlines()[1:]
    return {date.fromisoformat(day): found for day, found in (line.split(",") for line in lines)}


def forget_everything(installation: Installation) -> None:
    """Empty the staging database, as if no day had ever been run; the source and Airflow stay as they are."""
    with psycopg.connect(installation.database_url("shopmine", user="postgres")) as connection:
        tables = connection.execute(
            "SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') FROM pg_tables"
            " WHERE schemaname IN ('raw', 'clean', 'work', 'mined', 'published') AND tablename <> 'alembic_version'"
        ).fetchone()
        assert tables is not None
        connection.execute(f"TRUNCATE {tables[0]} RESTART IDENTITY CASCADE".encode())


def test_a_week_in_any_order_is_the_same(shop: tuple[Installation, str]) -> None:
    installation, name = shop
    days = [LAST[name] - n * ONE_DAY for n in reversed(range(N_DAYS))]
    first, last = days[0].isoformat(), days[-1].isoformat()

    forget_everything(installation)
    for day in days:
        shopmine(installation, "run", name, day.isoformat())
    found = hashes(installation, name)
    assert list(found) == days
    shopmine(installation, "backfill", name, first, last)
    assert hashes(installation, name) == found, "a second time"

    forget_everything(installation)
    for day in reversed(days):
        shopmine(installation, "run", name, day.isoformat())
    assert hashes(installation, name) == found, "backwards"

    forget_everything(installation)
    at_once = [begin(installation, "run", name, day.isoformat()) for day in (days[3], days[-1], days[3])]
    shopmine(installation, "backfill", name, first, last)
    for process in at_once:
        said, complained = process.communicate()
        assert process.returncode == 0, said + complained
    assert hashes(installation, name) == found, "a backfill beside runs of two of its days"
