"""Debian packages unpacked into a folder of ours: programs without an administrator.

`apt-get` resolves and downloads (it checks the archive's signatures), `dpkg-deb -x` unpacks; nothing is installed and
no script of a package runs.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from shopmine.errors import ConfigError
from shopmine.local.layout import file_lock, make_folder

Say = Callable[[str], None]


def unpack_packages(names: Sequence[str], into: Path, *, say: Say) -> Path:
    """Unpack packages, and those they depend on that the system lacks, into `into`; done once.

    Returns:
        The folder that holds `usr/`.

    Raises:
        ConfigError: no apt here, or the packages can't be had; names what to install.
    """
    make_folder(into.parent)
    with file_lock(into.with_suffix(".lock"), what="another set-up"):
        if into.exists():
            return into
        if missing := [tool for tool in ("apt-get", "dpkg-deb") if shutil.which(tool) is None]:
            raise ConfigError(
                f"{' and '.join(missing)} not found; install {' '.join(names)} with your system's packages"
            )
        say(f"downloading {' '.join(names)} (unpacked into {into}, nothing is installed)")
        with tempfile.TemporaryDirectory(dir=into.parent, prefix=".unpacking-") as scratch:
            root = Path(scratch) / "root"
            root.mkdir()
            for archive in _download(names, Path(scratch)):
                _run(["dpkg-deb", "-x", str(archive), str(root)], Path(scratch), names)
            root.chmod(0o755)
            root.rename(into)
    return into


def library_folders(root: Path) -> list[str]:
    """Folders with shared libraries below an unpacked root, for LD_LIBRARY_PATH."""
    folders = {library.parent for base in ("usr/lib", "lib") for library in (root / base).glob("**/*.so*")}
    return sorted(str(folder) for folder in folders if "plugin" not in folder.parts)


def _download(names: Sequence[str], folder: Path) -> list[Path]:
    options = ["-o", "APT::Sandbox::User=", "-o", "Debug::NoLocking=true"]
    wanted = _simulate(names, folder, options)
    if wanted is None:
        options += _private_lists(folder)
        _run(["apt-get", *options, "-q", "update"], folder, names)
        wanted = _simulate(names, folder, options)
    if wanted is None:
        raise ConfigError(f"apt knows no package {' '.join(names)}; {_advice(names)}")
    try:
        _run(["apt-get", *options, "-q", "download", *wanted], folder, names)
    except ConfigError:
        # The system's lists can be older than its archive: look again with lists of our own.
        private = [*options[:4], *_private_lists(folder)]
        _run(["apt-get", *private, "-q", "update"], folder, names)
        _run(["apt-get", *private, "-q", "download", *(_simulate(names, folder, private) or names)], folder, names)
    return sorted(folder.glob("*.deb"))


def _simulate(names: Sequence[str], folder: Path, options: Sequence[str]) -> list[str] | None:
    command = ["apt-get", *options, "-s", "--no-install-recommends", "install", *names]
    done = subprocess.run(command, cwd=folder, env=_environment(), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return None
    chosen = {line.split()[1] for line in done.stdout.splitlines() if line.startswith("Inst ")}
    # Another C library beside the system's own loader would crash every program that sees it.
    chosen = {name for name in chosen if not name.startswith("libc6")}
    return sorted(chosen) or list(names)


def _private_lists(folder: Path) -> list[str]:
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    return ["-o", f"Dir::State::lists={folder / 'lists'}", "-o", f"Dir::Cache={folder / 'cache'}"]


def _environment() -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}


def _run(command: Sequence[str], folder: Path, names: Sequence[str]) -> None:
    done = subprocess.run(command, cwd=folder, env=_environment(), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise ConfigError(f"{command[0]} failed: {' / '.join(last)}; {_advice(names)}")


def _advice(names: Sequence[str]) -> str:
    return f"check the network and run it again, or let an administrator run: apt-get install {' '.join(names)}"
