"""The step `prepare`: what the run reads is fixed, what is new in it becomes facts, and the day is judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from shopmine.config.days import NO_DAY
from shopmine.config.shops import load_shop
from shopmine.errors import DataError
from shopmine.faults import fault_point
from shopmine.prepare.accounting import Accounting
from shopmine.prepare.calendar import made_by, make_calendar
from shopmine.prepare.conform import locale_of
from shopmine.prepare.entities import PreparedBatch, Rules, prepare_batches
from shopmine.prepare.gates import (
    stop_at_failures,
)
from shopmine.prepare.groups import group_batches
from shopmine.prepare.judge_tasks import DayRun, ShopWork, judge_day
from shopmine.prepare.rows import BatchText, Rejected
from shopmine.staging.added import calendar_until, write_calendar
from shopmine.staging.batches import Batch, read_many
from shopmine.staging.facts import Counts, Preparation, unprepared, version_of, write_preparations
from shopmine.staging.leases import Lease, hold_lease
from shopmine.staging.manifests import freeze_manifest
from shopmine.staging.runs import load_run, record_step

if TYPE_CHECKING:
    from shopmine.staging.database import Database
    from shopmine.staging.values import JSON

STEP: Final = "prepare"
MOST_ROWS: Final = 200_000
WAIT_SECONDS: Final = 3600


def prepare(db: Database, run: int) -> dict[str, JSON]:
    """Freeze the run's manifest, prepare what the present rules have not prepared yet, judge the day.

    Doing it again finds nothing to do and judges the same. Two at once: the second waits, then finds it done.

    Returns:
        `manifest`, `batches` prepared now, and of those, the counts a source and entity.

    Raises:
        GateError: the day is not fit to be published; the facts are written and the checks recorded.
        DataError: a batch lacks a mapped column or is damaged.
    """
    started = _start(db, run)
    fault_point("prepare.frozen")
    counts = {}
    known = {batch.batch: batch for batch in (*started.manifest.batches, *started.manifest.snapshots)}
    for source, entity in started.versions:
        counts[f"{source}.{entity}"] = _prepare_entity(started, source, entity, list(known.values()))
    done = {name: count.told() for name, (_, count) in counts.items() if count.read}
    report: dict[str, JSON] = {
        "manifest": started.manifest.manifest,
        "batches": sum(n_batches for n_batches, _ in counts.values()),
        "entities": done,
        "not_known": _not_known(started),
    }
    _add_calendar(started)
    checks = judge_day(started)
    failed = [check.check_name for check in checks if not check.passed]
    record_step(db, run, STEP, "failed" if failed else "done", {**report, "failed_checks": failed})
    stop_at_failures(checks, day=started.context.day)
    return report


def prepare_lease(shop: str, source: str, entity: str) -> str:
    """Name of the lease under which the batches of an entity are prepared, or changed beneath it."""
    return f"{shop}/{source}/{entity}/prepare"


def prepare_again(db: Database, shop: str, batches: Sequence[Batch]) -> None:
    """Prepare these batches by the present rules where that is not done: those that a person was removed from.

    What the shop's file no longer maps is left out.

    Raises:
        DataError: a batch lacks a mapped column or is damaged.
    """
    settings = load_shop(shop)
    mapped = {(source.name, entity.name) for source in settings.sources.values() for entity in source.read_entities()}
    keys = sorted(mapped & {(batch.source, batch.entity) for batch in batches})
    work = ShopWork(db=db, shop=settings, versions={key: settings.rules_version(*key) for key in keys})
    for source, entity in keys:
        _prepare_entity(work, source, entity, batches)


def _start(db: Database, run: int) -> DayRun:
    context = load_run(db, run)
    shop = load_shop(context.shop)
    entities = {
        (source.name, entity.name): entity.is_snapshot
        for source in shop.sources.values()
        for entity in source.read_entities()
    }
    versions = {(source, entity): shop.rules_version(source, entity) for source, entity in sorted(entities)}
    manifest = freeze_manifest(db, context, entities)
    return DayRun(db=db, context=context, shop=shop, manifest=manifest, versions=versions)


def _prepare_entity(run: ShopWork, source: str, entity: str, batches: Sequence[Batch]) -> tuple[int, Accounting]:
    """Prepare those of the entity's batches that need it; how many these were, and their accounts added up."""
    own = [batch for batch in batches if (batch.source, batch.entity) == (source, entity)]
    versions = {(source, entity): run.versions[source, entity]}
    if not unprepared(run.db, own, versions):
        return 0, _added_up([])
    accounts: list[Accounting] = []
    settings = run.shop.sources[source]
    rules = Rules(
        entity=settings.entities[entity],
        derived=settings.derived(entity),
        locale=locale_of(run.shop, settings),
    )
    with hold_lease(run.db, prepare_lease(run.shop.name, source, entity), wait_seconds=WAIT_SECONDS) as lease:
        todo = sorted(unprepared(run.db, own, versions), key=lambda batch: (batch.day, batch.batch))
        for group in group_batches(todo, rows=_n_rows, shape=_shape, most_rows=MOST_ROWS):
            accounts += _prepare_group(run, group, rules, lease)
    return len(accounts), _added_up(accounts)


def _not_known(run: DayRun) -> list[JSON]:
    """Columns that are null all through the day's snapshot, as it was read before they were mapped."""
    told: list[JSON] = []
    for batch in run.manifest.batches:
        source = run.shop.sources[batch.source]
        missing = set(source.columns(batch.entity)) - {column.name for column in batch.columns}
        if missing and source.entities[batch.entity].is_snapshot:
            told.append(f"{batch.source}.{batch.entity}, read as of {batch.day}: {', '.join(sorted(missing))}")
    return told


def _n_rows(batch: Batch) -> int:
    return batch.n_rows


def _shape(batch: Batch) -> object:
    return batch.format, batch.columns


def _prepare_group(run: ShopWork, group: Sequence[Batch], rules: Rules, lease: Lease) -> list[Accounting]:
    lacking = run.shop.sources[group[0].source].removable(group[0].entity)
    texts = [
        BatchText(
            columns=tuple((column.name, column.type) for column in batch.columns),
            format=batch.format,
            lines=lines,
            has_day=batch.day != NO_DAY,
            may_lack=rules.entity.is_snapshot,
            lacking=lacking,
            day=None if batch.day == NO_DAY else batch.day,
        )
        for batch, lines in zip(group, read_many(run.db, [batch.batch for batch in group]), strict=True)
    ]
    try:
        prepared = prepare_batches(texts, rules)
    except DataError as error:
        first, last = group[0], group[-1]
        raise DataError(f"{first.source}.{first.entity} of {first.day} to {last.day}: {error}") from error
    preparations = [
        _preparation(batch, result, version_of(run.versions, batch), is_snapshot=rules.entity.is_snapshot)
        for batch, result in zip(group, prepared, strict=True)
    ]
    fault_point("prepare.computed")
    write_preparations(run.db, shop=run.shop.name, preparations=preparations, lease=lease)
    fault_point("prepare.written")
    return [result.accounting for result in prepared]


def _preparation(batch: Batch, result: PreparedBatch, version: str, *, is_snapshot: bool) -> Preparation:
    return Preparation(
        batch=batch.batch,
        source=batch.source,
        entity=batch.entity,
        day=batch.day,
        rules=version,
        counts=Counts(**asdict(result.accounting)),
        tables=result.tables,
        quarantine=_quarantine(result.quarantine),
        is_snapshot=is_snapshot,
    )


def _quarantine(rejected: Sequence[Rejected]) -> pa.Table:
    return pa.table(
        {
            "row_key": pa.array([row.row_key for row in rejected], pa.string()),
            "reason": pa.array([row.reason for row in rejected], pa.string()),
            "original": pa.array([row.original for row in rejected], pa.binary()),
            "discarded": pa.array([row.discarded for row in rejected], pa.string()),
        }
    )


def _added_up(accounts: Sequence[Accounting]) -> Accounting:
    return Accounting(
        read=sum(account.read for account in accounts),
        expanded=sum(account.expanded for account in accounts),
        kept=sum(account.kept for account in accounts),
        quarantined=sum(account.quarantined for account in accounts),
        duplicates=sum(account.duplicates for account in accounts),
        filtered=sum(account.filtered for account in accounts),
        discarded=sum(account.discarded for account in accounts),
    )


def _add_calendar(run: DayRun) -> None:
    """The country's calendar from the shop's first day to the end of the year after the run's day, where it is not there."""
    country, first = run.shop.country, run.shop.first_day
    if country is None:
        return
    last = date(run.context.day.year + 1, 12, 31)
    until = calendar_until(run.db, run.shop.name, first, made_by(country))
    if until is None or until < last:
        write_calendar(run.db, run.shop.name, make_calendar(country, first, last))
