"""A shop's day without Airflow, as the fault kit runs it (`shopmine.drill.day`), and what it made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shopmine.drill.day import Stage, Watch, day_stages, run_day, run_stages
from shopmine.staging.runs import run_artifacts

if TYPE_CHECKING:
    from shopmine.staging.database import Database
    from shopmine.staging.releases import Release

__all__ = ["Stage", "Watch", "artifacts_of", "day_stages", "run_day", "run_stages"]


def artifacts_of(db: Database, release: Release) -> dict[str, int]:
    """The artifacts of the run that made a release, by name."""
    return run_artifacts(db, release.run)
