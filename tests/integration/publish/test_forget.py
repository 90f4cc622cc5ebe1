"""A person who is deleted is in nothing that is kept, and every day is as if the person had never been there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa

from harness.everything import places
from harness.invented_shop import NAME, land, write_shop
from harness.shared_servers import ServerUrls, unique_name
from harness.stages import run_day
from shopmine.publish.rights_tasks import forget
from shopmine.staging.database import Database
from shopmine.staging.releases import list_releases, read_release
from shopmine.staging.rights import list_rights, tombstone
from shopmine.staging.runs import open_run
from unit.features.facts import Line
from unit.mining.shop_of_lines import DAY, invent_lines

if TYPE_CHECKING:
    from shopmine.staging.releases import Release

LATER = datetime(2024, 6, 1, tzinfo=UTC)
DAYS = [DAY - timedelta(days=9), DAY]
PERSON = "zoë/7"
MORE = """
[sources.store.entities.customers]
from = "order_lines"
[sources.store.entities.customers.fields]
customer = "who"
[sources.store.entities.orders]
from = "order_lines"
[sources.store.entities.orders.fields]
order_id = "id"
customer = "who"
ordered_at = "at"
"""


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_shop(tmp_path, monkeypatch, MORE)


@pytest.fixture
def other(server_urls: ServerUrls, _staging_template: str) -> Iterator[Database]:
    """A second, empty staging database."""
    import psycopg

    name = unique_name("without")
    with psycopg.connect(server_urls.postgres, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{_staging_template}"')
        url = urlsplit(server_urls.postgres)._replace(scheme="postgresql+psycopg", path=f"/{name}").geturl()
        database = Database(url)
        yield database
        database.close()
        admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def lines(keep: Callable[[Line], bool] = lambda _: True) -> list[Line]:
    """The invented shop's lines, one customer with a name of her own, and in quarantine one of hers that is no number."""
    odd = Line(order="odd", product="p00", customer=PERSON, day=100, quantity=Decimal("NaN"))
    named = [replace(line, customer=PERSON) if line.customer == "c007" else line for line in invent_lines()]
    return [line for line in [*named, odd] if keep(line)]


def run(staging: Database) -> list[Release]:
    return [run_day(staging, NAME, day, {}, LATER) for day in DAYS]


@pytest.mark.slow
def test_nothing_of_the_person_is_left_and_old_days_are_as_if_they_had_never_been_there(
    staging: Database, other: Database
) -> None:
    land(staging, lines())
    before = run(staging)
    orders = {line.order for line in lines(lambda line: line.customer == PERSON)}
    needles = {PERSON, *(f"{order}\t" for order in orders), *(f"'{order}'" for order in orders)}
    held = places(staging, NAME, needles)
    assert {
        "published.stored_recommendations",
        "clean.all_orders",
        "quarantined originals",
        "interactions interactions",
    } <= held
    assert any(place.startswith("batch ") for place in held)

    unusual = "INSERT INTO clean.all_outliers SELECT shop, day, 'order_lines', 'amount', order_id || '/1', 1, 2, 3, 1"
    with staging.transaction() as connection:
        connection.execute(sa.text(f"{unusual} FROM clean.all_order_lines WHERE customer = '{PERSON}'"))

    receipt = forget(staging, NAME, PERSON, {})

    assert receipt.is_complete, receipt.remaining
    with staging.snapshot() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM clean.outliers")) == 0
    assert receipt.deleted["raw.batches (lines)"] == len(lines(lambda line: line.customer == PERSON))
    assert {"published.stored_customers", "work.artifacts", "raw.batches"} <= set(receipt.deleted)
    assert places(staging, NAME, needles) == set()
    with staging.snapshot() as connection:
        kept = connection.execute(sa.text("SELECT person, kind, remaining FROM work.receipts")).all()
        shares = connection.execute(
            sa.text("SELECT count(*) FROM clean.accounting WHERE expanded IS NULL")
        ).scalar_one()
    assert [tuple(row) for row in kept] == [(tombstone(NAME, PERSON), "deletion", {})]
    assert shares == 0, "every batch is accounted for again"
    assert all(release.is_redacted for release in list_releases(staging, NAME))

    land(other, lines(lambda line: line.customer != PERSON))
    never = run(other)
    after = run(staging)
    assert [release.content_hash for release in after] == [release.content_hash for release in never]
    assert not {release.content_hash for release in after} & {release.content_hash for release in before}
    assert not any(release.is_redacted for release in after)
    assert places(staging, NAME, needles) == set()
    again = forget(staging, NAME, PERSON, {})
    assert again.is_complete
    assert again.deleted == {}
    assert [right.customer for right in list_rights(staging, NAME)] == [tombstone(NAME, PERSON)]


@pytest.mark.slow
def test_a_run_under_way_makes_it_incomplete_and_whatever_it_writes_is_left_out_of_its_release(
    staging: Database,
) -> None:
    land(staging, lines())
    run_day(staging, NAME, DAYS[0], {}, LATER)
    open_run(staging, shop=NAME, day=DAY, known_at=LATER, started_by="somebody", config={})
    receipt = forget(staging, NAME, PERSON, {})
    assert receipt.remaining == {"work.runs (under way)": 1}
    (release,) = list_releases(staging, NAME)
    assert PERSON not in read_release(staging, release.release, "customers")["customer"].to_pylist()
    assert [right.customer for right in list_rights(staging, NAME)] == [PERSON], (
        "hidden by the key itself until it is done"
    )
