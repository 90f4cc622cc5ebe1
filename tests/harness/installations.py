"""Installations of a test's own: in a folder that every user may enter, checked to leave no process behind."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from harness.shared_servers import share_programs
from shopmine.local.installation import Installation
from shopmine.local.processes import Processes
from shopmine.local.running import stop_all

ROOT: Final = Path(__file__).resolve().parents[2]
_KEPT: Final = ("PATH", "HOME", "LANG", "SHOPMINE_PROGRAMS", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
_LONGEST_COMMAND_SECONDS: Final = 840


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


def shops_of(installation: Installation) -> Path:
    """Where the shops' files of an installation of a test lie."""
    return installation.home.parent / "shops"


def begin(installation: Installation, *arguments: str) -> "subprocess.Popen[str]":
    """`./shopmine` with these arguments, not waited for; what it says can be read from it."""
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    environment |= {
        "PYTHONPATH": str(ROOT / "include"),
        "SHOPMINE_HOME": str(installation.home),
        "SHOPMINE_SHOPS": str(shops_of(installation)),
    }
    command = [sys.executable, "-m", "shopmine.cli.main", *arguments]
    return subprocess.Popen(
        command, env=environment, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def attempt(installation: Installation, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """`./shopmine` with these arguments, however it ends."""
    with begin(installation, *arguments) as process:
        try:
            said, complained = process.communicate(timeout=_LONGEST_COMMAND_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, said, complained)


def shopmine(installation: Installation, *arguments: str) -> str:
    """What `./shopmine` with these arguments says; it must succeed."""
    done = attempt(installation, *arguments)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def states(installation: Installation) -> dict[str, str]:
    """State of each component by its name, as `status` tells it."""
    found = json.loads(shopmine(installation, "status", "--json"))
    return {component["name"]: component["state"] for component in found["components"]}


def mode_of(path: Path) -> str:
    """Permission bits as octal text."""
    return oct(path.stat().st_mode & 0o7777)
