"""How a text file is written: its encoding and the separator of its columns, found out from its bytes and stated."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

_UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_LOOKED_AT: Final = 4 << 20
# What is surely Chinese: a pair of bytes in the region of common characters and marks, or a quadruple; then any other pair or byte.
_PAIRS: Final = re.compile(
    rb"([\xa1-\xf7][\xa1-\xfe]|[\x81-\xfe][\x30-\x39][\x81-\xfe][\x30-\x39])|[\x81-\xfe][\x40-\x7e\x80-\xfe]|[\x80-\xff]"
)
_CONTROLS: Final = re.compile(rb"[\x80-\x9f]")
_SURELY_CHINESE, _SURELY_WESTERN = 0.5, 0.3
_SEPARATORS: Final = (",", ";", "\t", "|")
_RECORDS: Final = 100
_FITTING: Final = 0.9


@dataclass(slots=True)
class EncodingFinder:
    """Tells the encoding of bytes that are fed block by block: UTF-8 or UTF-16 by its mark, GB18030, latin-1.

    GB18030 and latin-1 both accept most bytes. Western texts have single bytes above ASCII between letters, Chinese ones have pairs of
    such bytes; what is neither for sure is not guessed.
    """

    _utf8: codecs.IncrementalDecoder = field(default_factory=codecs.getincrementaldecoder("utf-8"))
    _gb18030: codecs.IncrementalDecoder = field(default_factory=codecs.getincrementaldecoder("gb18030"))
    _is_utf8: bool = True
    _is_gb18030: bool = True
    _has_controls: bool = False
    _start: bytes = b""
    _n_fed: int = 0
    _n_pairs: int = 0
    _n_common: int = 0

    def feed(self, block: bytes) -> None:
        """Take the next block."""
        self._start = self._start or block[:4]
        self._is_utf8 = self._is_utf8 and _accepts(self._utf8, block)
        self._is_gb18030 = self._is_gb18030 and _accepts(self._gb18030, block)
        self._has_controls = self._has_controls or _CONTROLS.search(block) is not None
        if self._n_fed < _LOOKED_AT:
            pairs = _PAIRS.findall(block)
            self._n_pairs += len(pairs)
            self._n_common += sum(map(bool, pairs))
        self._n_fed += len(block)

    def found(self) -> str | None:
        """The encoding's name; None: not for sure."""
        if self._start.startswith(_UTF16):
            return "utf-16"
        if self._is_utf8 and _accepts(self._utf8, b"", final=True):
            return "utf-8-sig" if self._start.startswith(codecs.BOM_UTF8) else "utf-8"
        chinese = self._n_common / max(1, self._n_pairs)
        if self._is_gb18030 and _accepts(self._gb18030, b"", final=True) and chinese >= _SURELY_CHINESE:
            return "gb18030"
        return "latin-1" if chinese <= _SURELY_WESTERN and not self._has_controls else None


def _accepts(decoder: codecs.IncrementalDecoder, block: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(block, final)
    except UnicodeDecodeError:
        return False
    return True


def find_separator(text: str, usual: str) -> str:
    """The separator by which the first records have as many fields as the header, and most; `usual` where none has two.

    Args:
        text: the beginning of the file; its last line may be cut.
        usual: the one that the file's ending promises, preferred between equals.
    """
    lines = text.splitlines(keepends=True)
    lines = lines[:-1] if len(lines) > 1 else lines
    found, best = usual, (0.0, 1)
    for separator in (usual, *(other for other in _SEPARATORS if other != usual)):
        counts = [len(record) for record in _records(lines, separator) if record]
        if not counts or counts[0] < 2:
            continue
        score = (round(counts.count(counts[0]) / len(counts), 1), counts[0])
        if score[0] >= _FITTING and score > best:
            found, best = separator, score
    return found


def _records(lines: list[str], separator: str) -> Iterator[list[str]]:
    try:
        for _, record in zip(range(_RECORDS), csv.reader(lines, delimiter=separator), strict=False):
            yield record
    except csv.Error:
        return
