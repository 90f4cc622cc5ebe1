"""One experiment: a day is run on a copy, something breaks, it is run to its end, and everything is checked."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import sqlalchemy as sa

from shopmine.config.days import ONE_DAY
from shopmine.drill.child import Child, Ending, Task
from shopmine.drill.disk import TABLESPACE, own_server
from shopmine.drill.invariants import Ended, Persons, check, fingerprint
from shopmine.drill.proxy import Action, Trouble, proxy
from shopmine.drill.readers import History, see_all, torn_reads, watching
from shopmine.drill.scratch import LEASE_SECONDS, PATIENCE_SECONDS, SHOP, Scratch, day_before
from shopmine.errors import DataError
from shopmine.staging.rights import record_right

if TYPE_CHECKING:
    from shopmine.staging.database import Database

RUN_SECONDS: Final = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an experiment showed.

    Attributes:
        what: the point or the kind of trouble.
        action: what was done there.
        result: how the process ended, in words.
        violations: of the invariants, and of what the experiment expects; none: all is well.
        n_looks: how often readers looked meanwhile.
    """

    what: str
    action: str
    result: str
    violations: tuple[str, ...]
    n_looks: int
    seconds: float


@dataclass(slots=True, kw_only=True)
class _Trial:
    """An experiment under way."""

    what: str
    action: str
    name: str
    db: Database
    history: History = field(default_factory=History)
    result: str = ""
    problems: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def expect(self, is_so: bool, problem: str) -> None:
        """Note what is otherwise than the experiment expects."""
        if not is_so:
            self.problems.append(problem)

    def outcome(self) -> Outcome:
        """What it showed."""
        return Outcome(
            what=self.what,
            action=self.action,
            result=self.result,
            violations=tuple(self.problems),
            n_looks=self.history.n_looks,
            seconds=time.monotonic() - self.began,
        )


class Drill:
    """The experiments on one scratch copy: the day before has been run, and the day once without a fault.

    Attributes:
        finished: the staging database in which the day was run without a fault.
        without_fault: its fingerprint, what every experiment must end at.
        seconds: how long that took.
        expected: reader -> day -> content of each table that it may see.
        persons: who asked to be left out.
    """

    def __init__(self, scratch: Scratch) -> None:
        """Prepare what all experiments begin with and are compared with.

        Raises:
            DataError: the day does not end well even without a fault.
        """
        self.scratch = scratch
        self._number = 0
        self._until_end(scratch.base, day=day_before(scratch))
        self.persons = _record_rights(scratch)
        self._until_end(scratch.base, only_sinks=True)
        self.expected: dict[str, dict[str, Mapping[str, str]]] = {}
        self._expect_sights(scratch.base)
        self.finished = scratch.copy_staging("finished")
        self.without_fault, self.seconds = self._run_without_fault()

    def kill(self, point: str, n: int = 1, *, in_new_run: bool = False) -> Outcome:
        """SIGKILL at a point; then the day is run to its end, by the same run or by a new one."""
        with self._trial(point, "kill") as trial:
            ending = self._play(trial, fault=f"{point}:kill:{n}")
            trial.expect(ending.how == "killed", f"it was not killed there: {ending}")
            trial.result = "killed, then done by a new run" if in_new_run else "killed, then done"
            self._finish(trial, None if in_new_run else _run_of(trial))
        return trial.outcome()

    def kill_at_random(self, seed: int) -> Outcome:
        """SIGKILL after a random part of the time that the day takes."""
        chance = random.Random(seed)  # noqa: S311  repeatable, no secret
        after = chance.uniform(0, self.seconds)
        with self._trial("any moment", "kill") as trial:
            with self._start(trial.name) as child:
                child.kill_after(after)
                ending = child.wait(RUN_SECONDS)
            trial.result = f"{ending.how} after {after:.2f} s, then done"
            self._finish(trial, _run_of(trial) if chance.random() < 0.5 else None)
        return trial.outcome()

    def fail(self, point: str, n: int = 1) -> Outcome:
        """An OSError at a point: the process says so; then the day is run to its end."""
        with self._trial(point, "fail") as trial:
            ending = self._play(trial, fault=f"{point}:fail:{n}")
            trial.expect(ending.how == "failed", f"it did not fail there: {ending}")
            trial.result = f"{ending.error}, then done"
            self._finish(trial, _run_of(trial))
        return trial.outcome()

    def delay(self, point: str, n: int = 1) -> Outcome:
        """The process waits at a point and goes on."""
        with self._trial(point, "delay") as trial:
            ending = self._play(trial, fault=f"{point}:delay:{n}", lease_seconds=PATIENCE_SECONDS)
            trial.expect(ending.how == "done", f"it did not go on: {ending}")
            trial.result = ending.how
        return trial.outcome()

    def stop(self, point: str, n: int = 1, *, must_be_refused: bool = False) -> Outcome:
        """SIGSTOP at a point; another process runs the day to its end; the stopped one goes on and must do no harm.

        Args:
            point: where.
            n: at the n-th time.
            must_be_refused: it has a lease and something to write there, so it must be refused and say so.
        """
        with self._trial(point, "stop, replace, continue") as trial:
            with self._start(trial.name, fault=f"{point}:stop:{n}") as child:
                trial.expect(child.wait_stopped(RUN_SECONDS), "it did not stop there")
                self._finish(trial, None, started_by="another")
                before = fingerprint(self.scratch, trial.db)
                child.signal(signal.SIGCONT)
                ending = child.wait(RUN_SECONDS)
            trial.expect(fingerprint(self.scratch, trial.db) == before, "the stopped process changed something")
            was_refused = ending.error in {"LeaseLostError", "SourceUnavailableError"}
            trial.expect(was_refused or not must_be_refused, f"it was not refused: {ending}")
            trial.result = f"refused: {ending.error}" if was_refused else ending.how
        return trial.outcome()

    def trouble(self, what: str, mark: bytes, action: Action) -> Outcome:
        """The connection is cut or slow, or the reply is lost, at the COMMIT after a statement; then it is done again.

        Args:
            what: the statement in words.
            mark: a piece of the statement.
            action: see `Trouble`.
        """
        found = Trouble(action=action, mark=mark)
        url = urlsplit(self.scratch.servers.postgres)
        with self._trial(f"COMMIT of {what}", _TROUBLES[action]) as trial:
            with proxy(url.hostname or "127.0.0.1", url.port or 5432, found) as port:
                patience = PATIENCE_SECONDS if action == "delay" else LEASE_SECONDS
                ending = self._play(trial, port=port, lease_seconds=patience)
            trial.expect(found.happened.is_set(), f"no {mark!r} with a COMMIT after it came by")
            trial.expect(ending.how == ("done" if action == "delay" else "failed"), f"it ended otherwise: {ending}")
            trial.result = f"{ending.error or ending.how}, then done"
            self._finish(trial, _run_of(trial))
        return trial.outcome()

    def fill_disk(self) -> Outcome:
        """The staging database's disk becomes full amid the day; it is given room and the day is run to its end.

        That happens to a server of its own: what a full disk does to a server would be felt by all who use it.

        Raises:
            NoSmallDiskError: no small file system can be had here.
        """
        with own_server(self.scratch) as (moved, disk):
            elsewhere = copy(self)
            elsewhere.scratch = moved
            with elsewhere._trial("the staging database's disk", "full", tablespace=TABLESPACE) as trial:
                with disk.full():
                    ending = elsewhere._play(trial)
                trial.expect(ending.how == "failed", f"it did not notice: {ending}")
                trial.result = f"{ending.error}, then done with more room"
                elsewhere._finish(trial, _run_of(trial))
        return trial.outcome()

    @contextmanager
    def _trial(self, what: str, action: str, *, tablespace: str = "pg_default") -> Iterator[_Trial]:
        """A copy with readers; checked at the end and dropped, also when the experiment itself breaks."""
        self._number += 1
        name = self.scratch.copy_staging(str(self._number), tablespace=tablespace)
        db = self.scratch.database(name)
        trial = _Trial(what=what, action=action, name=name, db=db)
        try:
            self._until_end(name, only_sinks=True)
            with watching(self.scratch, db) as trial.history:
                yield trial
            trial.problems += torn_reads(trial.history, self.expected)
            ended = Ended(scratch=self.scratch, db=db, persons=self.persons, without_fault=self.without_fault)
            trial.problems += check(ended)
        except (TimeoutError, DataError) as error:
            trial.problems.append(str(error))
        finally:
            db.close()
            self.scratch.drop_staging(name)

    def _run_without_fault(self) -> tuple[Mapping[str, str], float]:
        began = time.monotonic()
        self._until_end(self.finished)
        took = time.monotonic() - began
        self._expect_sights(self.finished)
        db = self.scratch.database(self.finished)
        try:
            return fingerprint(self.scratch, db), took
        finally:
            db.close()

    def _expect_sights(self, name: str) -> None:
        """Note what readers may see from now on."""
        db = self.scratch.database(name)
        try:
            for reader, sight in see_all(self.scratch, db).items():
                self.expected.setdefault(reader, {})[sight.day or ""] = sight.content
        finally:
            db.close()

    def _start(self, name: str, *, port: int | None = None, **more: Any) -> Child:
        connections = self.scratch.connections(self.scratch.staging_url(name, port=port))
        task: dict[str, Any] = {"day": self.scratch.day, "lease_seconds": LEASE_SECONDS, **more}
        return Child(Task(connections=connections, shop=SHOP, shops=str(self.scratch.shops), **task))

    def _play(
        self, trial: _Trial, *, port: int | None = None, fault: str = "", lease_seconds: float = LEASE_SECONDS
    ) -> Ending:
        with self._start(trial.name, port=port, fault=fault, lease_seconds=lease_seconds) as child:
            return child.wait(RUN_SECONDS)

    def _finish(self, trial: _Trial, run: int | None, *, started_by: str = "drill") -> None:
        self._until_end(trial.name, run=run, started_by=started_by)

    def _until_end(self, name: str, **more: Any) -> None:
        with self._start(name, **more) as child:
            ending = child.wait(RUN_SECONDS)
        if ending.how != "done":
            raise DataError(f"the day does not end well: {ending}")


_TROUBLES: Final[Mapping[Action, str]] = {
    "swallow": "its reply is lost",
    "cut": "the connection is cut before it",
    "delay": "its reply is late",
}


def _run_of(trial: _Trial) -> int | None:
    """The run that was broken off, if it had come so far."""
    newest = sa.text("SELECT max(run) FROM work.runs WHERE day = (SELECT max(day) FROM work.runs HAVING count(*) > 1)")
    with trial.db.snapshot() as connection:
        run: int | None = connection.execute(newest).scalar_one()
    return run


def _record_rights(scratch: Scratch) -> Persons:
    """Two persons ask to be left out: one who is in the lists opts out, one who did not buy lately is deleted."""
    lately = sa.text(
        "SELECT customer FROM published.recommendations WHERE customer NOT IN"
        " (SELECT customer FROM clean.order_lines WHERE customer IS NOT NULL AND day > :day) ORDER BY customer LIMIT 1"
    )
    db = scratch.database(scratch.base)
    try:
        with db.snapshot() as connection:
            deleted = connection.execute(lately, {"day": scratch.day - 7 * ONE_DAY}).scalar_one()
            listed = sa.text("SELECT max(customer) FROM published.recommendations WHERE customer <> :deleted")
            opted_out = connection.execute(listed, {"deleted": deleted}).scalar_one()
        record_right(db, SHOP, deleted, "deletion")
        record_right(db, SHOP, opted_out, "no_profiling")
    finally:
        db.close()
    return Persons(deleted=deleted, opted_out=opted_out)
