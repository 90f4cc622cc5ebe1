"""A small file system that becomes full: only root can make one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from shopmine.drill.scratch import Servers, postgres

LARGE_MB: Final = 400


class NoSmallDiskError(Exception):
    """This user, machine or server cannot have a small file system; the text says why."""


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A file system of that size mounted in a new folder, unmounted at the end.

    Raises:
        NoSmallDiskError: it cannot be mounted.
    """
    if os.geteuid() != 0:
        raise NoSmallDiskError("only root may mount a small file system")
    folder.mkdir(mode=0o755)
    done = _run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0755", "shopmine-drill", str(folder))
    if done.returncode != 0:
        raise NoSmallDiskError(f"a small file system cannot be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        _run("umount", "--lazy", str(folder))
        folder.rmdir()


def resize(folder: Path, megabytes: int) -> None:
    """Give a small file system another size."""
    _run("mount", "-o", f"remount,size={megabytes}m", str(folder)).check_returncode()


@contextmanager
def small_tablespace(servers: Servers, name: str, folder: Path) -> Iterator[str]:
    """A tablespace of PostgreSQL on that file system; its databases must be gone at the end.

    Raises:
        NoSmallDiskError: the server's own user cannot be given the folder.
    """
    with postgres(servers) as admin:
        row = admin.execute("SHOW data_directory").fetchone()
        data = Path(row[0]) if row else Path("/nowhere")
        if not data.is_dir():
            raise NoSmallDiskError("the PostgreSQL server runs on another machine")
        owner = data.stat()
        inside = folder / "tablespace"
        inside.mkdir(mode=0o700)
        os.chown(inside, owner.st_uid, owner.st_gid)
        admin.execute(f"CREATE TABLESPACE {name} LOCATION '{inside}'")
        try:
            yield name
        finally:
            admin.execute(f"DROP TABLESPACE {name}")


def used_megabytes(folder: Path) -> int:
    """What lies on a small file system, rounded up."""
    status = os.statvfs(folder)
    return -(-(status.f_blocks - status.f_bfree) * status.f_frsize // (1 << 20))


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)
