"""Lines in any number and order, given back in the order of their bytes: some in memory, the rest sorted in a temporary file."""

from __future__ import annotations

import os
import tempfile
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import IO, Final

import zstandard

from shopmine.errors import SourceUnavailableError

_HELD_BYTES: Final = 4 << 20
_BLOCK_BYTES: Final = 1 << 18
_MOST_RUNS: Final = 32
_SOME: Final = 5_000
_LEVEL: Final = 1
_Block = tuple[int, int]
"""Where in the file, and how many bytes."""


class Lines:
    """What a source says of a day, a line each without its newline. What lies in the file is compressed, and gone with the object."""

    def __init__(self, lines: Iterable[bytes] = ()) -> None:
        self._here: list[bytes] = []
        self._n_here = self._n_lines = self._n_bytes = 0
        self._file: IO[bytes] | None = None
        self._runs: list[list[_Block]] = []
        rest = iter(lines)
        while some := [*islice(rest, _SOME)]:
            self.extend(some)

    def extend(self, lines: Sequence[bytes]) -> None:
        """Add some lines: few of them at a time, as they are held in memory until it is enough for a sorted run."""
        self._here += lines
        n_bytes = sum(map(len, lines))
        self._n_lines += len(lines)
        self._n_bytes += n_bytes
        self._n_here += n_bytes
        if self._n_here > _HELD_BYTES:
            self._put_away()

    def __len__(self) -> int:
        return self._n_lines

    def __iter__(self) -> Iterator[bytes]:
        """The lines in the order of their bytes."""
        return (line for block in self.blocks() for line in block)

    def __contains__(self, line: object) -> bool:
        return any(line == other for other in self)

    @property
    def n_bytes(self) -> int:
        """Of all lines, and of a newline between each two of them."""
        return self._n_bytes + max(0, self._n_lines - 1)

    @property
    def is_large(self) -> bool:
        """Whether they do not all lie in memory."""
        return bool(self._runs)

    def blocks(self) -> Iterator[list[bytes]]:
        """The lines in the order of their bytes, some at a time; never none."""
        held = _cut(sorted(self._here), self._n_here)
        yield from _merged([self._read(run) for run in self._runs] + [held]) if self._runs else held

    def _put_away(self) -> None:
        self._here.sort()
        self._runs.append(self._written(_cut(self._here, self._n_here)))
        self._here, self._n_here = [], 0
        if len(self._runs) >= _MOST_RUNS:
            self._runs = [self._written(_merged([self._read(run) for run in self._runs]))]

    def _written(self, blocks: Iterable[list[bytes]]) -> list[_Block]:
        """Blocks as a run of the file."""
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="shopmine-")  # noqa: SIM115  it lives as long as the object
        compressor = zstandard.ZstdCompressor(level=_LEVEL)
        places = []
        try:
            for block in blocks:
                data = compressor.compress(b"\n".join(block))
                places.append((self._file.seek(0, os.SEEK_END), self._file.write(data)))
            self._file.flush()
        except OSError as error:
            raise SourceUnavailableError(
                f"no room for the lines of a large day: {error.strerror}; make room in {tempfile.gettempdir()}, or name another "
                "folder by TMPDIR, and try again"
            ) from error
        return places

    def _read(self, run: Sequence[_Block]) -> Iterator[list[bytes]]:
        if self._file is None:
            return
        decompressor = zstandard.ZstdDecompressor()
        for start, size in run:
            yield decompressor.decompress(os.pread(self._file.fileno(), size, start)).split(b"\n")


def _cut(lines: Sequence[bytes], n_bytes: int) -> Iterator[list[bytes]]:
    """The lines in blocks of about the same size."""
    n_lines = max(1, len(lines) * _BLOCK_BYTES // max(n_bytes, 1))
    return ([*lines[start : start + n_lines]] for start in range(0, len(lines), n_lines))


def _merged(runs: Sequence[Iterator[list[bytes]]]) -> Iterator[list[bytes]]:
    """Sorted runs as one: of the blocks at hand, what is at or before the least of their ends cannot come later."""
    nothing: list[bytes] = []
    open_runs = [(run, block) for run in runs if (block := next(run, nothing))]
    while open_runs:
        bound = min(block[-1] for _, block in open_runs)
        merged: list[bytes] = []
        left = []
        for run, block in open_runs:
            place = bisect_right(block, bound)
            merged += block[:place]
            if rest := block[place:] or next(run, nothing):
                left.append((run, rest))
        merged.sort()  # it finds the runs that its parts are
        yield merged
        open_runs = left
