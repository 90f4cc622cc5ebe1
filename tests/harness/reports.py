"""The reports of runs as they are stored, for tests that look into them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from shopmine.staging.runs import RunContext
from shopmine.staging.tables_work import run_steps, runs

if TYPE_CHECKING:
    from shopmine.staging.database import Database
    from shopmine.staging.values import JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How far a step of a run got, with its counts."""

    step: str
    state: str
    detail: Mapping[str, JSON]
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A run with its report; `finished_at` is None while it runs."""

    context: RunContext
    state: str
    started_by: str
    config: Mapping[str, JSON]
    started_at: datetime
    finished_at: datetime | None
    steps: tuple[Step, ...]


def list_runs(db: Database, shop: str, limit: int) -> list[RunRecord]:
    """The newest `limit` runs of a shop, newest first, with their reports."""
    newest = sa.select(runs).where(runs.c.shop == shop).order_by(runs.c.run.desc()).limit(limit)
    with db.snapshot() as connection:
        rows = connection.execute(newest).all()
        numbers = [row.run for row in rows]
        of_these = sa.select(run_steps).where(run_steps.c.run.in_(numbers))
        steps = connection.execute(of_these.order_by(run_steps.c.updated_at, run_steps.c.step)).all()
    return [
        RunRecord(
            context=RunContext(run=row.run, shop=row.shop, day=row.day, known_at=row.known_at),
            state=row.state,
            started_by=row.started_by,
            config=row.config,
            started_at=row.started_at,
            finished_at=row.finished_at,
            steps=tuple(
                Step(step=step.step, state=step.state, detail=step.detail, updated_at=step.updated_at)
                for step in steps
                if step.run == row.run
            ),
        )
        for row in rows
    ]
