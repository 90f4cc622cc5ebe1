"""A person's rights: recorded, held at once, and proven by counting what the views and tables still show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from shopmine.columns import CUSTOMER
from shopmine.config.canonical import ENTITIES
from shopmine.staging.rights import record_right
from shopmine.staging.tables_clean import ENTITY_TABLES, all_quarantine
from shopmine.staging.tables_published import PUBLISHED
from shopmine.staging.tables_raw import batches
from shopmine.staging.tables_work import artifacts

if TYPE_CHECKING:
    from shopmine.staging.database import Database

DELETION: Final = "deletion"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What was done for a person, and the proof.

    Attributes:
        kind, at: the right, and since when it holds.
        before, after: view -> the person's rows that it showed; `after` was counted anew.
        deleted: table -> rows deleted; empty for a right that only hides.
        remaining: where rows may still be; empty when nothing is left.
    """

    shop: str
    customer: str
    kind: str
    at: datetime
    before: Mapping[str, int]
    after: Mapping[str, int]
    deleted: Mapping[str, int] = field(default_factory=dict)
    remaining: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        """Whether no view shows the person any more and, for a deletion, nothing is left."""
        return not any(self.after.values()) and not any(self.remaining.values())


def opt_out(db: Database, shop: str, customer: str, kind: str) -> Receipt:
    """Record an objection; from the same moment every view, the API and the next write of a sink leave the person out.

    Args:
        db: the staging database.
        shop: whose customer.
        customer: the key as stored.
        kind: `no_personalisation` (no lists) or `no_profiling` (no profile either).
    """
    before = _shown(db, shop, customer, kind)
    right = record_right(db, shop, customer, kind)
    return Receipt(
        shop=shop, customer=customer, kind=kind, at=right.at, before=before, after=_shown(db, shop, customer, kind)
    )


def forget(db: Database, shop: str, customer: str) -> Receipt:
    """Record a deletion and delete the person's rows from every release and every canonical table.

    The receipt names what this does not reach: batches and artifacts are immutable and may hold the person's rows;
    only rewriting them ends that. Until then the views hide the person, also from what is prepared again.

    Args:
        db: the staging database.
        shop: whose customer.
        customer: the key as stored.
    """
    before = _shown(db, shop, customer, DELETION)
    right = record_right(db, shop, customer, DELETION)
    with db.transaction() as connection:
        deleted = {
            str(table.fullname): connection.execute(sa.delete(table).where(table.c.shop == shop, is_person)).rowcount
            for table, is_person in _tables_of_persons(customer)
        }
    return Receipt(
        shop=shop,
        customer=customer,
        kind=DELETION,
        at=right.at,
        before=before,
        after=_shown(db, shop, customer, DELETION),
        deleted={name: n for name, n in deleted.items() if n},
        remaining=_remaining(db, shop, customer),
    )


def _tables_of_persons(customer: str) -> list[tuple[sa.Table, sa.ColumnElement[bool]]]:
    published = [(entry.table, _is_person(entry.table, customer)) for entry in PUBLISHED.values() if entry.hidden_by]
    clean = [
        (ENTITY_TABLES[name], ENTITY_TABLES[name].c[entity.person] == customer)
        for name, entity in ENTITIES.items()
        if entity.person
    ]
    return [*published, *clean]


def _is_person(table: sa.FromClause, customer: str) -> sa.ColumnElement[bool]:
    if CUSTOMER in table.c:
        return table.c[CUSTOMER] == customer
    return sa.and_(table.c["entity"] == CUSTOMER, table.c["key"] == customer)


def _shown(db: Database, shop: str, customer: str, kind: str) -> dict[str, int]:
    """The person's rows in every view that this kind of right must empty."""
    views = {}
    for name, entry in PUBLISHED.items():
        if kind in entry.hidden_by:
            for view in (name, f"all_{name}"):
                columns: list[sa.ColumnClause[Any]] = [sa.column(column.name) for column in entry.table.columns]
                shown = sa.table(view, *columns, schema="published")
                views[f"published.{view}"] = (shown, _is_person(shown, customer))
    if kind == DELETION:
        for name, entity in ENTITIES.items():
            if entity.person:
                shown = sa.table(name, sa.column("shop"), sa.column(entity.person), schema="clean")
                views[f"clean.{name}"] = (shown, shown.c[entity.person] == customer)
    with db.snapshot() as connection:
        return {
            name: _count(connection, shown, shown.c["shop"] == shop, is_person)
            for name, (shown, is_person) in views.items()
        }


def _remaining(db: Database, shop: str, customer: str) -> dict[str, int]:
    """What may still hold the person: all batches of entities about persons, all artifacts, quarantined originals."""
    persons = [name for name, entity in ENTITIES.items() if entity.person]
    original: Any = all_quarantine.c.original
    holds = sa.func.position(sa.cast(customer.encode(), sa.LargeBinary).op("IN")(original)) > 0
    with db.snapshot() as connection:
        found = {
            "raw.batches": _count(connection, batches, batches.c.shop == shop, batches.c.entity.in_(persons)),
            "work.artifacts": _count(connection, artifacts, artifacts.c.shop == shop),
            "clean.all_quarantine": _count(connection, all_quarantine, all_quarantine.c.shop == shop, holds),
        }
    return {name: n for name, n in found.items() if n}


def _count(connection: sa.Connection, table: sa.FromClause, *conditions: sa.ColumnElement[bool]) -> int:
    return int(connection.execute(sa.select(sa.func.count()).select_from(table).where(*conditions)).scalar_one())
