"""A person's rights: recorded, held at once, and proven by counting what the views and tables still show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from shopmine.collect.forgotten import Forgotten
from shopmine.collect.tasks import collect_lease
from shopmine.columns import CUSTOMER
from shopmine.config.canonical import ENTITIES
from shopmine.config.shops import load_shop
from shopmine.prepare.tasks import prepare_again, prepare_lease
from shopmine.publish.removal import frames_without, holds_elsewhere, lines_without
from shopmine.publish.spools import remove_from_spools
from shopmine.staging.artifacts import all_artifacts, read_artifact, replace_frames
from shopmine.staging.batches import all_batches, read_lines, replace_lines
from shopmine.staging.leases import hold_lease
from shopmine.staging.rights import DELETION, bury, record_right, tombstone
from shopmine.staging.runs import RUNNING
from shopmine.staging.tables_clean import ENTITY_TABLES, all_outliers, all_quarantine, identities, preparations
from shopmine.staging.tables_published import PUBLISHED
from shopmine.staging.tables_work import receipts, releases, runs

if TYPE_CHECKING:
    from shopmine.config.connections import Connections
    from shopmine.config.shops import Shop
    from shopmine.staging.batches import Batch
    from shopmine.staging.database import Database
    from shopmine.staging.leases import Lease

_WAIT_SECONDS: Final = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What was done for a person, and the proof.

    Attributes:
        kind, at: the right, and since when it holds.
        before, after: view -> the person's rows that it showed; `after` was counted anew.
        deleted: table -> rows deleted; empty for a right that only hides.
        remaining: where the person was still found, and runs that may write it once more; empty when nothing is left.
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


def forget(db: Database, shop: str, customer: str, connections: Connections) -> Receipt:
    """Remove a person from everything that is kept of a shop, for good, and keep a receipt.

    From the first moment the views hide the person and nothing of the person lands any more. Then lines are taken out of
    every batch and out of what was pushed, what was made of them is prepared again, rows are taken out of artifacts and
    releases; each is marked as redacted. At last only a hash of the key is left, by which the person is known when a source still has the rows.

    Safe to repeat, also after it was cut off. Rows without a person's key, such as a payment that names only its order,
    stay and name nobody.

    Args:
        db: the staging database.
        shop: whose customer.
        customer: the key as stored.
        connections: those of the shop's sources: where pushed messages wait.

    Returns:
        The receipt; it is complete unless a run was under way, which may still write what it has read, or rows of others
        name the person.
    """
    before = _shown(db, shop, customer, DELETION)
    right = record_right(db, shop, customer, DELETION)
    blanked, unseen = remove_from_spools(load_shop(shop), customer, connections)
    deleted = {**blanked, **_remove_from_batches(db, shop, customer), **_remove_from_artifacts(db, shop, customer)}
    deleted |= _remove_from_tables(db, shop, customer)
    remaining = {**unseen, **_remaining(db, shop, customer)}
    if not remaining:
        with db.transaction() as connection:
            bury(connection, shop, customer)
    receipt = Receipt(
        shop=shop,
        customer=customer,
        kind=DELETION,
        at=right.at,
        before=before,
        after=_shown(db, shop, customer, DELETION),
        deleted={name: n for name, n in deleted.items() if n},
        remaining=remaining,
    )
    _keep(db, receipt)
    return receipt


def _keep(db: Database, receipt: Receipt) -> None:
    told = {"deleted": dict(receipt.deleted), "remaining": dict(receipt.remaining)}
    note = sa.insert(receipts).values(
        shop=receipt.shop, person=tombstone(receipt.shop, receipt.customer), kind=receipt.kind, at=receipt.at, **told
    )
    with db.transaction() as connection:
        connection.execute(note)


def _remove_from_batches(db: Database, shop: str, customer: str) -> dict[str, int]:
    """Take the person's lines out of every batch, and prepare again what was made of those batches."""
    settings = load_shop(shop)
    by_source: dict[str, dict[str, list[Batch]]] = {}
    for batch in all_batches(db, shop):
        by_source.setdefault(batch.source, {}).setdefault(batch.entity, []).append(batch)
    n_batches = n_lines = 0
    for source, by_entity in by_source.items():
        # Who is reading the source at this moment began before the person was deleted: wait until that has landed.
        with hold_lease(db, collect_lease(shop, source), wait_seconds=_WAIT_SECONDS):
            for entity, batches in by_entity.items():
                with hold_lease(db, prepare_lease(shop, source, entity), wait_seconds=_WAIT_SECONDS) as lease:
                    changed = [_rewrite(db, batch, customer, settings, lease) for batch in batches]
                n_batches += sum(n > 0 for n in changed)
                n_lines += sum(changed)
                prepare_again(db, shop, [batch for batch, n in zip(batches, changed, strict=True) if n])
    return {"raw.batches": n_batches, "raw.batches (lines)": n_lines}


def _rewrite(db: Database, batch: Batch, customer: str, shop: Shop, lease: Lease) -> int:
    """Take the person out of one batch, and away what was made of it; how many lines went or changed."""
    lines = read_lines(db, batch)
    source = shop.sources.get(batch.source)
    entity = None if source is None else source.entities.get(batch.entity)
    users = () if source is None or entity is None else (entity, *source.derived(batch.entity))
    forgotten = Forgotten.of(users, frozenset({customer}))
    kept = lines_without(batch, lines, customer, forgotten, None if entity is None else entity.unwind)
    n_changed = len(set(lines) - set(kept))
    if not n_changed:
        return 0
    with db.transaction() as connection:
        replace_lines(connection, batch, kept)
        made = sa.select(preparations.c.preparation).where(preparations.c.batch == batch.batch)
        for table in (*ENTITY_TABLES.values(), all_quarantine):
            connection.execute(sa.delete(table).where(table.c.preparation.in_(made)))
        connection.execute(sa.delete(preparations).where(preparations.c.batch == batch.batch))
        # The day's next run tells its unusual numbers anew, without those of rows that are gone.
        told = (all_outliers.c.shop == batch.shop, all_outliers.c.day == batch.day)
        connection.execute(sa.delete(all_outliers).where(*told))
        lease.check(connection)
    return n_changed


def _remove_from_artifacts(db: Database, shop: str, customer: str) -> dict[str, int]:
    n_changed = 0
    for number in all_artifacts(db, shop):
        artifact = read_artifact(db, number)
        if (kept := frames_without(artifact.frames, customer)) is not None:
            replace_frames(db, artifact, kept)
            n_changed += 1
    return {"work.artifacts": n_changed}


def _remove_from_tables(db: Database, shop: str, customer: str) -> dict[str, int]:
    """Delete the person's rows from every release, which is marked, and whatever else still names the person."""
    with hold_lease(db, f"{shop}/pointer", wait_seconds=_WAIT_SECONDS), db.transaction() as connection:
        found = {}
        for table, is_person in _tables_of_persons(customer):
            gone = sa.delete(table).where(table.c.shop == shop, is_person)
            if table.schema == "published":
                held = sa.select(table.c.release).where(table.c.shop == shop, is_person)
                mark = sa.update(releases).where(releases.c.release.in_(held))
                connection.execute(mark.values(is_redacted=True))
            found[str(table.fullname)] = connection.execute(gone).rowcount
    return found


def _tables_of_persons(customer: str) -> list[tuple[sa.Table, sa.ColumnElement[bool]]]:
    published = [(entry.table, _is_person(entry.table, customer)) for entry in PUBLISHED.values() if entry.hidden_by]
    clean = [
        (ENTITY_TABLES[name], ENTITY_TABLES[name].c[entity.person] == customer)
        for name, entity in ENTITIES.items()
        if entity.person
    ]
    keys = sa.or_(identities.c.key_hash == customer, identities.c.person == customer)
    return [*published, *clean, (identities, keys)]


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
    """What still holds the person, looked for in every row, line and frame, and what may write it once more."""
    rows = {}
    with db.snapshot() as connection:
        for table, is_person in _tables_of_persons(customer):
            rows[str(table.fullname)] = _count(connection, table, table.c.shop == shop, is_person)
        rows["work.runs (under way)"] = _count(connection, runs, runs.c.shop == shop, runs.c.state == RUNNING)
    n_lines = sum(holds_elsewhere(read_lines(db, batch), customer) for batch in all_batches(db, shop))
    held = (frames_without(read_artifact(db, number).frames, customer) for number in all_artifacts(db, shop))
    found = {
        **rows,
        "raw.batches (lines of others)": n_lines,
        "work.artifacts": sum(frames is not None for frames in held),
    }
    return {name: n for name, n in found.items() if n}


def _count(connection: sa.Connection, table: sa.FromClause, *conditions: sa.ColumnElement[bool]) -> int:
    return int(connection.execute(sa.select(sa.func.count()).select_from(table).where(*conditions)).scalar_one())
