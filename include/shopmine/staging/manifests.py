"""Manifests: the batches a run reads, fixed once, so that retries and later stages read the same."""

import hashlib
from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from shopmine.errors import NotFoundError
from shopmine.staging.batches import Batch, load_batches, select_newest
from shopmine.staging.database import Database
from shopmine.staging.runs import RunContext
from shopmine.staging.tables_work import manifests
from shopmine.staging.values import canonical_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a run reads.

    Attributes:
        batches: what counts, by source, entity and day: of facts the newest batch of each day, of snapshots the one of
            the newest day.
        snapshots: the newest batch of each day of each snapshot entity: what `until` chooses from.
        content_hash: sha256 over source, entity, day and content of `batches`.
    """

    manifest: int
    run: int
    batches: tuple[Batch, ...]
    snapshots: tuple[Batch, ...]
    content_hash: str

    def until(self, day: date) -> "Manifest":
        """Only what is known of days up to and including `day`: what a run of that day would read.

        A snapshot entity gives its newest snapshot that is not later, else the earliest there is.
        """
        is_snapshot = {(batch.source, batch.entity) for batch in self.snapshots}
        facts = [batch for batch in self.batches if (batch.source, batch.entity) not in is_snapshot]
        return choose_for_day(
            self.manifest, self.run, [batch for batch in facts if batch.day <= day], self.snapshots, day
        )

    def gives_all(self, reads: Collection[tuple[str, str]], day: date) -> bool:
        """Whether these snapshots (see `Shop.whole_reads`) say all there was at the end of `day`.

        A later snapshot that stands in for an earlier day does not: what it lacks may have gone since.
        """
        known = {(batch.source, batch.entity) for batch in self.batches if batch.day <= day and batch.n_rows}
        return bool(reads) and set(reads) <= known


class KnownUntil:
    """What some entities of a manifest say up to a day, as a hash: cheap to ask for many days."""

    def __init__(self, manifest: Manifest, entities: Collection[tuple[str, str]]) -> None:
        """Look at the batches of these (source, entity) only."""
        self._snapshots = [batch for batch in manifest.snapshots if (batch.source, batch.entity) in entities]
        is_snapshot = {(batch.source, batch.entity) for batch in self._snapshots}
        facts = [
            batch
            for batch in manifest.batches
            if (batch.source, batch.entity) in entities and (batch.source, batch.entity) not in is_snapshot
        ]
        facts.sort(key=lambda batch: (batch.day, batch.source, batch.entity))
        self._days = [batch.day for batch in facts]
        self._digests = [""]
        for batch in facts:
            told = canonical_text([self._digests[-1], *_place(batch), batch.content_hash])
            self._digests.append(hashlib.sha256(told.encode()).hexdigest())

    def digest(self, day: date) -> str:
        """sha256 (hex) over the facts up to and including `day` and the snapshots that count for it."""
        chosen = [[*_place(batch), batch.content_hash] for batch in _count(self._snapshots, day)]
        told = canonical_text([self._digests[bisect_right(self._days, day)], chosen])
        return hashlib.sha256(told.encode()).hexdigest()


def freeze_manifest(db: Database, context: RunContext, entities: Mapping[tuple[str, str], bool]) -> Manifest:
    """Fix what the run reads; when it is fixed already, give that.

    Args:
        db: the staging database.
        context: the run: batches of days up to `day`, as known at `known_at`.
        entities: (source, entity) -> is a snapshot; batches of others are left out.
    """
    with db.transaction() as connection:
        found = connection.execute(sa.select(manifests).where(manifests.c.run == context.run)).one_or_none()
        if found is None:
            facts, snapshots = _choose(connection, context, entities)
            chosen = choose_for_day(0, context.run, facts, snapshots, context.day)
            values = {
                "run": context.run,
                "batches": [batch.batch for batch in facts],
                "snapshots": [batch.batch for batch in snapshots],
                "content_hash": chosen.content_hash,
            }
            fix = insert(manifests).values(values).on_conflict_do_nothing(index_elements=["run"])
            number = connection.execute(fix.returning(manifests.c.manifest)).scalar_one_or_none()
            if number is not None:
                return replace(chosen, manifest=number)
    return load_manifest(db, context.run)


def _choose(
    connection: sa.Connection, context: RunContext, entities: Mapping[tuple[str, str], bool]
) -> tuple[list[Batch], list[Batch]]:
    """The facts and the snapshots to choose from; snapshots that begin only later are better than none at all."""
    known = select_newest(connection, context.shop, until=context.day, known_at=context.known_at)
    facts = [batch for batch in known if entities.get((batch.source, batch.entity)) is False]
    snapshots = [batch for batch in known if entities.get((batch.source, batch.entity)) is True]
    missing = {key for key, is_snapshot in entities.items() if is_snapshot} - {(b.source, b.entity) for b in snapshots}
    if missing:
        ever = select_newest(connection, context.shop)
        earliest = {(batch.source, batch.entity): batch for batch in reversed(ever)}
        snapshots += [earliest[key] for key in sorted(missing) if key in earliest]
    return facts, snapshots


def load_manifest(db: Database, run: int) -> Manifest:
    """The manifest of a run.

    Raises:
        NotFoundError: the run has none yet.
    """
    with db.snapshot() as connection:
        row = connection.execute(sa.select(manifests).where(manifests.c.run == run)).one_or_none()
        if row is None:
            raise NotFoundError(f"run {run} has no manifest yet; `prepare` freezes it: run that step first")
        known = load_batches(connection, [*row.batches, *row.snapshots])
        day = connection.execute(sa.text("SELECT day FROM work.runs WHERE run = :run"), {"run": run}).scalar_one()
    facts, snapshots = ([known[number] for number in numbers] for numbers in (row.batches, row.snapshots))
    return choose_for_day(row.manifest, run, facts, snapshots, day)


def choose_for_day(manifest: int, run: int, facts: Sequence[Batch], snapshots: Sequence[Batch], day: date) -> Manifest:
    """The manifest of a day: all of `facts`, and of each snapshot entity the one that counts for the day."""
    batches = tuple(sorted([*facts, *_count(snapshots, day)], key=_place))
    content_hash = hashlib.sha256(canonical_text([[*_place(batch), batch.content_hash] for batch in batches]).encode())
    return Manifest(
        manifest=manifest,
        run=run,
        batches=batches,
        snapshots=tuple(snapshots),
        content_hash=content_hash.hexdigest(),
    )


def _count(snapshots: Iterable[Batch], day: date) -> list[Batch]:
    """Of each snapshot entity the one that counts for `day`: the newest not later, else the earliest."""
    chosen: dict[tuple[str, str], Batch] = {}
    for batch in sorted(snapshots, key=_place):
        key = (batch.source, batch.entity)
        if key not in chosen or batch.day <= day:
            chosen[key] = batch
    return list(chosen.values())


def _place(batch: Batch) -> tuple[str, str, str]:
    return batch.source, batch.entity, batch.day.isoformat()
