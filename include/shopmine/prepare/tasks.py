"""The step `prepare`: what the run reads is fixed, what is new in it becomes facts, and the day is judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from shopmine.columns import AMOUNT, BATCH, DAY, ORDER_ID
from shopmine.config.canonical import ENTITIES
from shopmine.config.days import NO_DAY
from shopmine.config.shops import Shop, load_shop
from shopmine.errors import DataError
from shopmine.faults import fault_point
from shopmine.prepare.accounting import Accounting
from shopmine.prepare.calendar import made_by, make_calendar
from shopmine.prepare.conform import locale_of
from shopmine.prepare.entities import PreparedBatch, Rules, prepare_batches
from shopmine.prepare.gates import (
    QUARANTINED,
    QUARANTINED_EVER,
    Check,
    PrepareGates,
    check_quarantined,
    check_reconciliation,
    check_volume,
    checks_table,
    read_checks,
    stop_at_failures,
)
from shopmine.prepare.groups import group_batches
from shopmine.prepare.integrity import (
    ALL_REFERENCES,
    SOURCE,
    check_freshness,
    check_keys,
    check_references,
)
from shopmine.prepare.outliers import mark_outliers, window
from shopmine.prepare.reconcile import (
    STATUS,
    STORE,
    Reconciliation,
    differences_table,
    orders_of_day,
    reconcile_orders,
    totals_table,
)
from shopmine.prepare.rows import BatchText, Rejected
from shopmine.prepare.step_checks import check_schema, check_steps
from shopmine.staging.accounts import read_accounts
from shopmine.staging.added import calendar_until, write_calendar, write_outliers
from shopmine.staging.artifacts import (
    ArtifactRef,
    artifact_key,
    code_version,
    find_artifact,
    read_artifact,
    write_artifact,
)
from shopmine.staging.batches import Batch, read_many
from shopmine.staging.facts import Counts, Preparation, read_facts, unprepared, write_preparations
from shopmine.staging.leases import Lease, hold_lease
from shopmine.staging.manifests import Manifest, freeze_manifest
from shopmine.staging.rights import deleted_persons
from shopmine.staging.runs import RunContext, attach_artifact, load_run, record_step

if TYPE_CHECKING:
    from shopmine.staging.database import Database
    from shopmine.staging.values import JSON

STEP: Final = "prepare"
CHECKS: Final = "prepare_checks"
MOST_ROWS: Final = 200_000
WAIT_SECONDS: Final = 3600
_MONEY: Final = {AMOUNT: pa.decimal128(38, 10)}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shop:
    """What preparing a batch needs."""

    db: Database
    shop: Shop
    versions: Mapping[tuple[str, str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run(_Shop):
    """What every part of the step needs."""

    context: RunContext
    manifest: Manifest

    def facts(self, entity: str, columns: Sequence[str], **how: Any) -> pa.Table:
        types = {name: type_ for name, type_ in _MONEY.items() if name in columns}
        return read_facts(self.db, self.manifest, entity, columns, self.versions, types=types, **how)


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
    checks = _judge(started)
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
    work = _Shop(db=db, shop=settings, versions={key: settings.rules_version(*key) for key in keys})
    for source, entity in keys:
        _prepare_entity(work, source, entity, batches)


def _start(db: Database, run: int) -> _Run:
    context = load_run(db, run)
    shop = load_shop(context.shop)
    entities = {
        (source.name, entity.name): entity.is_snapshot
        for source in shop.sources.values()
        for entity in source.read_entities()
    }
    versions = {(source, entity): shop.rules_version(source, entity) for source, entity in sorted(entities)}
    manifest = freeze_manifest(db, context, entities)
    return _Run(db=db, context=context, shop=shop, manifest=manifest, versions=versions)


def _prepare_entity(run: _Shop, source: str, entity: str, batches: Sequence[Batch]) -> tuple[int, Accounting]:
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


def _not_known(run: _Run) -> list[JSON]:
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


def _prepare_group(run: _Shop, group: Sequence[Batch], rules: Rules, lease: Lease) -> list[Accounting]:
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
        _preparation(batch, result, run.versions[batch.source, batch.entity], is_snapshot=rules.entity.is_snapshot)
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


def _judge(run: _Run) -> list[Check]:
    """All checks of the day, an artifact of the run, which `publish` shows with the release; judged already: as then."""
    gates = PrepareGates.from_settings(run.shop.gates)
    day = run.context.day
    deleted = sorted(deleted_persons(run.db, run.shop.name))
    key = artifact_key(
        name=CHECKS,
        inputs=[run.manifest.content_hash, *run.versions.values(), *deleted],
        code=code_version("shopmine.prepare"),
        config={
            "shop": run.shop.name,
            "day": day.isoformat(),
            "gates": asdict(gates),
            "sources": [f"{source}.{entity}" for source, entity in run.versions],
            **({"outliers": _marked(run.shop)} if _marked(run.shop) else {}),
        },
        seed=0,
    )
    made = find_artifact(run.db, key) or _judge_anew(run, gates, key, has_deleted=bool(deleted))
    attach_artifact(run.db, run.context.run, CHECKS, made.artifact)
    return read_checks(read_artifact(run.db, made.artifact).frames["checks"])


def _judge_anew(run: _Run, gates: PrepareGates, key: str, *, has_deleted: bool) -> ArtifactRef:
    day = run.context.day
    reconciliation = _reconcile(run, has_deleted=has_deleted)
    checks = [*_entity_checks(run, gates), *_integrity_checks(run, gates)]
    checks += check_reconciliation(reconciliation, day, gates)
    outliers = [_mark(run, entity, column) for entity, column in _marked(run.shop)]
    checks += [check for check, _ in outliers]
    frames = {"checks": checks_table(day, checks)}
    if outliers:
        frames["outliers"] = pa.concat_tables([found for _, found in outliers])
    if reconciliation is not None:
        frames["reconciliation"] = totals_table(reconciliation)
        frames["differences"] = differences_table(reconciliation)
    made = write_artifact(
        run.db, key=key, shop=run.shop.name, name=CHECKS, day=day, frames=frames, meta={}, run=run.context.run
    )
    if outliers and run.context.known_at is None:
        write_outliers(run.db, run.shop.name, day, frames["outliers"], made.artifact)
    return made


def _marked(shop: Shop) -> list[tuple[str, str]]:
    """The (entity, column) whose unusual numbers are marked, by the file of any source."""
    entities = (entity for source in shop.sources.values() for entity in source.entities.values())
    marked = {(e.name, name) for e in entities for name, field in e.fields.items() if field.outliers == "mark"}
    return sorted(marked)


def _mark(run: _Run, entity: str, column: str) -> tuple[Check, pa.Table]:
    key, day = ENTITIES[entity].key, run.context.day
    rows = run.facts(entity, [*dict.fromkeys([DAY, *key, column])], only={DAY: window(day)})
    return mark_outliers(rows, entity=entity, column=column, key=key, day=day)


def _add_calendar(run: _Run) -> None:
    """The country's calendar from the shop's first day to the end of the year after the run's day, where it is not there."""
    country, first = run.shop.country, run.shop.first_day
    if country is None:
        return
    last = date(run.context.day.year + 1, 12, 31)
    until = calendar_until(run.db, run.shop.name, first, made_by(country))
    if until is None or until < last:
        write_calendar(run.db, run.shop.name, make_calendar(country, first, last))


def _entity_checks(run: _Run, gates: PrepareGates) -> list[Check]:
    checks = []
    for source, entity in run.versions:
        own = [batch for batch in run.manifest.batches if (batch.source, batch.entity) == (source, entity)]
        accounts = read_accounts(run.db, own, run.versions)
        settings = run.shop.sources[source].entities[entity]
        name, day = f"{source}.{entity}", run.context.day
        judged = {batch.batch: Accounting(**asdict(accounts[batch.batch])) for batch in own}
        if settings.is_snapshot:
            checks.append(check_quarantined(name, QUARANTINED, judged.values(), gates))
            continue
        n_rows = {batch.day: batch.n_rows for batch in own if batch.day != NO_DAY}
        checks += [check_volume(name, day, n_rows, gates), check_freshness(name, day, n_rows, gates)]
        today = [judged[batch.batch] for batch in own if batch.day == day]
        checks.append(check_quarantined(name, QUARANTINED, today, gates))
        checks.append(check_quarantined(name, QUARANTINED_EVER, judged.values(), gates))
        before = day - timedelta(days=run.shop.sources[source].lookback_days)
        checks += [*check_steps(name, settings, today), *_schema_check(name, own, day, before)]
    return checks


def _schema_check(name: str, own: Sequence[Batch], day: date, until: date) -> list[Check]:
    """The day's columns beside those of the newest day up to `until`: the days in between are read with it."""
    now = next((batch for batch in own if batch.day == day), None)
    before = max((batch for batch in own if NO_DAY < batch.day <= until), key=lambda batch: batch.day, default=None)
    if now is None or before is None or now.columns == before.columns:
        return []
    are, were = ([(column.name, column.type) for column in batch.columns] for batch in (now, before))
    return check_schema(name, are, were, before.day)


def _integrity_checks(run: _Run, gates: PrepareGates) -> list[Check]:
    """Whether what the day's rows name is there, and whether a key of theirs is elsewhere too."""
    offered = {entity for source in run.shop.sources.values() for entity in source.entities}
    day = run.context.day
    checks = []
    for reference in ALL_REFERENCES:
        if {reference.entity, reference.target} <= offered:
            column = reference.column
            named = run.facts(reference.entity, [column], distinct=True, only={DAY: [day]})[column].drop_null()
            known = run.facts(reference.target, [column], only={column: named.to_pylist()})[column]
            checks.append(check_references(reference, named, known, gates))
    sources = {batch.batch: batch.source for batch in run.manifest.batches}
    for name in ("orders", "order_lines", "payments", "refunds"):
        if name in offered:
            key = ENTITIES[name].key
            first = run.facts(name, [key[0]], distinct=True, only={DAY: [day]})[key[0]].drop_null().to_pylist()
            rows = run.facts(name, [*key, DAY, BATCH], only={key[0]: first})
            rows = rows.append_column(SOURCE, pa.array([sources[b] for b in rows[BATCH].to_pylist()], pa.string()))
            checks.append(check_keys(name, key, day, rows, gates))
    return checks


def _reconcile(run: _Run, *, has_deleted: bool) -> Reconciliation | None:
    """The money of the orders of the day; None where the shop has no lines or never had a payment."""
    offered = {entity for source in run.shop.sources.values() for entity in source.entities}
    if not {"order_lines", "payments"} <= offered:
        return None
    moved = [entity for entity in ("payments", "refunds") if entity in offered]
    if not any(len(run.facts(entity, [STATUS], distinct=True)) for entity in moved):
        return None
    today = {DAY: [run.context.day]}
    ids = orders_of_day(
        [run.facts(entity, [ORDER_ID], distinct=True, only=today) for entity in ("order_lines", *moved)]
    )
    judged = {ORDER_ID: ids.to_pylist()}
    lines = run.facts("order_lines", [ORDER_ID, DAY, AMOUNT], only=judged)
    payments, *refunds = (run.facts(entity, [ORDER_ID, AMOUNT, STATUS], only=judged) for entity in moved)
    orders = run.facts("orders", [ORDER_ID, DAY, STORE], only=judged) if "orders" in offered else None
    found = reconcile_orders(lines, payments, refunds[0] if refunds else None, orders)
    # What a deleted person paid stays, without the person; the lines it was paid for are gone.
    return found.with_lines() if has_deleted else found
