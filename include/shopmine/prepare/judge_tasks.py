"""Judging a day of prepared rows, kept as one artifact. With `tasks` the only module of this stage that sees the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from shopmine.columns import AMOUNT, BATCH, DAY, ORDER_ID, SOURCE
from shopmine.config.canonical import ENTITIES
from shopmine.config.days import NO_DAY
from shopmine.config.versions import version_until
from shopmine.prepare.accounting import Accounting
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
)
from shopmine.prepare.integrity import (
    ALL_REFERENCES,
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
from shopmine.prepare.step_checks import check_schema, check_steps
from shopmine.staging.accounts import read_accounts
from shopmine.staging.added import show_outliers
from shopmine.staging.artifacts import (
    ArtifactRef,
    artifact_key,
    code_version,
    find_artifact,
    read_artifact,
    write_artifact,
)
from shopmine.staging.facts import read_facts
from shopmine.staging.rights import deleted_persons
from shopmine.staging.runs import RunContext, attach_artifact

if TYPE_CHECKING:
    from shopmine.config.shops import Shop
    from shopmine.staging.batches import Batch
    from shopmine.staging.database import Database
    from shopmine.staging.manifests import Manifest

CHECKS: Final = "prepare_checks"
OUTLIERS: Final = "outliers"
_MONEY: Final = {AMOUNT: pa.decimal128(38, 10)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopWork:
    """What preparing a batch needs."""

    db: Database
    shop: Shop
    versions: Mapping[tuple[str, str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DayRun(ShopWork):
    """What every part of the step needs."""

    context: RunContext
    manifest: Manifest
    read: dict[tuple[str, str], pa.ChunkedArray] = field(default_factory=dict)

    def facts(self, entity: str, columns: Sequence[str], **how: Any) -> pa.Table:
        """Rows of an entity as the run knows it; `how` as for `read_facts`."""
        types = {name: type_ for name, type_ in _MONEY.items() if name in columns}
        return read_facts(self.db, self.manifest, entity, columns, self.versions, types=types, **how)

    def of_day(self, entity: str, column: str) -> pa.ChunkedArray:
        """The values that rows of the day have in a column, each once, nulls left out; read once for all gates."""
        if (entity, column) not in self.read:
            found = self.facts(entity, [column], distinct=True, only={DAY: [self.context.day]})
            self.read[entity, column] = found[column].drop_null()
        return self.read[entity, column]


def judge_day(run: DayRun) -> list[Check]:
    """All checks of the day, an artifact of the run, which `publish` shows with the release; judged already: as then."""
    gates = PrepareGates.from_settings(run.shop.gates)
    day = run.context.day
    deleted = sorted(deleted_persons(run.db, run.shop.name))
    key = artifact_key(
        name=CHECKS,
        inputs=[run.manifest.content_hash, *(version_until(v, day) for v in run.versions.values()), *deleted],
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
    frames = read_artifact(run.db, made.artifact).frames
    if OUTLIERS in frames and run.context.known_at is None:
        show_outliers(run.db, run.shop.name, day, frames[OUTLIERS], made.artifact)
    return read_checks(frames["checks"])


def _judge_anew(run: DayRun, gates: PrepareGates, key: str, *, has_deleted: bool) -> ArtifactRef:
    day = run.context.day
    reconciliation = _reconcile(run, has_deleted=has_deleted)
    checks = [*_entity_checks(run, gates), *_integrity_checks(run, gates)]
    checks += check_reconciliation(reconciliation, day, gates)
    outliers = [_mark(run, entity, column) for entity, column in _marked(run.shop)]
    checks += [check for check, _ in outliers]
    frames = {"checks": checks_table(day, checks)}
    if outliers:
        frames[OUTLIERS] = pa.concat_tables([found for _, found in outliers])
    if reconciliation is not None:
        frames["reconciliation"] = totals_table(reconciliation)
        frames["differences"] = differences_table(reconciliation)
    return write_artifact(
        run.db, key=key, shop=run.shop.name, name=CHECKS, day=day, frames=frames, meta={}, run=run.context.run
    )


def _marked(shop: Shop) -> list[tuple[str, str]]:
    """The (entity, column) whose unusual numbers are marked, by the file of any source."""
    entities = (entity for source in shop.sources.values() for entity in source.entities.values())
    marked = {(e.name, name) for e in entities for name, field in e.fields.items() if field.outliers == "mark"}
    return sorted(marked)


def _mark(run: DayRun, entity: str, column: str) -> tuple[Check, pa.Table]:
    key, day = ENTITIES[entity].key, run.context.day
    rows = run.facts(entity, [*dict.fromkeys([DAY, *key, column])], only={DAY: window(day)})
    return mark_outliers(rows, entity=entity, column=column, key=key, day=day)


def _entity_checks(run: DayRun, gates: PrepareGates) -> list[Check]:
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


def _integrity_checks(run: DayRun, gates: PrepareGates) -> list[Check]:
    """Whether what the day's rows name is there, and whether a key of theirs is elsewhere too."""
    offered = {entity for source in run.shop.sources.values() for entity in source.entities}
    day = run.context.day
    checks = []
    for reference in ALL_REFERENCES:
        if {reference.entity, reference.target} <= offered:
            column = reference.column
            named = run.of_day(reference.entity, column)
            known = run.facts(reference.target, [column], only={column: named.to_pylist()})[column]
            checks.append(check_references(reference, named, known, gates))
    sources = {batch.batch: batch.source for batch in run.manifest.batches}
    for name in ("orders", "order_lines", "payments", "refunds"):
        if name in offered:
            key = ENTITIES[name].key
            rows = run.facts(name, [*key, DAY, BATCH], only={key[0]: run.of_day(name, key[0]).to_pylist()})
            rows = rows.append_column(SOURCE, pa.array([sources[b] for b in rows[BATCH].to_pylist()], pa.string()))
            checks.append(check_keys(name, key, day, rows, gates))
    return checks


def _reconcile(run: DayRun, *, has_deleted: bool) -> Reconciliation | None:
    """The money of the orders of the day; None where the shop has no lines or never had a payment."""
    offered = {entity for source in run.shop.sources.values() for entity in source.entities}
    if not {"order_lines", "payments"} <= offered:
        return None
    moved = [entity for entity in ("payments", "refunds") if entity in offered]
    if not any(len(run.facts(entity, [STATUS], distinct=True)) for entity in moved):
        return None
    ids = orders_of_day(run.of_day(entity, ORDER_ID) for entity in ("order_lines", *moved))
    judged = {ORDER_ID: ids.to_pylist()}
    lines = run.facts("order_lines", [ORDER_ID, DAY, AMOUNT], only=judged)
    payments, *refunds = (run.facts(entity, [ORDER_ID, AMOUNT, STATUS], only=judged) for entity in moved)
    orders = run.facts("orders", [ORDER_ID, DAY, STORE], only=judged) if "orders" in offered else None
    found = reconcile_orders(lines, payments, refunds[0] if refunds else None, orders)
    # What a deleted person paid stays, without the person; the lines it was paid for are gone.
    return found.with_lines() if has_deleted else found
