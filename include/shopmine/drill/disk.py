"""A small file system that becomes full, and a PostgreSQL server of its own that may suffer from it.

Only root can mount one. The server is not the one that is there: a server whose disk is full cannot write its
checkpoints, and with them fail orders of everybody who uses it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from psycopg import sql

from shopmine.drill.scratch import Scratch, postgres
from shopmine.local.installation import Installation
from shopmine.local.postgres import postgres_program
from shopmine.local.server import server_environment
from shopmine.local.servers import Servers

TABLESPACE: Final = "small_disk"
_LARGE_MB: Final = 400
_SERVER: Final = "postgres"


class NoSmallDiskError(Exception):
    """This user, machine or server cannot have a small file system; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallDisk:
    """A mounted file system of little space."""

    folder: Path

    @contextmanager
    def full(self) -> Iterator[None]:
        """Leave a megabyte or less while the block runs; then there is room again, whatever happened."""
        _resize(self.folder, _used_megabytes(self.folder) + 1)
        try:
            yield
        finally:
            _resize(self.folder, _LARGE_MB)


@contextmanager
def own_server(scratch: Scratch) -> Iterator[tuple[Scratch, SmallDisk]]:
    """The scratch copy on a PostgreSQL server of its own, whose tablespace `small_disk` lies on a small disk.

    The server has a copy of the database that experiments are copied from. At the end it is stopped and deleted.

    Raises:
        NoSmallDiskError: no small file system can be had here, or the database cannot be copied.
    """
    with _small_disk(scratch.folder / "disk") as disk, _server(scratch.folder / "server") as url:
        moved = replace(scratch, servers=replace(scratch.servers, postgres=url))
        _make_tablespace(moved, disk)
        _copy_base(scratch, moved)
        yield moved, disk


@contextmanager
def _small_disk(folder: Path) -> Iterator[SmallDisk]:
    if os.geteuid() != 0:
        raise NoSmallDiskError("only root may mount a small file system")
    folder.mkdir(mode=0o755)
    done = _run("mount", "-t", "tmpfs", "-o", f"size={_LARGE_MB}m,mode=0755", "shopmine-drill", str(folder))
    if done.returncode != 0:
        folder.rmdir()
        raise NoSmallDiskError(f"a small file system cannot be mounted here: {done.stderr.strip()}")
    try:
        yield SmallDisk(folder=folder)
    finally:
        _run("umount", "--lazy", str(folder))
        folder.rmdir()


@contextmanager
def _server(home: Path) -> Iterator[str]:
    """A PostgreSQL server in a folder of its own; its administrator's URL."""
    installation = Installation.load(home)
    servers = Servers(installation, names=(_SERVER,))
    try:
        servers.start()
        yield installation.database_url("postgres", user="postgres")
    finally:
        servers.stop()
        shutil.rmtree(home)


def _make_tablespace(scratch: Scratch, disk: SmallDisk) -> None:
    with postgres(scratch.servers) as admin:
        row = admin.execute("SHOW data_directory").fetchone()
        owner = Path(row[0] if row else "/").stat()
        inside = disk.folder / "tablespace"
        inside.mkdir(mode=0o700)
        os.chown(inside, owner.st_uid, owner.st_gid)
        admin.execute(f"CREATE TABLESPACE {TABLESPACE} LOCATION '{inside}'")
        # Who reads needs room too where an answer is sorted on disk: that must not be the disk that is full.
        admin.execute("ALTER ROLE CURRENT_USER SET temp_tablespaces = pg_default")


def _copy_base(there: Scratch, here: Scratch) -> None:
    """Copy the database that experiments are copied from to another server."""
    with postgres(here.servers) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(here.base)))
    dump = here.folder / "base.dump"
    options = ["--no-owner", "--no-privileges"]
    try:
        _call("pg_dump", there.servers.postgres, [*options, "-Fc", "-f", str(dump), "-d", there.base])
        _call("pg_restore", here.servers.postgres, [*options, "--exit-on-error", "-d", here.base, str(dump)])
    finally:
        dump.unlink(missing_ok=True)


def _call(program: str, server: str, arguments: list[str]) -> None:
    """Run a client of PostgreSQL; the password goes by its environment, which others cannot read."""
    url = urlsplit(server)
    where = ["-h", url.hostname or "127.0.0.1", "-p", str(url.port or 5432), "-U", unquote(url.username or "postgres")]
    done = subprocess.run(
        [str(postgres_program(program)), *where, "--no-password", *arguments],
        env=server_environment(PGPASSWORD=unquote(url.password or "")),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise NoSmallDiskError(f"the scratch database cannot be copied: {' / '.join(done.stderr.splitlines()[-2:])}")


def _resize(folder: Path, megabytes: int) -> None:
    _run("mount", "-o", f"remount,size={megabytes}m", str(folder)).check_returncode()


def _used_megabytes(folder: Path) -> int:
    status = os.statvfs(folder)
    return -(-(status.f_blocks - status.f_bfree) * status.f_frsize // (1 << 20))


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)
