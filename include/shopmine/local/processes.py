"""Detached processes of one installation: started in their own sessions, remembered, found again, ended with all they started.

A process is known by its number **and** its start time, so that a number that the system gave to somebody else is never
signalled. Whatever a crashed start left is found by the marks that every process carries: the variables SHOPMINE_HOME and
SHOPMINE_COMPONENT in its environment, and for the database servers (which overwrite that) their program and folders.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import psutil

from shopmine.errors import ConfigError, SourceUnavailableError
from shopmine.local.layout import make_folder, read_json, write_private

COMPONENT: Final = "SHOPMINE_COMPONENT"
_COMPONENT_OF: Final = {"postgres": "postgres", "mongod": "mongodb", "mariadbd": "mariadb"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is remembered of a started process; `ticks` is its start in clock ticks since boot `boot`."""

    name: str
    pid: int
    ticks: int
    boot: str
    fingerprint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How to start a process: `user` is a (uid, gid) to become, `fingerprint` tells whether it runs with these settings."""

    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    user: tuple[int, int] | None = None
    fingerprint: str = ""
    cwd: Path = field(default=Path("/"))


def boot_id() -> str:
    """Names this boot of the machine: process numbers of an earlier one mean nothing."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def start_ticks(pid: int) -> int | None:
    """Clock ticks from boot to the start of a process; None when it does not run (a zombie does not)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


class Processes:
    """The detached processes of the installation in `home`; their records are files in `home/run`."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._folder = home / "run"
        self._children: dict[int, subprocess.Popen[bytes]] = {}

    def find(self, name: str) -> Record | None:
        """The running process of this name, None when it does not run."""
        record = self._recorded(name)
        return record if record and self._is_alive(record) else None

    def start(self, name: str, launch: Launch) -> Record:
        """Start a process in its own session, its output appended to its log.

        Raises:
            SourceUnavailableError: the program can't be run.
        """
        make_folder(self._folder, mode=0o700)
        environment = {**launch.environment, "SHOPMINE_HOME": str(self._home), COMPONENT: name}
        uid, gid = launch.user or (None, None)
        try:
            with launch.log.open("ab") as log:
                child = subprocess.Popen(
                    list(launch.command),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=environment,
                    cwd=launch.cwd,
                    start_new_session=True,
                    user=uid,
                    group=gid,
                    extra_groups=None if launch.user is None else [],
                )
        except OSError as error:
            raise SourceUnavailableError(f"can't start {name} ({launch.command[0]}): {error.strerror}") from error
        self._children[child.pid] = child
        ticks = start_ticks(child.pid) or 0
        record = Record(name=name, pid=child.pid, ticks=ticks, boot=boot_id(), fingerprint=launch.fingerprint)
        write_private(self._folder / f"{name}.json", json.dumps(asdict(record)))
        return record

    def stop(
        self, name: str, *, gently: signal.Signals = signal.SIGTERM, whole_group: bool = False, seconds: float = 30
    ) -> bool:
        """End a process and everything in its session: `gently` first, after `seconds` by force; True if anything ran.

        Args:
            name: of the process.
            gently: the signal that asks it to end.
            whole_group: send it to every process of the session, not only to the first.
            seconds: how long it may take.
        """
        record = self._recorded(name)
        members = self._session(record) if record else []
        members += [process for process in self.strays(name) if process not in members]
        first = [process for process in members if record and process.pid == record.pid]
        asked = members if whole_group or not first else first
        _signal_all(asked, gently)
        _wait_gone(asked, seconds)
        self.end([*members, *(self._session(record) if record else [])], seconds=2)
        (self._folder / f"{name}.json").unlink(missing_ok=True)
        return bool(members)

    def strays(self, name: str | None = None) -> list[psutil.Process]:
        """Running processes that carry this installation's marks (of one component, or of any)."""
        return [process for process in psutil.process_iter() if _is_running(process) and self._is_marked(process, name)]

    def end(self, processes: Sequence[psutil.Process], *, seconds: float = 10) -> None:
        """End these processes, by force after `seconds`."""
        for number, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, 10.0)):
            remaining = [process for process in processes if _is_running(process)]
            _signal_all(remaining, number)
            _wait_gone(remaining, patience)
        self._reap()

    def _recorded(self, name: str) -> Record | None:
        values = read_json(self._folder / f"{name}.json")
        try:
            return Record(**values) if values else None
        except TypeError as error:
            raise ConfigError(f"{self._folder / name}.json is not ours: {error}; delete it") from error

    def _is_alive(self, record: Record) -> bool:
        self._reap()
        return record.boot == boot_id() and start_ticks(record.pid) == record.ticks

    def _session(self, record: Record) -> list[psutil.Process]:
        if record.boot != boot_id() or start_ticks(record.pid) not in {None, record.ticks}:
            return []
        found = []
        for process in psutil.process_iter():
            try:
                if os.getsid(process.pid) == record.pid and _is_running(process):
                    found.append(process)
            except ProcessLookupError:
                continue
        return found

    def _is_marked(self, process: psutil.Process, name: str | None) -> bool:
        if process.pid == os.getpid():
            return False
        try:
            environment = process.environ()
            component = environment.get(COMPONENT)
            if component and environment.get("SHOPMINE_HOME") == str(self._home):
                return name in {None, component}
            program = Path(process.exe()).name
            if program not in _COMPONENT_OF or name not in {None, _COMPONENT_OF[program]}:
                return False
            inside = f"{self._home}{os.sep}"
            return process.cwd().startswith(inside) or any(inside in argument for argument in process.cmdline())
        except (psutil.Error, OSError):
            return False

    def _reap(self) -> None:
        for pid, child in list(self._children.items()):
            if child.poll() is not None:
                del self._children[pid]


def _is_running(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _signal_all(processes: Sequence[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue


def _wait_gone(processes: Sequence[psutil.Process], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while any(_is_running(process) for process in processes) and time.monotonic() < deadline:
        time.sleep(0.03)


def last_lines(log: Path, count: int = 8) -> str:
    """The last lines of a log for an error message; says so when there are none."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:]
    except OSError:
        lines = []
    return "\n".join(f"  | {line}" for line in lines) or "  | (its log is empty)"
