"""Runs: what was started for which day, step by step, and the artifacts each run made or found."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from shopmine.errors import NotFoundError
from shopmine.staging import tables_work
from shopmine.staging.database import Database
from shopmine.staging.tables_work import run_steps, runs
from shopmine.staging.values import JSON, canonical_text

RUNNING = "running"
ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """What a run is about: results for `day` as known at `known_at`, or as now known where that is None."""

    run: int
    shop: str
    day: date
    known_at: datetime | None


def open_run(
    db: Database,
    *,
    shop: str,
    day: date,
    known_at: datetime | None,
    started_by: str,
    config: Mapping[str, JSON],
) -> RunContext:
    """Note that a run starts, and give it its number.

    A run that the same starter left running (it was killed, or started again) is abandoned with this.

    Raises:
        DataError: `config` is no JSON.
    """
    canonical_text(dict(config))
    values = {"shop": shop, "day": day, "known_at": known_at, "started_by": started_by, "config": dict(config)}
    left = (runs.c.shop == shop) & (runs.c.started_by == started_by) & (runs.c.state == RUNNING)
    with db.transaction() as connection:
        ended = sa.update(runs).where(left).values(state=ABANDONED, finished_at=sa.func.clock_timestamp())
        connection.execute(ended)
        made = sa.insert(runs).values(state=RUNNING, **values).returning(runs.c.run)
        run = connection.execute(made).scalar_one()
    return RunContext(run=run, shop=shop, day=day, known_at=known_at)


def load_run(db: Database, run: int) -> RunContext:
    """The context of a run.

    Raises:
        NotFoundError: there is no such run.
    """
    with db.snapshot() as connection:
        row = connection.execute(sa.select(runs).where(runs.c.run == run)).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no run {run}; work.runs lists them (./shopmine sql)")
    return RunContext(run=row.run, shop=row.shop, day=row.day, known_at=row.known_at)


def record_step(db: Database, run: int, step: str, state: str, detail: Mapping[str, JSON]) -> None:
    """Write a step of the run's report; the newest word on a step replaces the older one.

    Raises:
        DataError: `detail` is no JSON.
    """
    canonical_text(dict(detail))
    values = {"state": state, "detail": dict(detail), "updated_at": sa.func.clock_timestamp()}
    with db.transaction() as connection:
        connection.execute(
            insert(run_steps)
            .values(run=run, step=step, **values)
            .on_conflict_do_update(index_elements=["run", "step"], set_=values)
        )


def finish_run(db: Database, run: int, state: str) -> None:
    """Note how the run ended."""
    with db.transaction() as connection:
        ended = sa.update(runs).where(runs.c.run == run).values(state=state, finished_at=sa.func.clock_timestamp())
        connection.execute(ended)


def attach_artifact(db: Database, run: int, name: str, artifact: int) -> None:
    """Note that the run goes by this artifact under this name; a retry replaces it."""
    note = insert(tables_work.run_artifacts).values(run=run, name=name, artifact=artifact)
    with db.transaction() as connection:
        connection.execute(note.on_conflict_do_update(index_elements=["run", "name"], set_={"artifact": artifact}))


def run_artifacts(db: Database, run: int) -> dict[str, int]:
    """The artifacts of a run by name."""
    table = tables_work.run_artifacts
    with db.snapshot() as connection:
        rows = connection.execute(sa.select(table.c.name, table.c.artifact).where(table.c.run == run)).all()
    return {row.name: row.artifact for row in sorted(rows)}
