"""Columns of a source that go, come and change their type, as the shop's file says; days that had landed stay as they were."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from shopmine.errors import DataError
from shopmine.prepare.tasks import prepare

if TYPE_CHECKING:
    from shopmine.config.shops import Shop
    from shopmine.staging.database import Database

pytestmark = pytest.mark.servers

Collect = Callable[..., dict[str, int]]
Execute = Callable[[str], None]
WriteShop = Callable[..., "Shop"]
SOURCE = """
[sources.store]
kind = "mysql"
connection = "shop_mysql"
older_days = "daily"
[sources.store.entities.payments]
table = "pay"
day = "at"
key = ["no"]
fields = { payment_id = "no", at = "at", amount = "paid", method = "how", status = { column = "state", contract = "CONTRACT" } }
ENTITY
"""
TABLE = "CREATE TABLE pay (no INT PRIMARY KEY, at DATETIME, paid DECIMAL(10,2), how VARCHAR(9), state VARCHAR(9))"


def source(contract: str = "evolve", entity: str = "") -> str:
    return SOURCE.replace("CONTRACT", contract).replace("ENTITY", entity)


def ask(staging: Database, query: str) -> list[tuple[Any, ...]]:
    with staging.snapshot() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]


def told(staging: Database) -> list[str]:
    detail = ask(staging, "SELECT detail FROM work.run_steps WHERE step = 'collect.store' ORDER BY run DESC LIMIT 1")[
        0
    ][0]
    found: list[str] = detail.get("schema", [])
    return found


def prepared(staging: Database) -> None:
    prepare(staging, ask(staging, "SELECT max(run) FROM work.runs")[0][0])


@pytest.fixture
def table(execute: Execute) -> None:
    execute(
        f"{TABLE};\nINSERT INTO pay VALUES (1, '2026-03-02', 5, 'cash', 'paid'), (2, '2026-03-05', 6.5, 'card', 'paid')"
    )


@pytest.mark.usefixtures("table")
def test_a_column_that_goes_is_followed_and_days_that_had_landed_with_it_stay(
    staging: Database, collect: Collect, execute: Execute, write_shop: WriteShop
) -> None:
    write_shop(source("evolve"))
    collect(5)
    prepared(staging)
    execute("ALTER TABLE pay DROP COLUMN state;\nINSERT INTO pay VALUES (3, '2026-03-06', 7, 'cash')")
    collect(6)
    prepared(staging)
    facts = "SELECT payment_id, status FROM clean.payments ORDER BY 1"
    assert ask(staging, facts) == [("1", "paid"), ("2", "paid"), ("3", None)]
    assert told(staging) == ["store.payments: column 'state' is gone (evolve)"]
    gap = "SELECT detail->>'not_covered' FROM work.run_steps WHERE step = 'collect.store' ORDER BY run DESC LIMIT 1"
    assert "older days, which stay as they landed while state is gone" in ask(staging, gap)[0][0]

    execute("UPDATE pay SET paid = 8 WHERE no = 2;\nINSERT INTO pay VALUES (4, '2026-03-05', 1, 'late')")
    collect(6)
    prepared(staging)
    assert ask(staging, facts) == [("1", "paid"), ("2", None), ("3", None), ("4", None)], "another day: as it is now"
    before = "SELECT count(*) FROM raw.batches WHERE day = '2026-03-05'"
    assert ask(staging, before) == [(2,)], "and as it was, for whoever asks as known then"

    execute("ALTER TABLE pay ADD COLUMN state VARCHAR(9) DEFAULT 'back'")
    collect(6)
    prepared(staging)
    assert ask(staging, facts) == [("1", "back"), ("2", "back"), ("3", "back"), ("4", "back")]
    assert told(staging) == []


@pytest.mark.usefixtures("table")
def test_a_frozen_column_stops_the_day_when_it_changes_its_type_or_goes(
    staging: Database, collect: Collect, execute: Execute, write_shop: WriteShop
) -> None:
    write_shop(source("freeze"))
    collect(5)
    before = ask(staging, "SELECT max(batch) FROM raw.batches")
    execute("UPDATE pay SET state = '1', how = NULL;\nALTER TABLE pay MODIFY state INT, MODIFY how INT")
    with pytest.raises(
        DataError, match=r"store.payments: column 'state' is frozen, but it was varchar.* and is int.* now; change"
    ):
        collect(6)
    execute("ALTER TABLE pay DROP COLUMN state")
    with pytest.raises(DataError, match=r"column 'state' is frozen and gone: it was varchar.*; bring it back"):
        collect(6)
    assert ask(staging, "SELECT max(batch) FROM raw.batches") == before
    write_shop(source("evolve"))
    collect(6)
    assert any("column 'how' was varchar" in line for line in told(staging))


@pytest.mark.usefixtures("table")
def test_a_frozen_entity_wants_each_new_column_mapped_or_named(
    collect: Collect, execute: Execute, write_shop: WriteShop, staging: Database
) -> None:
    execute("ALTER TABLE pay ADD COLUMN phone TEXT")
    write_shop(source("freeze", 'contract = "freeze"'))
    with pytest.raises(
        DataError, match=r"is frozen, but the source has new columns \['phone'\]; map them, name them in `ignore`"
    ):
        collect(5)
    write_shop(source("freeze", 'contract = "freeze"\nignore = ["phone"]'))
    collect(5)
    write_shop(source("evolve", 'contract = "evolve"'))
    collect(5)
    assert told(staging) == ["store.payments: not mapped, so not read: phone"]


def test_of_files_each_may_lack_a_column_that_its_contract_lets_go(
    staging: Database, collect: Collect, write_shop: WriteShop, tmp_path: Path
) -> None:
    write_shop(
        source("discard_row").replace('"mysql"', '"files"').replace("shop_mysql", "shop_files")
        .replace('table = "pay"', 'path = "pay/*.csv"')
    )  # fmt: skip
    folder = tmp_path / "pay"
    folder.mkdir()
    (folder / "1.csv").write_text("no,at,paid,how\n1,2026-03-04,5,cash\n")
    (folder / "2.csv").write_text("no,at,paid,how,state\n2,2026-03-05,6,cash,paid\n")
    collect(5)
    prepared(staging)
    assert ask(staging, "SELECT payment_id, status FROM clean.payments ORDER BY 1") == [("1", None), ("2", "paid")]
