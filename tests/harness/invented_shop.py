"""An invented shop whose batches are landed as they are: days are run as known at a moment, so that no source is read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from shopmine.staging.batches import BatchColumn, BatchDraft, land_batches
from shopmine.staging.leases import hold_lease

if TYPE_CHECKING:
    import pytest

    from shopmine.staging.database import Database
    from unit.features.facts import Line

NAME = "invented"
COLUMNS = {"id": "varchar(20)", "n": "int(11)", "item": "varchar(20)", "who": "varchar(20)", "at": "datetime"} | {
    "pieces": "int(11)",
    "price": "decimal(10,2)",
    "what": "varchar(20)",
}
SHOP = """
title = "Invented"
timezone = "UTC"
currency = "EUR"
first_day = 2024-01-01
training_weekday = "monday"
[sources.store]
kind = "mysql"
connection = "invented_mysql"
[sources.store.entities.order_lines]
table = "lines"
day = "at"
key = ["id", "n"]
[sources.store.entities.order_lines.fields]
order_id = "id"
line = "n"
product = "item"
customer = "who"
ordered_at = "at"
quantity = "pieces"
unit_price = "price"
kind = "what"
[models.segments]
max_clusters = 3
n_bootstraps = 2
[models.recommendations]
n_factors = 4
n_epochs = 2
"""


def write_shop(folder: Path, monkeypatch: pytest.MonkeyPatch, more: str = "") -> Path:
    """The shop's file in a folder that is $SHOPMINE_SHOPS from now on."""
    (folder / f"{NAME}.toml").write_text(SHOP + more, encoding="utf-8")
    monkeypatch.setenv("SHOPMINE_SHOPS", str(folder))
    return folder


def land(staging: Database, lines: Sequence[Line], known_at: datetime | None = None) -> None:
    """Each day that has lines, whole, as read at `known_at`, else at the end of the day itself."""
    numbers: dict[str, int] = defaultdict(int)
    days: dict[date, list[bytes]] = defaultdict(list)
    for line in lines:
        numbers[line.order] += 1
        at = f"{line.date} {line.hour:02}:00:00"
        told = [line.order, numbers[line.order], line.product, line.customer, at, line.quantity, line.price, line.kind]
        days[line.date].append("\t".join("\\N" if value is None else str(value) for value in told).encode())
    land_drafts(
        staging, [draft("order_lines", day, COLUMNS, rows, known_at=known_at) for day, rows in sorted(days.items())]
    )


def draft(
    entity: str, day: date, columns: Mapping[str, str], rows: Sequence[bytes], *, known_at: datetime | None = None
) -> BatchDraft:
    """A day of an entity, whole, as read at `known_at`, else at the end of the day itself.

    Args:
        entity: of the shop's one source.
        day: the shop's day.
        columns: name -> type as MySQL names it.
        rows: their COPY text.
        known_at: when it was read.
    """
    return BatchDraft(
        source="store",
        entity=entity,
        day=day,
        known_at=known_at or datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1),
        known_at_assumed=False,
        columns=[BatchColumn(name=name, type=type_) for name, type_ in columns.items()],
        format="copy",
        lines=rows,
    )


def land_drafts(staging: Database, drafts: Sequence[BatchDraft]) -> None:
    """Land days of one entity."""
    with hold_lease(staging, f"{NAME}/store/{drafts[0].entity}", wait_seconds=5) as lease:
        land_batches(staging, shop=NAME, drafts=drafts, lease=lease)
