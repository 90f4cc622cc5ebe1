"""The collect stage as tasks: which days are missing or stale, read those from the source, land them as batches."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Final

from shopmine.collect.checking import Cadence, Checker, Look, mapping_hash
from shopmine.collect.contracts import compare_types, is_projection, look_at_columns, newest_columns
from shopmine.collect.forgotten import Forgotten
from shopmine.collect.personal import personal_key, treatment_of
from shopmine.collect.reading import Column, DayLines, Opening, Reader, ReadRequest, open_reader
from shopmine.collect.windows import LandedDay, Window
from shopmine.config.connections import Connections, find_connection
from shopmine.config.days import NO_DAY, days_between, utc_now
from shopmine.config.kinds import nearest
from shopmine.config.shops import Shop, load_shop
from shopmine.errors import ConfigError, QuotaError
from shopmine.faults import fault_point
from shopmine.staging.batches import (
    Batch,
    BatchColumn,
    BatchDraft,
    known_since,
    land_batches,
    newest_batches,
    read_lines,
)
from shopmine.staging.fingerprints import Fingerprint, read_fingerprints, write_fingerprints
from shopmine.staging.leases import Lease, hold_lease
from shopmine.staging.lines import Lines
from shopmine.staging.rights import deleted_persons
from shopmine.staging.runs import RunContext, load_run, record_step

if TYPE_CHECKING:
    from shopmine.config.entities import EntityConfig
    from shopmine.staging.database import Database
    from shopmine.staging.values import JSON

_WAIT_SECONDS: Final = 3_600.0  # a second run of the same source waits for the first, then finds little to do
_MOST_BYTES: Final = 16 << 20
_MOST_DRAFTS: Final = 200
_MOST_NAMED: Final = 50


def collect_lease(shop: str, source: str) -> str:
    """Name of the lease under which a source's rows land."""
    return f"collect/{shop}/{source}"


def collect_source(db: Database, run: int, source: str, connections: Connections) -> dict[str, int]:
    """Read what is missing or stale of one source, in one consistent snapshot, and land it.

    Args:
        db: the staging database.
        run: number of the run; a run with a `known_at` reads no source.
        source: name of the source in the shop's file.
        connections: by id, those of the source and, where personal columns are hashed, the shop's key.

    Returns:
        Counts: `entities`, `days` read, `rows` in them, `batches` that are new. The run's report has them as its step
        `collect.SOURCE`.

    Raises:
        ConfigError: the shop's file does not fit the source, or nothing was known yet at the run's `known_at`.
        SourceUnavailableError: the source does not answer.
        LeaseLostError: another run took over; what had landed before stays.
    """
    context = load_run(db, run)
    step = f"collect.{source}"
    if context.known_at is not None:
        _check_known(db, context, context.known_at)
        counts = {"entities": 0, "days": 0, "rows": 0, "batches": 0}
        why = f"as known at {context.known_at.isoformat()}: no source is read"
        record_step(db, run, step, "done", {**counts, "why": why})
        return counts
    shop = load_shop(context.shop)
    if source not in shop.sources:
        raise ConfigError(f"shop {shop.name!r} has no source {source!r}{nearest(source, shop.sources)}")
    with hold_lease(db, collect_lease(shop.name, source), wait_seconds=_WAIT_SECONDS) as lease:
        landing = _Landing(db=db, shop=shop.name, source=source, lease=lease)
        _read_source(context, shop, connections, landing)
    entities = shop.sources[source].read_entities()
    counts = {"entities": len(entities), "days": landing.n_days, "rows": landing.n_rows, "batches": landing.n_new}
    record_step(db, run, step, "done", {**counts, **_report(landing)})
    return counts


def _check_known(db: Database, context: RunContext, known_at: datetime) -> None:
    """Refuse a run that would find nothing to read."""
    since = known_since(db, context.shop, context.day)
    if since is None:
        raise ConfigError(
            f"nothing is known of shop {context.shop!r} up to {context.day}; run it without `known_at` first, which reads it"
        )
    if known_at < since:
        raise ConfigError(
            f"nothing was known of shop {context.shop!r} up to {context.day} at {known_at.isoformat()}; the first of it is "
            f"known since {since.isoformat()}: give that or a later `known_at`"
        )


def _report(landing: _Landing) -> dict[str, JSON]:
    """What was checked of older days, what had changed there, what was not looked at or not told, and what to know besides."""
    looks = landing.looks
    gaps = [look.gap for look in looks.values() if look.gap]
    gaps += [f"{entity}: {_span(days)}, which the source does not tell" for entity, days in landing.untold.items()]
    changed = {name: sorted(day.isoformat() for day in look.changed) for name, look in looks.items() if look.changed}
    return {
        "checked": {name: look.n_checked for name, look in looks.items() if look.n_checked},
        "n_changed": sum(map(len, changed.values())),
        "changed": {name: [*days[:_MOST_NAMED]] for name, days in changed.items()},
        "not_covered": "; ".join(gaps),
        "not_collected": {**landing.not_collected},
        "notes": [*landing.notes],
        **({"schema": [*landing.schema]} if landing.schema else {}),
    }


def _span(days: Collection[date]) -> str:
    return f"{len(days)} days from {min(days)} to {max(days)}" if len(days) > 1 else f"{min(days)}"


@dataclass(slots=True, kw_only=True)
class _Landing:
    """Lands drafts in groups, each group in one transaction, and counts."""

    db: Database
    shop: str
    source: str
    lease: Lease
    drafts: list[BatchDraft] = field(default_factory=list)
    looks: dict[str, Look] = field(default_factory=dict)
    untold: dict[str, set[date]] = field(default_factory=dict)
    notes: Sequence[str] = ()
    not_collected: dict[str, str] = field(default_factory=dict)
    schema: list[str] = field(default_factory=list)
    n_bytes: int = 0
    n_days: int = 0
    n_rows: int = 0
    n_new: int = 0

    def add(self, draft: BatchDraft) -> None:
        """Take one day; the group is landed when it is large."""
        self.drafts.append(draft)
        self.n_bytes += draft.lines.n_bytes if isinstance(draft.lines, Lines) else sum(map(len, draft.lines))
        if self.n_bytes >= _MOST_BYTES or len(self.drafts) >= _MOST_DRAFTS:
            self.land()

    def land(self) -> None:
        """Land what was taken."""
        if self.drafts:
            fault_point("collect.read")
            landed = land_batches(self.db, shop=self.shop, drafts=self.drafts, lease=self.lease)
            fault_point("collect.landed")
            self.n_days += len(landed)
            self.n_rows += sum(batch.n_rows for batch in landed)
            self.n_new += sum(batch.is_new for batch in landed)
            entity = self.drafts[0].entity
            now = self.looks[entity].now if entity in self.looks else {}
            self.remember(entity, {draft.day: now[draft.day] for draft in self.drafts if draft.day in now})
        self.drafts, self.n_bytes = [], 0

    def remember(self, entity: str, days: Mapping[date, Fingerprint]) -> None:
        """Write the fingerprints of days whose rows have landed."""
        write_fingerprints(self.db, self.shop, source=self.source, entity=entity, days=days, lease=self.lease)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """One entity's reading: through what, from when, as which columns, and what has landed before.

    Attributes:
        whole: the newest batches, where the source has lost a column that they have.
    """

    reader: Reader
    entity: EntityConfig
    names: tuple[str, ...]
    columns: tuple[Column, ...]
    window: Window
    landed: dict[date, LandedDay]
    whole: Mapping[date, Batch]
    forgotten: Forgotten
    checker: Checker

    def look(self) -> Look:
        """Ask which older days changed; a snapshot is read whole instead."""
        if self.entity.is_snapshot:
            return Look()
        read = self.window.days_to_read(self._landed_days())
        older = frozenset(day for day in self._landed_days() if day <= self.window.end) - read
        return self.checker.look(day=self.window.day, read=read, older=older, now=self.window.now)

    def request(self, look: Look) -> ReadRequest | None:
        """What is to be read, with the days that changed, and with what has no day when older days are checked; None: nothing."""
        days = self._landed_days()
        is_snapshot = self.entity.is_snapshot
        if is_snapshot and days and not self.window.is_live and days[max(days)].has_all_columns:
            return None
        return ReadRequest(
            entity=self.entity,
            columns=self.names,
            days=None if is_snapshot else self.window.days_to_read(days) | look.changed,
            with_no_day=not is_snapshot and (self._wants_no_day(days) or look.n_checked > 0 or bool(look.changed)),
            forgotten=self.forgotten,
        )

    def _wants_no_day(self, days: Mapping[date, LandedDay]) -> bool:
        """Whether what has no day is read: by runs of the present, and where it was read without a column, or never.

        It makes no batch where there is no such row; that it was read shows in that every day has landed (see `_drafts`).
        """
        known = self.landed.get(NO_DAY)
        if self.window.is_live or (known is not None and not known.has_all_columns):
            return True
        return known is None and not days.keys() >= {*days_between(self.window.first_day, self.window.newest)}

    def _landed_days(self) -> dict[date, LandedDay]:
        return {day: known for day, known in self.landed.items() if day != NO_DAY}

    def draft(self, source: str, day: date, lines: list[bytes] | Lines) -> BatchDraft:
        """A day as it is landed."""
        is_present = self.entity.is_snapshot or day == NO_DAY
        known = (self.window.now, False) if is_present else self.window.known_at(day, self.landed.get(day))
        return BatchDraft(
            source=source,
            entity=self.entity.name,
            day=day,
            known_at=known[0],
            known_at_assumed=known[1],
            columns=[BatchColumn(name=name, type=kind) for name, kind in self.columns],
            format=self.reader.format,
            lines=lines,
        )


def _read_source(context: RunContext, shop: Shop, connections: Connections, landing: _Landing) -> None:
    source = shop.sources[landing.source]
    opening = Opening(
        source=source,
        connection=find_connection(connections, source.connection, f"source {source.name!r} of shop {shop.name!r}"),
        zone=shop.zone,
        key=personal_key(shop, connections),
    )
    persons = deleted_persons(landing.db, shop.name)
    # The moment is taken before the snapshot is: what changes in between is read now, and again by the next run.
    window = Window(
        day=context.day,
        first_day=shop.first_day,
        last_day=shop.last_day,
        lookback_days=source.lookback_days,
        zone=shop.zone,
        now=utc_now(),
    )
    cadence = Cadence(older_days=source.older_days, weekday=shop.training_weekday, zone=shop.zone)
    with open_reader(opening) as reader:
        for entity in source.read_entities():
            batches = newest_batches(landing.db, shop.name, source=source.name, entity=entity.name)
            before = newest_columns(batches)
            offer = look_at_columns(reader, source, entity, before)
            columns = reader.columns(entity, offer.names)
            landing.schema += [*offer.told, *compare_types(source, entity, columns, before)]
            checker = Checker(
                reader=reader,
                entity=entity,
                names=offer.names,
                cadence=cadence,
                known=read_fingerprints(landing.db, shop.name, source=source.name, entity=entity.name),
                mapping_hash=mapping_hash(source, entity, tuple(source.columns(entity.name)), shop.zone),
                key=opening.key,
                gone=offer.gone,
            )
            reading = _Reading(
                reader=reader,
                entity=entity,
                names=offer.names,
                columns=columns,
                window=window,
                landed=_landed_days(batches, columns),
                whole={batch.day: batch for batch in batches if offer.gone},
                forgotten=Forgotten.of((entity, *source.derived(entity.name)), persons, shop.name),
                checker=checker,
            )
            _read_entity(reading, landing)
            landing.notes = tuple(reader.notes)


def _landed_days(batches: Sequence[Batch], columns: tuple[Column, ...]) -> dict[date, LandedDay]:
    needed = {(name, treatment_of(kind)) for name, kind in columns}
    return {
        batch.day: LandedDay(
            known_at=batch.known_at,
            is_assumed=batch.known_at_assumed,
            has_all_columns=needed <= {(column.name, treatment_of(column.type)) for column in batch.columns},
        )
        for batch in batches
    }


def _read_entity(reading: _Reading, landing: _Landing) -> None:
    """Land an entity's days as they come, days without rows as batches without rows, and what has no day."""
    look = reading.look()
    request = reading.request(look)
    if request is None:
        return
    if not reading.entity.is_snapshot:
        landing.looks[reading.entity.name] = look
    try:
        for read in _in_order(reading, request):
            _take(read, reading, landing)
    except QuotaError:
        landing.land()
        raise
    landing.land()
    landing.remember(reading.entity.name, look.unchanged(request.days or ()))
    if request.with_no_day:
        days = reading.window.shop_days
        told = days.tell(reading.reader.outside(reading.entity, reading.names, days.first, days.last))
        landing.not_collected |= {reading.entity.name: told} if told else {}


def _in_order(reading: _Reading, request: ReadRequest) -> Iterator[DayLines]:
    """What is read, with the days that have no rows, in the order in which it is to be landed.

    One new day comes after what has no day: a run that is killed in between leaves a day missing, which tells the next one.
    """
    missing = set(request.days or ())
    last: list[DayLines] = []
    try:
        for read in reading.reader.read(request):
            missing.discard(read.day or NO_DAY)
            if request.with_no_day and not last and read.day not in {*reading.landed, NO_DAY}:
                last.append(read)
            else:
                yield read
    except QuotaError:
        yield from last
        raise
    yield from (DayLines(day=day, lines=[]) for day in sorted(missing))
    yield from last


def _take(read: DayLines, reading: _Reading, landing: _Landing) -> None:
    day = reading.window.newest if read.day is None else read.day
    if not read.is_told:
        landing.untold.setdefault(reading.entity.name, set()).add(day)
    # What has no day makes a batch only where there is such, or was.
    elif (day != NO_DAY or read.lines or NO_DAY in reading.landed) and not _stays(read, day, reading, landing):
        landing.add(reading.draft(landing.source, day, read.lines))


def _stays(read: DayLines, day: date, reading: _Reading, landing: _Landing) -> bool:
    """Whether a day stays as it landed: only a column is gone, and with it nothing else of the day."""
    batch = reading.whole.get(day)
    if batch is None or reading.entity.is_snapshot:
        return False
    landed = [column.name for column in batch.columns]
    names = [name for name, _ in reading.columns]
    return landed != names and is_projection(read.lines, names, read_lines(landing.db, batch), landed)
