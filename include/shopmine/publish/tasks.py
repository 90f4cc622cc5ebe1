"""Publishing a run's results: with `sink_tasks` the only module of this stage that sees the database."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
import pyarrow as pa
import sqlalchemy as sa

from shopmine.columns import CUSTOMER, KIND, METRIC, MODEL, PRODUCT, VALUE
from shopmine.config.shops import load_shop
from shopmine.config.versions import version_until
from shopmine.faults import fault_point
from shopmine.mining.registry import MODELS
from shopmine.prepare.gates import Check
from shopmine.publish.compare import Comparison, ReleaseFrames, compare_releases
from shopmine.publish.day_facts import DAY_COLUMNS, day_facts
from shopmine.publish.gates import (
    MAIN_LIST,
    Candidate,
    Catalogue,
    GatesConfig,
    PreviousRelease,
    check_release,
    stop_at_failures,
)
from shopmine.publish.results import (
    METRICS,
    STALE_DAYS,
    ModelOutcome,
    checks_table,
    drop_hidden,
    gate_frame,
    merge_results,
    model_checks,
)
from shopmine.publish.rights import Rights
from shopmine.publish.sink_tasks import PUBLISH_STEP, refresh_sinks, remove_from_sinks, write_sink
from shopmine.publish.statistics import day_statistics
from shopmine.staging.artifacts import artifact_key, code_version, frame_hash, read_artifact
from shopmine.staging.facts import read_facts
from shopmine.staging.leases import hold_lease
from shopmine.staging.manifests import load_manifest
from shopmine.staging.releases import (
    RELEASED,
    Release,
    approve,
    current_release,
    find_release,
    is_pinned,
    list_releases,
    publish_release,
    read_release,
)
from shopmine.staging.results import result_schema
from shopmine.staging.rights import list_rights
from shopmine.staging.runs import RunContext, load_run, record_step, run_artifacts
from shopmine.staging.tables_work import manifests, run_steps

if TYPE_CHECKING:
    from shopmine.config.shops import Shop
    from shopmine.staging.database import Database
    from shopmine.staging.leases import Lease
    from shopmine.staging.manifests import Manifest
    from shopmine.staging.values import JSON

__all__ = ["compare", "pointer_lease", "publish", "refresh_sinks", "remove_from_sinks", "write_sink"]

PREPARE_CHECKS: Final = "prepare_checks"
_WAIT_SECONDS: Final = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """A run with what every step of publishing needs of it."""

    db: Database
    context: RunContext
    shop: Shop
    gates: GatesConfig
    rights: Rights
    manifest: Manifest
    rules: Mapping[tuple[str, str], str]

    @property
    def day(self) -> date:
        """The run's day."""
        return self.context.day


def pointer_lease(shop: str) -> str:
    """Name of the lease over a shop's current release."""
    return f"{shop}/pointer"


def publish(db: Database, run: int) -> int:
    """Judge a run's results as a whole and make them visible in one step.

    What a failed model could not give of this day is carried over from the release of the newest earlier day, marked
    stale with the reason; without a failure the results depend on no other release. The same results of the same day
    twice are one release.

    Args:
        db: the staging database.
        run: its number; `prepare`, `features` and the models have run.

    Returns:
        The release's number.

    Raises:
        GateError: a gate stopped it; nothing was published.
        ConfigError: the gates' settings are wrong.
    """
    state = _open(db, run)
    earlier = _earlier_release(state)
    artifacts = run_artifacts(db, run)
    applied = {entry.name: artifacts.get(f"{entry.name}.apply") for entry in MODELS}
    catalogue = _catalogue(state)
    with hold_lease(db, pointer_lease(state.shop.name), wait_seconds=_WAIT_SECONDS) as lease:
        outcomes = [_outcome(state, name, artifact, earlier, catalogue) for name, artifact in applied.items()]
        key = _release_key(state, outcomes)
        found = _same_release(state, key)
        if found is None:
            found = _release(state, key, *_judged(state, outcomes, earlier, catalogue, artifacts), lease)
        elif _should_return(state, found):
            found = approve(db, state.shop.name, found.release, lease)
    detail: dict[str, JSON] = {
        "release": found.release,
        "is_current": found.is_current,
        "state": found.state,
        "n_rows": dict(found.n_rows),
        "not_of_this_day": {outcome.model: outcome.reason for outcome in outcomes if outcome.reason},
    }
    record_step(db, run, PUBLISH_STEP, "done", detail)
    return found.release


def _release(state: _Run, key: str, tables: Mapping[str, pa.Table], checks: Sequence[Check], lease: Lease) -> Release:
    fault_point("publish.checked")
    made = publish_release(
        state.db,
        shop=state.shop.name,
        day=state.day,
        known_at=state.context.known_at,
        run=state.context.run,
        key=key,
        tables={**tables, "checks": checks_table(checks, state.day)},
        lease=lease,
        is_newest=not _is_outdated(state),
    )
    fault_point("publish.committed")
    return made


def compare(db: Database, shop: str, old: int, new: int) -> Comparison:
    """The difference of two releases of a shop.

    Raises:
        NotFoundError: the shop has no such release.
    """
    return compare_releases(*(_release_frames(db, find_release(db, shop, release)) for release in (old, new)))


def _release_frames(db: Database, release: Release) -> ReleaseFrames:
    def read(table: str, *columns: str) -> pd.DataFrame:
        schema = pa.schema([result_schema(table).field(column) for column in columns])
        frame: pd.DataFrame = read_release(db, release.release, table, schema).to_pandas()
        return frame

    segments = read("segments", "segment", "name_en", "name_zh").to_dict("records")
    return ReleaseFrames(
        release=release.release,
        day=release.day.isoformat(),
        customers=read("customers", CUSTOMER, "segment"),
        recommendations=read("recommendations", CUSTOMER, "list", "rank", PRODUCT),
        metrics=read(METRICS, MODEL, METRIC, VALUE),
        statistics=read("statistics", METRIC, "key", VALUE),
        checks=read("checks", "check_name", "passed", "actual"),
        names={
            str(row["segment"]): " ".join(str(row[name]) for name in ("name_en", "name_zh") if pd.notna(row[name]))
            for row in segments
        },
    )


def _open(db: Database, run: int) -> _Run:
    context = load_run(db, run)
    shop = load_shop(context.shop)
    persons: dict[str, set[str]] = {}
    for right in list_rights(db, shop.name):
        persons.setdefault(right.kind, set()).add(right.customer)
    entities = [(name, entity.name) for name, source in shop.sources.items() for entity in source.read_entities()]
    return _Run(
        db=db,
        context=context,
        shop=shop,
        gates=GatesConfig.from_settings(shop.gates),
        rights=Rights(shop=shop.name, persons={kind: frozenset(who) for kind, who in persons.items()}),
        manifest=load_manifest(db, run),
        rules={key: shop.rules_version(*key) for key in entities},
    )


def _earlier_release(state: _Run) -> Release | None:
    """What stands in for a failed model and is compared with: the last release of the newest earlier day.

    Of the same view only: results as known now never reach those as known at a moment, nor the other way round. One that
    waits for approval does not count.
    """
    earlier = [
        found
        for found in list_releases(state.db, state.shop.name)
        if found.state == RELEASED and found.day < state.day and found.known_at == state.context.known_at
    ]
    return max(earlier, key=lambda found: (found.day, found.release), default=None)


def _catalogue(state: _Run) -> Catalogue | None:
    mapped = {entity for source in state.shop.sources.values() for entity in source.entities}
    if "products" not in mapped:
        return None
    columns = [PRODUCT, KIND, "listed"]
    return Catalogue(
        products=read_facts(state.db, state.manifest, "products", columns, state.rules).to_pandas(),
        is_whole=state.manifest.gives_all(state.shop.whole_reads("products"), state.day),
    )


def _outcome(
    state: _Run, model: str, artifact: int | None, earlier: Release | None, catalogue: Catalogue | None
) -> ModelOutcome:
    """What there is of a model: its artifact of this run; where it failed, what the earlier release has of it.

    An artifact counts only while no step of the model has failed since: a step that is run again may fail now. Too little
    data is no failure: it follows from the day's data alone, and so must what is published.
    """
    failed = _failure(state, model)
    if artifact is not None and not failed:
        found = read_artifact(state.db, artifact)
        why = found.meta.get("not_mined")
        if why is not None:
            return ModelOutcome(model=model, reason=str(why))
        return ModelOutcome(model=model, tables=state.rights.filter(found.frames))
    reason = failed or f"the model failed in run {state.context.run}; see the logs of its tasks"
    if earlier is None:
        return ModelOutcome(model=model, reason=reason)
    return _carried(state, model, reason, earlier, catalogue)


def _failure(state: _Run, model: str) -> str:
    """What the report says of the model's steps that failed when they last ran; empty when none did."""
    query = sa.select(run_steps.c.detail).where(
        run_steps.c.run == state.context.run,
        run_steps.c.step.in_([f"{model}.fit", f"{model}.apply"]),
        run_steps.c.state == "failed",
    )
    with state.db.snapshot() as connection:
        said = [detail.get("error") for detail in connection.execute(query).scalars()]
    return "; ".join(str(error) for error in said if error)


def _carried(state: _Run, model: str, reason: str, earlier: Release, catalogue: Catalogue | None) -> ModelOutcome:
    """The rows that the earlier release has of a model, without products that must not be shown by now."""
    (entry,) = [entry for entry in MODELS if entry.name == model]
    tables = {}
    for name in entry.tables:
        rows = drop_hidden(name, read_release(state.db, earlier.release, name), catalogue)
        if rows.num_rows:
            tables[name] = rows
    if not tables:
        return ModelOutcome(model=model, reason=reason)
    metrics = read_release(state.db, earlier.release, METRICS)
    tables[METRICS] = metrics.filter(pa.array([value == model for value in metrics[MODEL].to_pylist()], pa.bool_()))
    before = [row for row in tables[METRICS].to_pylist() if row[METRIC] == STALE_DAYS]
    age = int(before[0][VALUE]) if before else 0
    return ModelOutcome(
        model=model,
        tables=state.rights.filter(tables),
        reason=reason,
        carried_from=(earlier.release, earlier.day),
        stale_days=age + (state.day - earlier.day).days,
    )


def _release_key(state: _Run, outcomes: Sequence[ModelOutcome]) -> str:
    """Names what decides the release: the facts, each model's rows, rights, settings and this stage's code."""
    persons = {kind: sorted(who) for kind, who in sorted(state.rights.persons.items())}
    inputs = [
        state.manifest.content_hash,
        hashlib.sha256(json.dumps(persons).encode()).hexdigest(),
        *(
            f"{source}/{entity}={version_until(rules, state.day)}"
            for (source, entity), rules in sorted(state.rules.items())
        ),
    ]
    for outcome in outcomes:
        inputs += [outcome.model, outcome.reason or ""]
        inputs += [f"{name}={frame_hash(table)}" for name, table in sorted(outcome.tables.items())]
    known_at = state.context.known_at
    config: dict[str, Any] = {
        "gates": state.shop.config_hash("gates"),
        "known_at": known_at.isoformat() if known_at else None,
        "stale": {outcome.model: outcome.stale_days for outcome in outcomes},
    }
    return artifact_key(name="release", inputs=inputs, code=code_version("shopmine.publish"), config=config, seed=0)


def _same_release(state: _Run, key: str) -> Release | None:
    releases = list_releases(state.db, state.shop.name)
    return next((found for found in releases if found.key == key and found.day == state.day), None)


def _should_return(state: _Run, found: Release) -> bool:
    """Whether a release that is there already is to be shown: as a new one of its day would be, unless the shop is pinned.

    So a day that is run again takes the place of another release of it, and of an older day that was approved.
    """
    if found.is_current or is_pinned(state.db, found.shop) or _is_outdated(state):
        return False
    current = current_release(state.db, found.shop)
    return current is None or current.rank <= found.rank


def _is_outdated(state: _Run) -> bool:
    """Whether what is shown of this day was made, or found again, from facts that were fixed later than this run's."""
    current = current_release(state.db, state.shop.name)
    if current is None or (current.day, current.known_at) != (state.day, state.context.known_at):
        return False
    said = sa.select(run_steps.c.run).where(
        run_steps.c.step == PUBLISH_STEP, run_steps.c.detail["release"].as_integer() == current.release
    )
    newest = sa.select(sa.func.max(manifests.c.manifest)).where(
        sa.or_(manifests.c.run == current.run, manifests.c.run.in_(said))
    )
    with state.db.snapshot() as connection:
        fixed = connection.execute(newest).scalar_one()
    return fixed is not None and fixed > state.manifest.manifest


def _judged(
    state: _Run,
    outcomes: Sequence[ModelOutcome],
    earlier: Release | None,
    catalogue: Catalogue | None,
    artifacts: Mapping[str, int],
) -> tuple[dict[str, pa.Table], list[Check]]:
    """All tables but the checks, and the checks; raises when a gate stops them."""
    tables = merge_results(outcomes, state.day)
    candidate = Candidate(
        tables={name: gate_frame(name, rows) for name, rows in tables.items()},
        catalogue=catalogue,
        rights=state.rights,
        previous=None if earlier is None else _previous(state, earlier),
        not_mined={outcome.model: outcome.reason for outcome in outcomes if outcome.reason},
    )
    checks = [*_prepare_checks(state, artifacts), *model_checks(outcomes, state.day)]
    checks += check_release(candidate, state.gates)
    failed = [check.check_name for check in checks if not check.passed]
    record_step(state.db, state.context.run, PUBLISH_STEP, "checked", {"failed": failed, "checks": len(checks)})
    stop_at_failures(checks, day=state.day.isoformat())
    statistics = pa.Table.from_pandas(_statistics(state), preserve_index=False)
    return {**tables, "statistics": statistics}, checks


def _previous(state: _Run, earlier: Release) -> PreviousRelease:
    wanted = {"customers": [CUSTOMER, "segment"], "recommendations": [CUSTOMER, "list", "rank", PRODUCT]}
    schemas = {name: pa.schema([result_schema(name).field(column) for column in wanted[name]]) for name in wanted}
    only = {"recommendations": {"list": MAIN_LIST}}
    frames = {
        name: read_release(state.db, earlier.release, name, schemas[name], **only.get(name, {})).to_pandas()
        for name in wanted
    }
    return PreviousRelease(release=earlier.release, gap_days=(state.day - earlier.day).days, **frames)


def _prepare_checks(state: _Run, artifacts: Mapping[str, int]) -> list[Check]:
    """What `prepare` checked; it stops a run itself, so here these only inform."""
    if PREPARE_CHECKS not in artifacts:
        return []
    found = read_artifact(state.db, artifacts[PREPARE_CHECKS])
    names = ("check_name", "expected", "actual", "passed", "detail")
    return [Check(**{name: row[name] for name in names}) for row in found.frames["checks"].to_pylist()]


def _statistics(state: _Run) -> pd.DataFrame:
    of_day = replace(state.manifest, batches=tuple(batch for batch in state.manifest.batches if batch.day == state.day))
    frames = {
        entity: read_facts(state.db, of_day, entity, columns, state.rules) for entity, columns in DAY_COLUMNS.items()
    }
    before = replace(state.manifest, batches=tuple(batch for batch in state.manifest.batches if batch.day < state.day))
    earlier = read_facts(state.db, before, "order_lines", [CUSTOMER, KIND], state.rules, distinct=True)
    products = read_facts(state.db, state.manifest, "products", [PRODUCT, "category"], state.rules)
    return day_statistics(day_facts(frames, earlier, products), state.day)
