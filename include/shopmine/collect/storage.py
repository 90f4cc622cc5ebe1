"""Where files lie: a folder, an S3-like store, or whatever else fsspec reaches. Files are listed and opened, never written."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

from shopmine.config.days import EPOCH
from shopmine.errors import ConfigError, SourceUnavailableError

if TYPE_CHECKING:
    from shopmine.config.connections import Connection

_CHANGED: Final = ("mtime", "LastModified", "last_modified", "modified", "created")
_CONNECT_SECONDS, _READ_SECONDS = 10, 120


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A file as it was when it was listed.

    Attributes:
        name: its path below the storage's root, with `/`.
        path: the storage's own path of it.
        size: bytes.
        changed_at: as the storage says; `EPOCH` where it does not.
        mark: changes when the file does.
    """

    name: str
    path: str
    size: int
    changed_at: datetime
    mark: tuple[str, ...]


class Storage:
    """The files below a connection's root.

    Raises (from every method):
        SourceUnavailableError: the store does not answer, or a listed file is gone.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._files, self._root = _file_system(connection)
        with self._in_words():
            if not self._files.isdir(self._root):
                raise SourceUnavailableError(
                    f"connection {connection}: there is no such folder; is it mounted? try again"
                )

    def __str__(self) -> str:
        return self._root

    def find(self, pattern: str) -> list[StoredFile]:
        """The files whose name below the root matches, sorted by name."""
        if pattern.startswith("/") or ".." in pattern.split("/"):
            raise ConfigError(f"path {pattern!r} leaves {self._root}; write it as below that folder")
        with self._in_words():
            self._files.invalidate_cache()
            found = self._files.glob(f"{self._root}/{pattern}", detail=True)
            files = [self._stored(path, info) for path, info in found.items() if info["type"] == "file"]
        self._check_links(pattern, files)
        return sorted(files, key=lambda file: file.name)

    def _check_links(self, pattern: str, files: Sequence[StoredFile]) -> None:
        """Refuse files that only a link brings below a folder."""
        if self._connection.kind != "files":
            return
        root = Path(self._root).resolve()
        for file in files:
            if not Path(file.path).resolve().is_relative_to(root):
                raise ConfigError(
                    f"path {pattern!r}: {file.name} is a link out of {self._root}; a connection gives what lies in its own "
                    "folder: put the file there, or make a connection for the other folder"
                )

    def look(self, file: StoredFile) -> StoredFile:
        """The file as it is now."""
        with self._in_words():
            self._files.invalidate_cache()
            return self._stored(file.path, self._files.info(file.path))

    @contextmanager
    def open(self, file: StoredFile) -> Iterator[BinaryIO]:
        """Open a file for reading; it can be sought in."""
        with self._in_words(), self._files.open(file.path, "rb") as stream:
            yield cast("BinaryIO", stream)

    def _stored(self, path: str, info: Mapping[str, Any]) -> StoredFile:
        changed = next((info[key] for key in _CHANGED if info.get(key) is not None), None)
        mark = tuple(str(info[key]) for key in ("size", "ETag", "etag", "ino", *_CHANGED) if info.get(key) is not None)
        name = path.removeprefix(self._root).lstrip("/")
        return StoredFile(name=name, path=path, size=int(info["size"]), changed_at=_instant(changed), mark=mark)

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except gzip.BadGzipFile:  # an OSError by class; the content is wrong, not the store
            raise
        except FileNotFoundError as error:
            raise SourceUnavailableError(
                f"{self._connection}: a file is gone that was just there; try again"
            ) from error
        except OSError as error:
            raise SourceUnavailableError(
                f"connection {self._connection} cannot be read ({type(error).__name__}: {error}); try again"
            ) from error


def _instant(changed: Any) -> datetime:
    if isinstance(changed, datetime):
        return changed if changed.tzinfo else changed.replace(tzinfo=UTC)
    if isinstance(changed, str):
        return _instant(datetime.fromisoformat(changed))
    return EPOCH if changed is None else datetime.fromtimestamp(float(changed), UTC)


def _file_system(connection: Connection) -> tuple[Any, str]:
    """An fsspec file system and the root within it."""
    import fsspec

    if connection.kind == "files":
        return fsspec.filesystem("file", use_listings_cache=False), connection.folder.as_posix().rstrip("/")
    root = f"{connection.host}/{connection.database}".strip("/")
    if connection.kind == "s3":
        return _s3(connection), root
    login = {
        "host": connection.host,
        "port": connection.port,
        "username": connection.user,
        "password": connection.password,
    }
    options = {name: value for name, value in login.items() if value} if connection.user or connection.port else {}
    try:
        files = fsspec.filesystem(connection.kind, **options, **connection.extra)
    except (ValueError, ImportError) as error:
        raise ConfigError(
            f"connection {connection}: files of kind {connection.kind!r} cannot be reached here; use a folder (file://…), "
            "S3 (s3://KEY:SECRET@bucket/prefix), or install the package that fsspec names for it"
        ) from error
    return files, f"/{connection.database}".rstrip("/") if options else f"/{root}"


def _s3(connection: Connection) -> Any:
    """S3 by Arrow's own client: any store that speaks S3, named by the extra `endpoint`."""
    from fsspec.implementations.arrow import ArrowFSWrapper
    from pyarrow import fs

    scheme, _, endpoint = connection.extra.get("endpoint", "").rpartition("://")
    named = {
        "access_key": connection.user or None,
        "secret_key": connection.password or None,
        "region": connection.extra.get("region"),
        "endpoint_override": endpoint or None,
        "scheme": scheme or None,
    }
    return ArrowFSWrapper(
        fs.S3FileSystem(
            **{name: value for name, value in named.items() if value},
            anonymous=not connection.user and connection.extra.get("anonymous", "false").lower() == "true",
            connect_timeout=_CONNECT_SECONDS,
            request_timeout=_READ_SECONDS,
        )
    )
