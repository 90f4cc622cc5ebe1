"""Installations of a test's own: in a folder that every user may enter, checked to leave no process behind."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.shared_servers import share_programs
from shopmine.local.installation import Installation
from shopmine.local.processes import Processes
from shopmine.local.running import stop_all


@contextmanager
def own_installation() -> Iterator[Installation]:
    """A new installation; everything of it is stopped and deleted afterwards, and it is an error if a process is left."""
    share_programs()
    folder = Path(tempfile.mkdtemp(prefix="shopmine-own-"))
    folder.chmod(0o755)
    installation = Installation.load(folder / "home")
    try:
        yield installation
    finally:
        stop_all(installation)
        left = [process.info for process in Processes(installation.home).strays()]
        shutil.rmtree(folder)
    assert left == []


def mode_of(path: Path) -> str:
    """Permission bits as octal text."""
    return oct(path.stat().st_mode & 0o7777)
