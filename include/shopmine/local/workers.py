"""The worker processes of Airflow's LocalExecutor: remembered when the scheduler starts, missed when one was killed.

The executor replaces a worker that died. But one that is killed while it waits for a task takes the lock on the queue with
it: the others, and those made in its place, wait for ever, and the scheduler's health shows nothing of it. Only a new
scheduler helps.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil

from shopmine.local.layout import read_json, write_private
from shopmine.local.processes import Record, start_ticks

if TYPE_CHECKING:
    from shopmine.local.installation import Installation

_TITLE: Final = "airflow worker -- LocalExecutor"
_APPEAR_SECONDS: Final = 15.0
_POLL_SECONDS: Final = 0.2


def note_workers(installation: Installation, scheduler: Record) -> None:
    """Remember the workers of a scheduler that was just started; waits a moment until all are there.

    With another executor there are none, and none is missed.
    """
    settings = installation.environment()
    is_local = settings["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    wanted = int(settings["AIRFLOW__CORE__PARALLELISM"]) if is_local else 0
    deadline = time.monotonic() + _APPEAR_SECONDS
    while len(found := _workers(scheduler)) < wanted and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    noted = {"scheduler": [scheduler.pid, scheduler.ticks], "workers": found}
    write_private(_note(installation.home), json.dumps(noted))


def has_lost_a_worker(home: Path, scheduler: Record) -> bool:
    """Whether a worker that the scheduler began with is gone."""
    noted = read_json(_note(home))
    if noted.get("scheduler") != [scheduler.pid, scheduler.ticks]:
        return False
    return any(start_ticks(pid) != ticks for pid, ticks in noted["workers"])


def _workers(scheduler: Record) -> list[tuple[int, int | None]]:
    """Process number and start of each."""
    try:
        children = psutil.Process(scheduler.pid).children()
    except psutil.NoSuchProcess:
        return []
    return [(child.pid, start_ticks(child.pid)) for child in children if _title(child).startswith(_TITLE)]


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # a zombie is none either
        return ""


def _note(home: Path) -> Path:
    return home / "run" / "airflow-workers.note"
