"""An installation with the generated shop and its Airflow, in which components are killed while days run."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

import psutil
import psycopg
import sqlalchemy as sa

from harness.installations import begin, shopmine
from shopmine.local.processes import Processes
from shopmine.staging.database import Database

if TYPE_CHECKING:
    from shopmine.local.installation import Installation

SHOP, DAG = "demo", "demo.daily"
_DEADLINE_SECONDS: Final = 240.0
_POLL_SECONDS: Final = 0.05
_WORKER: Final = "airflow worker -- "


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """The installation, and the `content_hash` of each day's release as it is without a fault."""

    installation: Installation
    without_fault: Mapping[date, str]

    def pid(self, component: str) -> int:
        """Process number of a component that runs."""
        record = Processes(self.installation.home).find(component)
        assert record, f"{component} does not run"
        return record.pid

    def kill(self, component: str) -> None:
        """SIGKILL of a component's first process, as the kernel does it when memory is short."""
        os.kill(self.pid(component), signal.SIGKILL)

    def kill_everything(self) -> None:
        """SIGKILL of every process of the installation."""
        for process in Processes(self.installation.home).strays():
            process.kill()

    def kill_idle_workers(self) -> None:
        """SIGKILL of the scheduler's workers that wait for a task."""
        for process in psutil.Process(self.pid("airflow-scheduler")).children(recursive=True):
            if _title(process) == f"{_WORKER}LocalExecutor: <idle>":
                process.kill()

    def start(self) -> str:
        """`./shopmine start`; what it said."""
        return shopmine(self.installation, "start")

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """What the staging database answers."""
        database = Database(self.installation.database_url("shopmine"))
        try:
            with database.transaction() as connection:
                return [tuple(row) for row in connection.execute(sa.text(query))]
        finally:
            database.close()

    @contextmanager
    def day(self, day: date) -> Iterator[Run]:
        """`./shopmine run` of a day; it must end green, with the same release as without a fault, and leave nothing."""
        with begin(self.installation, "run", SHOP, day.isoformat()) as command:
            try:
                yield Run(night=self, command=command)
                said, complained = command.communicate(timeout=_DEADLINE_SECONDS)
            finally:
                command.kill()
        assert command.returncode == 0, f"{said}\n{complained}"
        assert f"{SHOP} {day}: success" in said
        assert self.violations(day) == []

    def violations(self, day: date) -> list[str]:
        """What is not as it must be after a day was run to its end."""
        found = [
            f"{what}: {rows}" for what, query in _LEFT.items() if (rows := self.rows(query.format(day=day.isoformat())))
        ]
        hashes = self.rows(f"SELECT content_hash FROM published.releases WHERE day = '{day.isoformat()}'")
        if hashes != [(self.without_fault[day],)]:
            found.append(f"releases of {day}: {hashes}, without a fault {self.without_fault[day]}")
        return found


_LEFT: Final = {
    "runs that run": "SELECT run, day FROM work.runs WHERE state = 'running'",
    "leases": "SELECT name FROM work.leases WHERE expires_at > clock_timestamp()",
    "not exactly one current release": "SELECT count(*) FROM published.releases WHERE is_current HAVING count(*) <> 1",
    "a current release that is not the newest day's": "SELECT day FROM published.releases WHERE is_current"
    " AND day <> (SELECT max(day) FROM published.releases)",
    "batches landed twice": "SELECT source, entity, day FROM raw.batches GROUP BY 1, 2, 3, content_hash HAVING count(*) > 1",
    "rows not accounted for": "SELECT entity, day FROM clean.accounting WHERE expanded <> kept + quarantined + duplicates + filtered",
    "days not prepared once": "SELECT source, entity, day FROM clean.preparations GROUP BY 1, 2, 3"
    " HAVING count(*) FILTER (WHERE is_current) <> 1",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A day under way."""

    night: Night
    command: subprocess.Popen[str]

    @contextmanager
    def amid(self, task: str) -> Iterator[psutil.Process]:
        """Wait until the task's process runs and hold it there; it goes on at the end of the block, if it still lives."""
        process = self._process_of(task)
        try:
            process.suspend()
            yield process
        finally:
            if process.is_running():
                process.resume()

    def _process_of(self, task: str) -> psutil.Process:
        """The process that runs a task: its title ends with the number of the task's instance."""
        deadline = time.monotonic() + _DEADLINE_SECONDS
        url = self.night.installation.database_url("airflow", user="postgres")
        with psycopg.connect(url, autocommit=True) as airflow:
            while time.monotonic() < deadline:
                assert self.command.poll() is None, self.command.communicate()
                for (instance,) in airflow.execute(_INSTANCES, (DAG, task)).fetchall():
                    if found := _titled(f"{_WORKER}{instance}"):
                        return found
                time.sleep(_POLL_SECONDS)
        raise AssertionError(f"{task} did not run within {_DEADLINE_SECONDS:.0f} s")


_INSTANCES: Final = "SELECT id FROM task_instance WHERE dag_id = %s AND task_id = %s AND state IN ('queued', 'running')"


def _titled(title: str) -> psutil.Process | None:
    return next((process for process in psutil.process_iter() if _title(process) == title), None)


def _title(process: psutil.Process) -> str:
    try:
        return "" if process.status() == psutil.STATUS_ZOMBIE else " ".join(process.cmdline()).strip()
    except psutil.NoSuchProcess:
        return ""
