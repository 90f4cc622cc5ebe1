"""Where things are: the checkout and the state folder of one installation."""

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from shopmine.errors import ConfigError

CHECKOUT: Final = Path(__file__).resolve().parents[3]


def home_from_environment(environ: Mapping[str, str] = os.environ) -> Path:
    """The state folder: $SHOPMINE_HOME, else `.shopmine` in the checkout."""
    return Path(environ.get("SHOPMINE_HOME") or CHECKOUT / ".shopmine").expanduser().resolve()


def make_folder(path: Path, *, mode: int = 0o755) -> Path:
    """Make a folder (and its parents) with this mode.

    Raises:
        ConfigError: it can't be made; says why.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        if path.stat().st_uid == os.geteuid():
            path.chmod(mode)
    except OSError as error:
        raise ConfigError(
            f"can't make the folder {path}: {error.strerror}; set SHOPMINE_HOME to a folder of yours"
        ) from error
    return path


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise ConfigError(
            f"can't write {path}: {error.strerror}; free space or choose another SHOPMINE_HOME"
        ) from error


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; {} when there is no such file.

    Raises:
        ConfigError: the file is not a JSON object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(f"can't read {path}: {error}; restore it, or move it away to begin anew") from error
    if not isinstance(value, dict):
        raise ConfigError(f"{path} holds no JSON object; restore it, or move it away to begin anew")
    return value


@contextmanager
def file_lock(path: Path, *, wait_seconds: float = 600.0, what: str = "another command") -> Iterator[None]:
    """Hold an exclusive lock on a file, across processes; freed by the kernel when the holder dies.

    Raises:
        ConfigError: somebody else holds it for longer than `wait_seconds`.
    """
    deadline = time.monotonic() + wait_seconds
    with path.open("a", encoding="utf-8") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise ConfigError(
                        f"{what} holds {path} since {wait_seconds:.0f} s; wait for it or end it"
                    ) from None
                time.sleep(0.1)
        yield
