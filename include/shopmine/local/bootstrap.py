"""Makes the environment from the lock; runs before there is one, so it uses the standard library alone.

`python bootstrap.py VENV`: does nothing when VENV was made from the present lock. The copy of the lock is written last,
so a set-up that was killed is done again.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK = Path(__file__).resolve().parents[3] / "requirements.txt"
STAMP = "shopmine-lock.txt"
_NEEDED_BYTES = 2_500_000_000
_PROGRESS_SECONDS = 5.0
_ONE_MORE = ("Collecting ", "Processing ", "Ignoring ")  # how pip begins each package


class SetupError(Exception):
    """The environment can't be made; the text says why and what to do."""


def make_environment(folder: Path, lock: Path = LOCK) -> None:
    """Make or renew the environment in `folder`; only one process at a time does it.

    Raises:
        SetupError: no space, no rights, or the packages can't be had.
    """
    with _only_one(folder):
        if is_current(folder, lock):
            return
        began = time.monotonic()
        _check_space(folder)
        (folder / STAMP).unlink(missing_ok=True)
        if not _is_usable(folder):
            _say(f"making an environment in {folder} with Python {sys.version.split()[0]}")
            shutil.rmtree(folder, ignore_errors=True)
            venv.create(folder, with_pip=True)
        _install(folder, lock)
        unfinished = folder / f"{STAMP}.new"
        shutil.copyfile(lock, unfinished)
        unfinished.replace(folder / STAMP)
        _say(f"ready after {time.monotonic() - began:.0f} s")


def is_current(folder: Path, lock: Path = LOCK) -> bool:
    """Whether the environment was made, wholly, from this lock."""
    try:
        return (folder / STAMP).read_bytes() == lock.read_bytes() and _is_usable(folder)
    except FileNotFoundError:
        return False


def _is_usable(folder: Path) -> bool:
    program = folder / "bin" / "python"
    return program.exists() and _quietly([str(program), "-m", "pip", "--version"])


def _install(folder: Path, lock: Path) -> None:
    n_packages = sum("==" in line and not line.startswith((" ", "#")) for line in lock.read_text("utf-8").splitlines())
    _say(f"installing up to {n_packages} packages (about 1.3 GB on disk; some minutes)")
    options = ["--require-hashes", "--only-binary", ":all:", "--no-deps", "--no-input", "--progress-bar", "off"]
    command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check", *options]
    # A user's settings for other installs must not send the packages elsewhere; where to download from stays his.
    elsewhere = {"PIP_TARGET", "PIP_USER", "PIP_PREFIX", "PIP_ROOT", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}
    environment = {name: value for name, value in os.environ.items() if name not in elsewhere}
    with subprocess.Popen(
        [*command, "-r", str(lock)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as pip:
        last = _follow(pip, n_packages)
    if pip.returncode != 0:
        said = "\n".join(f"  | {line}" for line in last[-12:])
        raise SetupError(
            f"the packages could not be installed:\n{said}\n"
            "check the network and pip's settings (pip config list), then run ./shopmine setup again; "
            "what was downloaded is kept"
        )


def _follow(pip: "subprocess.Popen[str]", n_packages: int) -> list[str]:
    """Show how far pip is; the lines that it printed, without its warnings."""
    began = shown = time.monotonic()
    lines: list[str] = []
    n_collected = 0
    for line in pip.stdout or ():
        if not line.startswith("WARNING"):
            lines.append(line.rstrip())
        n_collected += line.startswith(_ONE_MORE)
        if line.startswith("Installing collected"):
            _say(f"  all {n_collected} downloaded, unpacking ({time.monotonic() - began:.0f} s)")
        elif time.monotonic() - shown > _PROGRESS_SECONDS:
            shown = time.monotonic()
            _say(f"  {n_collected} of {n_packages} ({shown - began:.0f} s)")
    return lines


def _check_space(folder: Path) -> None:
    free = shutil.disk_usage(folder.parent).free
    if not (folder / "bin").exists() and free < _NEEDED_BYTES:
        raise SetupError(
            f"only {free // 10**6} MB free in {folder.parent}, {_NEEDED_BYTES // 10**6} MB are needed; make room"
        )


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    path = folder.with_name(f"{folder.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a", encoding="utf-8")
    except OSError as error:
        raise SetupError(
            f"can't write {path}: {error.strerror}; name another folder for the environment: SHOPMINE_VENV=~/shopmine-venv"
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("another set-up is under way; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _quietly(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        make_environment(Path(sys.argv[1]).absolute())
    except (SetupError, OSError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("stopped; ./shopmine setup goes on where this ended")
