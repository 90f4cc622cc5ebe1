"""Real servers for a whole pytest run: started when a test first needs them, shared by all workers, ended with the run.

The process that began the run owns the state folder and removes it; a folder whose owner was killed is cleared by the
next run.
"""

import json
import os
import secrets
import shutil
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from shopmine.local.installation import Installation
from shopmine.local.layout import file_lock
from shopmine.local.processes import Processes, start_ticks
from shopmine.local.servers import ALL_SERVERS, Servers

FOLDER = pytest.StashKey[Path]()
"""Where a run keeps its folder, which all workers share and the process that began the run removes."""

_PREFIX = "shopmine-tests-"
_GIVEN = "SHOPMINE_TEST_SERVERS"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerUrls:
    """Administrators' URLs of the three servers, and the folder for what the tests of a run share."""

    postgres: str
    mysql: str
    mongo: str
    shared: Path


def make_folder() -> Path:
    """A new folder for one pytest run, which PostgreSQL's other user may enter too."""
    _clear_abandoned()
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    folder.chmod(0o755)
    owner = {"pid": os.getpid(), "ticks": start_ticks(os.getpid())}
    (folder / "owner.json").write_text(json.dumps(owner), encoding="utf-8")
    return folder


def start(folder: Path, *names: str) -> ServerUrls:
    """The servers of this run (all, or those named), started if nobody did yet; safe from several workers at once."""
    if given := os.environ.get(_GIVEN):
        return ServerUrls(**json.loads(given), shared=folder)
    share_programs()
    installation = Installation.load(folder / "home")
    Servers(installation, names=names or ALL_SERVERS, is_durable=False).start()
    return ServerUrls(
        postgres=installation.database_url("postgres", user="postgres"),
        mysql=installation.mysql_url(),
        mongo=installation.mongo_url(),
        shared=folder,
    )


def remove_folder(folder: Path) -> None:
    """End everything that runs in the folder, then delete it."""
    home = folder / "home"
    if home.exists():
        Servers(Installation.load(home)).stop()
        for process in Processes(home.resolve()).strays():
            process.kill()
    shutil.rmtree(folder, ignore_errors=True)


def once(folder: Path, name: str) -> "Once":
    """Something that one worker makes for all: `with once(folder, "template") as todo: if todo: …`."""
    return Once(folder / name)


class Once:
    """Holds a lock; true for the first who gets it without an error, false for all after."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = file_lock(path.with_suffix(".lock"))

    def __enter__(self) -> bool:
        self._lock.__enter__()
        return not self._path.exists()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is None:
            self._path.touch()
        self._lock.__exit__(None, None, None)


def unique_name(prefix: str) -> str:
    """A database name that no other test or run has."""
    return f"{prefix}_{os.getpid()}_{threading.get_native_id()}_{secrets.token_hex(4)}"


def share_programs(environ: Mapping[str, str] = os.environ) -> None:
    """Keep what was downloaded for the next run: programs are no state of a run."""
    if "SHOPMINE_PROGRAMS" not in environ and os.access(sys.prefix, os.W_OK):
        os.environ["SHOPMINE_PROGRAMS"] = str(Path(sys.prefix) / "shopmine-programs")


def _clear_abandoned() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            owner = json.loads((folder / "owner.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        is_ours = folder.stat().st_uid == os.geteuid()
        if is_ours and not (psutil.pid_exists(owner["pid"]) and start_ticks(owner["pid"]) == owner["ticks"]):
            remove_folder(folder)
