"""What the kernels read and fill: plain tuples of arrays, which compiled code can take."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
# Unsigned: a signed index is tested for being counted from the end, which doubles the time of the inner loops.
Indices = npt.NDArray[np.uint32]
Starts = npt.NDArray[np.uint64]
Index: TypeAlias = int | np.integer[Any]


class Rows(NamedTuple):
    """A sparse matrix by rows; `values` is empty where every stored value is 1."""

    starts: Starts
    columns: Indices
    values: Floats

    @property
    def sizes(self) -> npt.NDArray[np.int64]:
        """(n_rows,) stored values of each row."""
        starts = self.starts.astype(np.int64)
        return starts[1:] - starts[:-1]


class Product(NamedTuple):
    """`left · diag(weight) · right`: what is added up; an empty `weight` is all ones."""

    left: Rows
    weight: Floats
    right: Rows


class Scaling(NamedTuple):
    """Divisors: an entry is divided by `row[i] · column[j] + added`, `added` >= 0; all are empty where nothing is divided.

    `inverse` is 1 / `column`, any number where that is 0.
    """

    row: Floats
    column: Floats
    inverse: Floats
    added: float


class Measure(NamedTuple):
    """Which similarity is made of the sums over what two rows have in common: `COSINE`, `PEARSON` or `MSD`."""

    kind: int
    min_overlap: int
    significance: float


class Best(NamedTuple):
    """Where the best of `n_columns` entries of each row go: (n_rows, k) each, and how many there are."""

    columns: Indices
    scores: Floats
    n_found: npt.NDArray[np.int64]
    n_columns: int


class Entries(NamedTuple):
    """Room for the `k` best entries of one row."""

    columns: Indices
    scores: Floats


class Pairs(NamedTuple):
    """Which (row, column) are asked for: `column[starts[row]:starts[row + 1]]` of each row."""

    starts: Starts
    column: Indices


class Predictions(NamedTuple):
    """(n_pairs,) for each pair: similarity · rating and similarity, summed over the `k` nearest who rated, and their number."""

    weighted: Floats
    weights: Floats
    n_found: npt.NDArray[np.int64]
    k: int
