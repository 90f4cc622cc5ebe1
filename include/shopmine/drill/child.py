"""A process of its own that runs a day of the scratch shop, to be killed, stopped, continued or made to fail.

Processes are forked from one that has everything imported already, so that an experiment does not pay for it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import psutil

from shopmine.config.connections import Connection
from shopmine.config.shops import SHOPS_VARIABLE
from shopmine.drill.day import run_stages
from shopmine.errors import ShopmineError
from shopmine.faults import arm
from shopmine.mining.registry import MODELS
from shopmine.publish.tasks import refresh_sinks
from shopmine.staging.database import STAGING_CONNECTION, Database
from shopmine.staging.runs import open_run

if TYPE_CHECKING:
    from multiprocessing.connection import Connection as Pipe

_CONTEXT: Final = multiprocessing.get_context("forkserver")
PRELOADED: Final = (
    *(f"shopmine.collect.{kind}" for kind in ("files", "mongodb", "mysql")),
    *(f"shopmine.publish.sinks.{kind}" for kind in ("files", "mongodb", "mysql")),
    *("duckdb", "implicit.cpu.als", "pyarrow.parquet", "scipy.optimize"),
    *("sklearn.cluster", "sklearn.ensemble", "sklearn.metrics"),
    *(entry.module for entry in MODELS),
)
"""What the stages import only where they need it: an experiment must not pay for that."""
_POLL_SECONDS: Final = 0.01
_START_SECONDS: Final = 60.0
READY: Final = "ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What the process does.

    Attributes:
        connections: by id, as text.
        shop, day: what is run.
        shops: folder of the shop's file.
        lease_seconds: how long its leases outlive it.
        run: go on with this run; None: open a new one.
        started_by: who opens it; a run that the same one left running is abandoned.
        fault: as SHOPMINE_FAULT has it.
        only_sinks: run nothing, write the release that is shown into all sinks.
    """

    connections: Mapping[str, str] = field(repr=False)
    shop: str
    day: date
    shops: str
    lease_seconds: float
    run: int | None = None
    started_by: str = "drill"
    fault: str = ""
    only_sinks: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a process ended: `done`, `killed`, or `failed` with the kind of error and what it said."""

    how: str
    error: str = ""
    said: str = ""


class Child:
    """The running process. As a context manager it is killed at the end, whatever became of it."""

    def __init__(self, task: Task) -> None:
        """Start it."""
        _CONTEXT.set_forkserver_preload([__name__, *PRELOADED])
        self._told, there = _CONTEXT.Pipe(duplex=False)
        self._process = _CONTEXT.Process(target=_play, args=(task, there), daemon=True)
        self._process.start()
        there.close()
        self._said: list[tuple[str, str, str]] = []

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_error: object) -> None:
        self.signal(signal.SIGKILL)
        self._process.join()
        self._told.close()

    def signal(self, number: int) -> None:
        """Send it a signal, if it is still there."""
        if self._process.pid is not None and self._process.is_alive():
            # It may end between the question and the signal.
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, number)

    def kill_after(self, seconds: float) -> None:
        """Let it run for so long from its first stage on, then kill it, if it has not ended by itself."""
        self._told.poll(_START_SECONDS)
        self._process.join(seconds)
        self.signal(signal.SIGKILL)

    def wait_stopped(self, seconds: float) -> bool:
        """Wait until it stands still or has ended; whether it stands still."""
        deadline = time.monotonic() + seconds
        while self._process.is_alive():
            if psutil.Process(self._process.pid).status() == psutil.STATUS_STOPPED:
                return True
            if time.monotonic() > deadline:
                raise TimeoutError(f"the process neither stopped nor ended within {seconds} s")
            self._process.join(_POLL_SECONDS)
        return False

    def wait(self, seconds: float) -> Ending:
        """Wait for its end.

        Raises:
            TimeoutError: it does not end.
        """
        deadline = time.monotonic() + seconds
        while self._process.is_alive() and time.monotonic() < deadline:
            self._take()
            self._process.join(_POLL_SECONDS)
        if self._process.is_alive():
            raise TimeoutError(f"the process did not end within {seconds} s")
        self._take()
        if self._process.exitcode == -signal.SIGKILL:
            return Ending(how="killed")
        how, error, said = self._said[-1] if self._said else ("failed", "exit", str(self._process.exitcode))
        return Ending(how=how, error=error, said=said)

    def _take(self) -> None:
        """Read what it said: its end may be in the pipe while the pipe's other end is closed."""
        try:
            while self._told.poll():
                self._said.append(self._told.recv())
        except EOFError:
            return


def _play(task: Task, told: Pipe[Any, Any]) -> None:
    os.environ[SHOPS_VARIABLE] = task.shops
    connections = {id_: Connection.parse(id_, text) for id_, text in task.connections.items()}
    db = Database(task.connections[STAGING_CONNECTION], lease_seconds=task.lease_seconds)
    try:
        told.send((READY, "", ""))
        arm(task.fault)
        if task.only_sinks:
            refresh_sinks(db, task.shop, connections)
        else:
            run_stages(db, _run(db, task), connections)
    except (ShopmineError, OSError) as error:
        told.send(("failed", type(error).__name__, str(error)))
        sys.exit(1)
    finally:
        db.close()
    told.send(("done", "", ""))


def _run(db: Database, task: Task) -> int:
    if task.run is not None:
        return task.run
    by = f"{task.started_by} {task.day}"
    return open_run(db, shop=task.shop, day=task.day, known_at=None, started_by=by, config={}).run
