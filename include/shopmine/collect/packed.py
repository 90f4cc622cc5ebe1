"""Files within files: what a zip holds, and what a gz is packed of; anything else is itself."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from shopmine.errors import DataError

if TYPE_CHECKING:
    from shopmine.collect.storage import Storage, StoredFile

ZIP, GZ = ".zip", ".gz"
BROKEN: Final = (zipfile.BadZipFile, zlib.error, gzip.BadGzipFile, EOFError)
"""What a damaged or half written packed file raises when it is read."""

_MOST_MEMBERS: Final = 10_000
_MOST_BYTES: Final = 64 << 30
_MOST_RATIO: Final = 2_000  # no table packs better; what does is made to fill a memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A table file that stands by itself or is packed in another one.

    Attributes:
        name: `sales.csv`, or `sales.zip/march.csv` within a zip.
        ending: in lower case, of the file without its packing, like `.csv`.
        is_packed: it cannot grow at its end.
    """

    name: str
    ending: str
    stored: StoredFile
    is_packed: bool
    inner: str | None = None

    def open(self, storage: Storage) -> AbstractContextManager[BinaryIO]:
        """Its bytes, unpacked."""
        return _open(self, storage)


def members_of(file: StoredFile, storage: Storage) -> list[Member]:
    """What is in a file, by name. Raises one of `BROKEN` where it is damaged, DataError where it may not be unpacked."""
    path = PurePosixPath(file.name)
    ending = path.suffix.lower()
    if ending == GZ:
        return [Member(name=file.name, ending=path.with_suffix("").suffix.lower(), stored=file, is_packed=True)]
    if ending != ZIP:
        return [Member(name=file.name, ending=ending, stored=file, is_packed=False)]
    with storage.open(file) as stream, zipfile.ZipFile(stream) as archive:
        infos = [info for info in archive.infolist() if not info.is_dir() and not _is_litter(info.filename)]
    _check_sizes(file.name, infos)
    return [
        Member(
            name=f"{file.name}/{info.filename}",
            ending=PurePosixPath(info.filename).suffix.lower(),
            stored=file,
            is_packed=True,
            inner=info.filename,
        )
        for info in sorted(infos, key=lambda info: info.filename)
    ]


def _is_litter(name: str) -> bool:
    """What a desktop adds by itself."""
    return name.startswith("__MACOSX/") or PurePosixPath(name).name.startswith(".")


def _check_sizes(name: str, infos: list[zipfile.ZipInfo]) -> None:
    if any(info.flag_bits & 1 for info in infos):
        raise DataError(f"{name} is encrypted; put it there without a password")
    unpacked = sum(info.file_size for info in infos)
    packed = sum(info.compress_size for info in infos)
    if len(infos) > _MOST_MEMBERS or unpacked > min(_MOST_BYTES, max(1 << 20, _MOST_RATIO * packed)):
        raise DataError(
            f"{name} holds {len(infos)} files of {unpacked} bytes, which is too much to be a table; unpack it"
        )


@contextmanager
def _open(member: Member, storage: Storage) -> Iterator[BinaryIO]:
    with storage.open(member.stored) as stream:
        if member.inner is not None:
            with zipfile.ZipFile(stream) as archive, archive.open(member.inner) as inner:
                yield cast("BinaryIO", inner)
        elif member.is_packed:
            with gzip.open(stream) as unpacked:
                yield cast("BinaryIO", unpacked)
        else:
            yield stream
