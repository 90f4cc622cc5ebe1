"""Columns of the generated tables: exact money, numbered names, times."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

UTC_OFFSET: Final = np.timedelta64(8, "h")  # Asia/Shanghai has had no summer time since 1991

Ints = npt.NDArray[np.integer[Any]]
Times = npt.NDArray[np.datetime64]
Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.floating[Any]]


def money(cents: Ints) -> pa.Array:
    """Whole cents as decimal128(12, 2), without a float in between."""
    words = np.empty((len(cents), 2), dtype=np.int64)
    words[:, 0] = cents
    words[:, 1] = np.where(np.asarray(cents) < 0, -1, 0)
    return pa.Array.from_buffers(pa.decimal128(12, 2), len(cents), [None, pa.py_buffer(words.tobytes())])


def numbered(prefix: str, numbers: Ints, width: int) -> pa.Array:
    """Texts such as "PY000042"."""
    return joined(prefix, pc.utf8_lpad(pa.array(numbers).cast(pa.string()), width, "0"))


def joined(*parts: str | pa.Array) -> pa.Array:
    """The parts written one after the other, row by row."""
    texts = [pa.scalar(part) if isinstance(part, str) else part for part in parts]
    return pc.binary_join_element_wise(*texts, "")


def times(at: Times) -> pa.Array:
    """Local times without zone, whole seconds."""
    return pa.array(at.astype("datetime64[s]"))


def utc_times(at: Times) -> pa.Array:
    """Local times as UTC, for columns of type TIMESTAMP."""
    return times(np.subtract(at.astype("datetime64[s]"), UTC_OFFSET))


def chosen(choices: Sequence[str | None], index: Ints) -> pa.Array:
    """`choices[index]` as text; null where the index is below 0."""
    return pa.array(choices, pa.string()).take(pa.array(index, mask=index < 0))


def text_days(at: Times) -> pa.Array:
    """Days as texts such as "20250630"."""
    return pc.replace_substring(pa.array(at.astype("datetime64[D]")).cast(pa.string()), "-", "")


def positions_within(groups: Ints) -> npt.NDArray[np.int64]:
    """0, 1, 2 … within each run of equal numbers; equal numbers must stand together."""
    if len(groups) == 0:
        return np.empty(0, dtype=np.int64)
    is_first = np.concatenate(([True], groups[1:] != groups[:-1]))
    starts = np.flatnonzero(is_first)
    return np.arange(len(groups)) - np.repeat(starts, np.diff(np.append(starts, len(groups))))
