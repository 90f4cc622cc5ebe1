"""Rows on their way from a source's text to canonical columns: the structures that the steps of `prepare` hand on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Rows = npt.NDArray[np.int64]

_LONGEST_VALUE = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchText:
    """One batch as it was landed.

    Attributes:
        columns: (name, the source's type) in the order of the values of a line.
        format: "copy" (PostgreSQL COPY text) or "jsonl" (extended JSON, a document a line).
        lines: one row or document each, without the newline, in any order.
        has_day: False for rows whose day the source does not tell: all of them go to quarantine.
        may_lack: mapped columns may be missing and are null then: a snapshot of the past, which cannot be read again.
        lacking: these mapped columns may be missing too, as their contract lets a column of the source go.
        day: the shop's day; None where it is not told.
    """

    columns: tuple[tuple[str, str], ...]
    format: str
    lines: Sequence[bytes]
    has_day: bool = True
    may_lack: bool = False
    lacking: frozenset[str] = frozenset()
    day: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRows:
    """Expanded rows of several batches, in a total order: batch, then the whole line's bytes, then the element's place.

    Attributes:
        batch: (n_rows,) place of the row's batch in the group.
        line: (n_rows,) index into `lines`.
        element: (n_rows,) place in the unwound list, from 1; 0 where nothing is unwound.
        lines: the group's lines in the total order.
        text: source column or path -> (n_rows,) its text, null where the source has none.
        json: source column or path -> (n_rows,) its value as JSON text, for what goes to `attributes`.
        types: source column -> its type in the source; empty for documents.
    """

    batch: Rows
    line: Rows
    element: Rows
    lines: Sequence[bytes]
    text: Mapping[str, pa.Array]
    json: Mapping[str, pa.Array]
    types: Mapping[str, str]

    def __len__(self) -> int:
        return len(self.batch)

    def take(self, rows: Rows) -> SourceRows:
        """The rows at these places; `lines` stays whole."""
        return SourceRows(
            batch=self.batch[rows],
            line=self.line[rows],
            element=self.element[rows],
            lines=self.lines,
            text={name: values.take(pa.array(rows)) for name, values in self.text.items()},
            json={name: values.take(pa.array(rows)) for name, values in self.json.items()},
            types=self.types,
        )


@dataclass(slots=True)
class Problems:
    """Why rows cannot be kept: row -> reasons, in the order in which they were found.

    Attributes:
        discarded: row -> the columns whose value alone is not kept, each with its reason.
    """

    reasons: dict[int, list[str]] = field(default_factory=dict)
    discarded: dict[int, list[tuple[str, str]]] = field(default_factory=dict)

    def add(self, rows: Iterable[int], reasons: Iterable[str]) -> None:
        """Note a reason for each of these rows."""
        for row, reason in zip(rows, reasons, strict=True):
            self.reasons.setdefault(int(row), []).append(reason)

    def good(self, n_rows: int) -> Rows:
        """The rows without a problem, ascending."""
        is_good = np.ones(n_rows, dtype=bool)
        is_good[list(self.reasons)] = False
        return np.flatnonzero(is_good)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """One row for the quarantine.

    Attributes:
        batch: place of its batch in the group.
        original: its text as landed, or for a line that cannot be read its position, length and hash.
        discarded: the one column whose value is not kept while the row is; None: the whole row is not.
    """

    batch: int
    row_key: str | None
    reason: str
    original: bytes
    discarded: str | None = None


def shown(value: str) -> str:
    """A value as it stands in a reason: quoted, cut at 60 characters."""
    return repr(value if len(value) <= _LONGEST_VALUE else value[:_LONGEST_VALUE] + "…")


def codes(values: pa.Array) -> Rows:
    """(n,) a number for each distinct value, null being one of them; equal numbers mean equal values."""
    encoded = values.dictionary_encode(null_encoding="encode")
    indices: Rows = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return indices


def joint_codes(columns: Sequence[Rows], n_rows: int) -> Rows:
    """(n_rows,) a number for each distinct combination of the columns' values: 0, 1, 2 … in the order in which they appear."""
    joint = np.zeros(n_rows, dtype=np.int64)
    for column in columns:
        combined = joint * (int(column.max(initial=0)) + 1) + column
        joint = codes(pa.array(combined))
    return joint
