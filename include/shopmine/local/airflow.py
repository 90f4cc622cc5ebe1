"""Airflow on one machine: its database, its four processes, and their health."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from shopmine.config.days import utc_now
from shopmine.errors import ShopmineError, SourceUnavailableError
from shopmine.local.airflow_api import AirflowApi, PartHealth
from shopmine.local.layout import write_private
from shopmine.local.ports import is_free
from shopmine.local.processes import Launch, Processes, Record, last_lines
from shopmine.local.server import ComponentStatus, Say
from shopmine.local.workers import has_lost_a_worker, note_workers

if TYPE_CHECKING:
    from shopmine.local.installation import Installation

_POLL_SECONDS: Final = 0.3
_READY_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Component:
    name: str
    title: str
    command: tuple[str, ...]
    part: str  # its name on Airflow's health page


_API_SERVER = _Component(
    name="airflow-api-server", title="Airflow UI and API", command=("api-server",), part="metadatabase"
)
# The API server reads the log files itself, so that the scheduler and the triggerer need no server for them.
_SCHEDULER = _Component(
    name="airflow-scheduler", title="Airflow scheduler", command=("scheduler", "--skip-serve-logs"), part="scheduler"
)
_OTHERS: Final = (
    _SCHEDULER,
    _Component(
        name="airflow-dag-processor", title="Airflow DAG processor", command=("dag-processor",), part="dag_processor"
    ),
    _Component(
        name="airflow-triggerer",
        title="Airflow triggerer",
        command=("triggerer", "--skip-serve-logs"),
        part="triggerer",
    ),
)
_POOLS: Final = {
    "sources": (2, "tasks that read or write a shop's own servers: at most so many at once"),
    "fits": (1, "tasks that fit models: each uses a core and much memory"),
}


class Airflow:
    """Airflow of an installation; its database must run."""

    def __init__(self, installation: Installation, *, say: Say = lambda _line: None) -> None:
        self._installation = installation
        self._processes = Processes(installation.home)
        self._say = say
        self.url = f"http://127.0.0.1:{installation.port('airflow')}"

    def api(self) -> AirflowApi:
        """A client with the administrator's login."""
        return AirflowApi(self.url, user="admin", password=self._installation.secret("airflow_admin"))

    def migrate(self, *, is_forced: bool = False) -> None:
        """Bring Airflow's database to this version; a database known to be at it is not looked at again.

        Raises:
            SourceUnavailableError: `airflow db migrate` failed; with its last lines.
        """
        stamp, wanted = self._installation.home / "airflow-database", version("apache-airflow-core")
        if not is_forced and stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
            return
        self._say(f"preparing Airflow's database for version {wanted}")
        log = self._installation.logs / "airflow-db-migrate.log"
        with log.open("ab") as output:
            command = [sys.executable, "-m", "airflow", "db", "migrate"]
            done = subprocess.run(
                command,
                env=process_environment(self._installation),
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if done.returncode != 0:
            raise SourceUnavailableError(f"airflow db migrate failed; the end of {log}:\n{last_lines(log)}")
        write_private(stamp, wanted)

    def start(self) -> None:
        """Start what does not run, restart what runs with other settings, wait until all is healthy.

        Raises:
            SourceUnavailableError: a process ended or is not healthy in time; with the last lines of its log.
        """
        with self._installation.lock("airflow"):
            self.migrate()
            self._free_port()
            self._write_login()
            fingerprint = self._fingerprint()
            # Tasks that start before the API server answers would fail, so the scheduler waits for it.
            if self._ensure(_API_SERVER, fingerprint):
                self._wait_healthy({_API_SERVER: utc_now()})
                self._make_pools()
            started = {component: utc_now() for component in _OTHERS if self._ensure(component, fingerprint)}
            self._wait_healthy(started)
            if _SCHEDULER in started and (scheduler := self._processes.find(_SCHEDULER.name)):
                note_workers(self._installation, scheduler)
            self._wait_healthy(dict.fromkeys((_API_SERVER, *_OTHERS)))

    def stop(self) -> list[str]:
        """Stop every process and what it started; the scheduler first, so that its tasks can still report."""
        with self._installation.lock("airflow"):
            return [
                component.title
                for component in (*_OTHERS, _API_SERVER)
                if self._processes.stop(component.name, gently=signal.SIGTERM, whole_group=True, seconds=20)
            ]

    def status(self) -> list[ComponentStatus]:
        """The state of every process: running, stopped, not answering, or (the scheduler) lost a worker."""
        health, _ = self._health()
        return [self._status_of(component, health) for component in (_API_SERVER, *_OTHERS)]

    def is_running(self) -> bool:
        """Whether every process runs and is healthy."""
        return all(status.state == "running" for status in self.status())

    def _status_of(self, component: _Component, health: Mapping[str, PartHealth]) -> ComponentStatus:
        record = self._processes.find(component.name)
        if record is None:
            state = "stopped"
        elif not _is_healthy(health.get(component.part)):
            state = "not answering"
        else:
            is_short = component is _SCHEDULER and has_lost_a_worker(self._installation.home, record)
            state = "lost a worker" if is_short else "running"
        address = self.url if component is _API_SERVER else ""
        pid = record.pid if record else None
        return ComponentStatus(name=component.name, title=component.title, state=state, address=address, pid=pid)

    def _ensure(self, component: _Component, fingerprint: str) -> bool:
        record = self._processes.find(component.name)
        why = self._why_anew(component, record, fingerprint) if record else None
        if record and why is None:
            return False
        if why:
            self._say(f"{component.title}: {why}, starting it anew")
        self._processes.stop(component.name, whole_group=True, seconds=20 if record else 3)
        launch = Launch(
            command=[sys.executable, "-m", "airflow", *component.command],
            environment=process_environment(self._installation),
            log=self._installation.logs / f"{component.name}.log",
            fingerprint=fingerprint,
        )
        self._processes.start(component.name, launch)
        return True

    def _why_anew(self, component: _Component, record: Record, fingerprint: str) -> str | None:
        """Why a process that runs should not go on; None when it may."""
        if record.fingerprint != fingerprint:
            return "settings changed"
        if component is _SCHEDULER and has_lost_a_worker(self._installation.home, record):
            return "a worker of it was killed"
        database = self._processes.find("postgres")
        # A scheduler whose database went away ends, but only after its tasks did; the API server connects again.
        if component is not _API_SERVER and database and record.ticks < database.ticks:
            return "its database was gone"
        return None

    def _wait_healthy(self, components: Mapping[_Component, datetime | None]) -> None:
        """Wait until all are healthy; one with a time must have given a sign of life since then."""
        began, waiting = time.monotonic(), dict(components)
        while waiting:
            health, why_none = self._health()
            for component, since in list(waiting.items()):
                log = self._installation.logs / f"{component.name}.log"
                if self._processes.find(component.name) is None:
                    raise SourceUnavailableError(f"{component.title} ended; the end of {log}:\n{last_lines(log)}")
                if _is_healthy(health.get(component.part), since):
                    del waiting[component]
                    if since:
                        self._say(f"{component.title} runs ({time.monotonic() - began:.1f} s)")
                elif time.monotonic() - began > _READY_SECONDS:
                    why = f"is not healthy after {_READY_SECONDS:.0f} s{why_none}"
                    raise SourceUnavailableError(f"{component.title} {why}; the end of {log}:\n{last_lines(log)}")
            if waiting:
                time.sleep(_POLL_SECONDS)

    def _health(self) -> tuple[dict[str, PartHealth], str]:
        """What the API says of each part, or nothing and why."""
        api = self.api()
        try:
            return (
                (api.health(), "") if self._processes.find(_API_SERVER.name) else ({}, "; the API server does not run")
            )
        except ShopmineError as error:
            return {}, f"; {error}"
        finally:
            api.close()

    def _make_pools(self) -> None:
        api = self.api()
        for name, (slots, about) in _POOLS.items():
            api.ensure_pool(name, slots=slots, about=about)
        api.close()

    def _free_port(self) -> None:
        port = self._installation.port("airflow")
        if self._processes.find(_API_SERVER.name) or is_free(port):
            return
        self._processes.stop(_API_SERVER.name, whole_group=True)
        if not is_free(port):
            new = self._installation.move_port("airflow")
            self._say(f"Airflow: another program listens at port {port}; moved to {new}")
            self.url = f"http://127.0.0.1:{new}"

    def _write_login(self) -> None:
        login = {"admin": self._installation.secret("airflow_admin")}
        write_private(self._installation.login_file, json.dumps(login))

    def _fingerprint(self) -> str:
        settings = json.dumps(self._installation.environment(), sort_keys=True)
        return hashlib.sha256(f"{version('apache-airflow-core')} {settings}".encode()).hexdigest()


def _is_healthy(part: PartHealth | None, since: datetime | None = None) -> bool:
    if part is None or not part.is_healthy:
        return False
    return since is None or part.heartbeat is None or part.heartbeat >= since


def process_environment(installation: Installation) -> dict[str, str]:
    """This process's environment with the installation's laid over it; what belongs to another Airflow is left out."""
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AIRFLOW__", "AIRFLOW_HOME", "AIRFLOW_CONFIG"))
    }
    for name in ("PYTHONHOME", "PYTHONPATH", "SHOPMINE_COMPONENT"):
        own.pop(name, None)
    return own | installation.environment()
