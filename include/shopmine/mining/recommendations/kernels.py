"""The inner loops: compiled once by numba, then read from its cache; each works on a range of rows and releases the GIL.

They are called through `sparse_top`, `neighbors` and `ratings`, which check and convert what comes in. No kernel adds up in an
order that depends on threads: a row is always summed by one thread, in the order of its stored entries.

All of them stand in this one file: the cache of a compiled function notices a change of its own file only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

import numba
import numpy as np

from shopmine.mining.recommendations.kernel_types import (
    Best,
    Entries,
    Floats,
    Index,
    Indices,
    Measure,
    Pairs,
    Predictions,
    Product,
    Rows,
    Scaling,
)

Function = TypeVar("Function", bound=Callable[..., Any])


COSINE: Final = 0
PEARSON: Final = 1
MSD: Final = 2
# A spread below this share of the values' size is rounding, not spread.
_NO_SPREAD: Final = 1e-12
_ONE: Final = np.uint32(1)
# Columns that are looked at together, and the least share of a row's columns that makes listing them dearer than looking at all.
_GROUP: Final = 16
_LISTED: Final = 8
_SLACK: Final = 1 - 1e-9


def compiled(function: Function) -> Function:
    """Compile at the first call and keep the machine code beside the source, or in the user's cache folder.

    Where neither can be written, every process compiles for itself.
    """
    try:
        return cast("Function", numba.njit(cache=True, nogil=True, error_model="numpy")(function))
    except RuntimeError:
        return cast("Function", numba.njit(nogil=True, error_model="numpy")(function))


@compiled
def _is_worse(score: float, column: Index, than_score: float, than_column: Index) -> bool:
    return score < than_score or (score == than_score and bool(column > than_column))


@compiled
def _sift_down(columns: Indices, scores: Floats, size: int) -> None:
    """Restore the heap, whose root is the worst entry, after its root changed."""
    place = 0
    while True:
        child = 2 * place + 1
        if child >= size:
            return
        if child + 1 < size and _is_worse(scores[child + 1], columns[child + 1], scores[child], columns[child]):
            child += 1
        if not _is_worse(scores[child], columns[child], scores[place], columns[place]):
            return
        scores[child], scores[place] = scores[place], scores[child]
        columns[child], columns[place] = columns[place], columns[child]
        place = child


@compiled
def _sift_up(columns: Indices, scores: Floats, place: int) -> None:
    while place > 0:
        parent = (place - 1) // 2
        if not _is_worse(scores[place], columns[place], scores[parent], columns[parent]):
            return
        scores[parent], scores[place] = scores[place], scores[parent]
        columns[parent], columns[place] = columns[place], columns[parent]
        place = parent


@compiled
def _offer(columns: Indices, scores: Floats, size: int, column: Index, score: float) -> int:
    """Put an entry among the best, if it is; returns how many there are then."""
    if size < len(scores):
        columns[size] = column
        scores[size] = score
        _sift_up(columns, scores, size)
        return size + 1
    if size > 0 and _is_worse(scores[0], columns[0], score, column):
        columns[0] = column
        scores[0] = score
        _sift_down(columns, scores, size)
    return size


@compiled
def _sort_best(columns: Indices, scores: Floats, size: int) -> None:
    """Best first: take the worst from the heap to its end until nothing is left."""
    for last in range(size - 1, 0, -1):
        scores[0], scores[last] = scores[last], scores[0]
        columns[0], columns[last] = columns[last], columns[0]
        _sift_down(columns, scores, last)


@compiled
def _work(product: Product, row: int) -> Index:
    """How many additions a row of the product takes."""
    total = np.uint64(0)
    starts = product.right.starts
    for place in range(product.left.starts[row], product.left.starts[row + 1]):
        inner = product.left.columns[place]
        total += starts[inner + _ONE] - starts[inner]
    return np.int64(total)


@compiled
def _add_all(product: Product, row: int, sums: Floats) -> None:
    """Add one row of the product to `sums`."""
    own_starts, own_columns, own_values = product.left
    starts, columns, values = product.right
    weight = product.weight
    for place in range(own_starts[row], own_starts[row + 1]):
        inner = own_columns[place]
        factor = own_values[place] if len(own_values) else 1.0
        if len(weight):
            factor *= weight[inner]
        if len(values):
            for other in range(starts[inner], starts[inner + _ONE]):
                sums[columns[other]] += factor * values[other]
        else:
            for other in range(starts[inner], starts[inner + _ONE]):
                sums[columns[other]] += factor


@compiled
def _add_listed(product: Product, row: int, sums: Floats, touched: Indices) -> Index:
    """The same for a short row: each column goes to `touched` when it leaves 0."""
    own_starts, own_columns, own_values = product.left
    starts, columns, values = product.right
    weight = product.weight
    n_touched = np.uint64(0)
    for place in range(own_starts[row], own_starts[row + 1]):
        inner = own_columns[place]
        factor = own_values[place] if len(own_values) else 1.0
        if len(weight):
            factor *= weight[inner]
        for other in range(starts[inner], starts[inner + _ONE]):
            column = columns[other]
            touched[n_touched] = column
            n_touched += np.uint64(sums[column] == 0.0)
            sums[column] += factor * (values[other] if len(values) else 1.0)
    return np.int64(n_touched)


@compiled
def _collect_listed(sums: Floats, touched: Indices, row: int, scaling: Scaling, best: Entries) -> int:
    """The best of the touched columns, as a heap; all sums are 0 afterwards."""
    # Arrays and numbers are taken out of their tuples here: handing tuples to a function for each entry costs more than all else.
    columns, scores = best
    divisors, added = scaling.column, scaling.added
    is_scaled, divisor = len(scaling.row) > 0, _row_divisor(scaling, row)
    size, bound = 0, 0.0
    for column in touched:
        score = sums[column]
        # A column that went through 0 is listed twice; the second time nothing is there any more.
        sums[column] = 0.0
        if is_scaled and score > 0.0:
            score /= divisor * divisors[column] + added
        if score >= bound and score > 0.0:
            size = _offer(columns, scores, size, column, score)
            bound = scores[0] if size == len(scores) else 0.0
    return size


@compiled
def _row_divisor(scaling: Scaling, row: int) -> float:
    return scaling.row[row] if len(scaling.row) else 1.0


@compiled
def _collect_all(sums: Floats, row: int, scaling: Scaling, best: Entries) -> int:
    """The best of all columns, as a heap; all sums are 0 afterwards.

    `sum · (1 / column's divisor) / row's divisor` is never below the entry by more than rounding: whole groups of columns
    that cannot be among the best are passed over without a division.
    """
    columns, scores = best
    divisors, inverse, added = scaling.column, scaling.inverse, scaling.added
    is_scaled, divisor = len(scaling.row) > 0, _row_divisor(scaling, row)
    size, bound = 0, 0.0
    n_columns = len(sums)
    for start in range(0, n_columns, _GROUP):
        if start + _GROUP <= n_columns and not _is_hit(sums, inverse, np.uint64(start), bound):
            continue
        for column in range(start, min(start + _GROUP, n_columns)):
            score = sums[column]
            if is_scaled and score > 0.0:
                score /= divisor * divisors[column] + added
            if score > 0.0:
                size = _offer(columns, scores, size, column, score)
        if size == len(scores):
            bound = scores[0] * divisor * _SLACK
    sums[:] = 0.0
    return size


@compiled
def _is_hit(sums: Floats, inverse: Floats, start: Index, bound: float) -> bool:
    """Whether any of a group of columns may be above the bound; without a test in the loop, so that it runs in parallel."""
    is_hit: Any = False
    if len(inverse):
        for place in range(_GROUP):
            column = start + np.uint64(place)
            is_hit |= sums[column] * inverse[column] > bound
    else:
        for place in range(_GROUP):
            is_hit |= sums[start + np.uint64(place)] > bound
    return bool(is_hit)


@compiled
def best_of_product(bounds: tuple[int, int], product: Product, scaling: Scaling, skipped: Rows, best: Best) -> None:
    """The best entries above 0 of the rows `bounds[0]` to `bounds[1]` of a product.

    Args:
        bounds: first row, and the one after the last.
        product: of which matrices.
        scaling: divisors of the entries.
        skipped: by row, the columns that are no candidates.
        best: (bounds[1] − bounds[0], k); filled best first, ties by the smaller column.
    """
    sums = np.zeros(best.n_columns)
    touched = np.zeros(best.n_columns + 1, dtype=np.uint32)
    for row in range(bounds[0], bounds[1]):
        out = row - bounds[0]
        entries = Entries(best.columns[out], best.scores[out])
        is_listed = _LISTED * _work(product, row) < best.n_columns
        n_touched: Index = 0
        if is_listed:
            n_touched = _add_listed(product, row, sums, touched)
        else:
            _add_all(product, row, sums)
        for place in range(skipped.starts[row], skipped.starts[row + 1]):
            sums[skipped.columns[place]] = 0.0
        if is_listed:
            size = _collect_listed(sums, touched[:n_touched], row, scaling, entries)
        else:
            size = _collect_all(sums, row, scaling, entries)
        _sort_best(entries.columns, entries.scores, size)
        best.n_found[out] = size


# Sums over what two rows have in common: how many, their weight w, and w·x, w·y, w·x², w·y², w·x·y.
_N, _W, _X, _Y, _XX, _YY, _XY, _N_SUMS = 0, 1, 2, 3, 4, 5, 6, 7


@compiled
def _add_common(product: Product, row: int, sums: Floats, touched: Indices) -> Index:
    """Add up what a row has in common with every other row; returns how many it shares anything with."""
    own_starts, own_columns, own_values = product.left
    starts, columns, values = product.right
    n_touched = np.uint64(0)
    for place in range(own_starts[row], own_starts[row + 1]):
        inner = own_columns[place]
        x = own_values[place] if len(own_values) else 1.0
        weight = product.weight[inner] if len(product.weight) else 1.0
        for other in range(starts[inner], starts[inner + _ONE]):
            column = columns[other]
            y = values[other] if len(values) else 1.0
            touched[n_touched] = column
            n_touched += np.uint64(sums[column, _N] == 0.0)
            sums[column, _N] += 1.0
            sums[column, _W] += weight
            sums[column, _X] += weight * x
            sums[column, _Y] += weight * y
            sums[column, _XX] += weight * x * x
            sums[column, _YY] += weight * y * y
            sums[column, _XY] += weight * x * y
    return np.int64(n_touched)


@compiled
def _pearson(common: Floats) -> float:
    weight = float(common[_W])
    if not weight > 0.0:
        return 0.0
    spread_x = common[_XX] - common[_X] * common[_X] / weight
    spread_y = common[_YY] - common[_Y] * common[_Y] / weight
    if spread_x <= _NO_SPREAD * common[_XX] or spread_y <= _NO_SPREAD * common[_YY]:
        return 0.0
    together = common[_XY] - common[_X] * common[_Y] / weight
    return min(float(together / np.sqrt(spread_x * spread_y)), 1.0)


@compiled
def _mean_squared_difference(common: Floats) -> float:
    if not common[_W] > 0.0:
        return 0.0
    difference = (common[_XX] - 2.0 * common[_XY] + common[_YY]) / common[_W]
    return 1.0 / (1.0 + max(float(difference), 0.0))


@compiled
def best_of_common(bounds: tuple[int, int], product: Product, measure: Measure, scaling: Scaling, best: Best) -> None:
    """The most similar other rows, similarity above 0, of the rows `bounds[0]` to `bounds[1]`.

    Args:
        bounds: first row, and the one after the last.
        product: the matrix, weights of its columns, and its transpose.
        measure: which similarity.
        scaling: divisors of the cosine.
        best: (bounds[1] − bounds[0], k); filled best first, ties by the smaller row.
    """
    sums = np.zeros((best.n_columns, _N_SUMS))
    touched = np.zeros(best.n_columns + 1, dtype=np.uint32)
    kind, min_overlap, significance = measure
    for row in range(bounds[0], bounds[1]):
        out = row - bounds[0]
        columns, scores = best.columns[out], best.scores[out]
        size = 0
        for column in touched[: _add_common(product, row, sums, touched)]:
            common = sums[column]
            score = 0.0
            if column != row and common[_N] >= min_overlap:
                if kind == PEARSON:
                    score = _pearson(common)
                elif kind == MSD:
                    score = _mean_squared_difference(common)
                elif common[_XY] > 0.0:
                    score = common[_XY] / (scaling.row[row] * scaling.column[column] + scaling.added)
                score *= common[_N] / (common[_N] + significance)
            common[:] = 0.0
            if score > 0.0:
                size = _offer(columns, scores, size, column, score)
        _sort_best(columns, scores, size)
        best.n_found[out] = size


@compiled
def squared_norms(rows: Rows, weight: Floats) -> Floats:
    """(n_rows,) sum of `weight[column] · value²` of each row; an empty `weight` is all ones."""
    norms = np.zeros(len(rows.starts) - 1)
    for row in range(len(norms)):
        for place in range(rows.starts[row], rows.starts[row + 1]):
            value = rows.values[place] if len(rows.values) else 1.0
            norms[row] += value * value * (weight[rows.columns[place]] if len(weight) else 1.0)
    return norms


@compiled
def predict_range(bounds: tuple[int, int], pairs: Pairs, similar: Rows, raters: Rows, found: Predictions) -> None:
    """Sums over the nearest who rated, for the pairs of the rows `bounds[0]` to `bounds[1]`.

    Args:
        bounds: first row, and the one after the last.
        pairs: sorted by row.
        similar: by row, the others' similarities.
        raters: by column, who rated it and how.
        found: `k` decides how many of the nearest count.
    """
    similarity = np.zeros(len(similar.starts) - 1)
    who = np.zeros(found.k, dtype=np.uint32)
    nearest = np.zeros(found.k)
    for row in range(bounds[0], bounds[1]):
        for place in range(similar.starts[row], similar.starts[row + 1]):
            similarity[similar.columns[place]] = similar.values[place]
        for pair in range(pairs.starts[row], pairs.starts[row + 1]):
            first, last = raters.starts[pairs.column[pair]], raters.starts[pairs.column[pair] + _ONE]
            size = 0
            for place in range(first, last):
                score = similarity[raters.columns[place]]
                if score > 0.0:
                    # The heap holds places, which are in the order of the raters: ties go to the smaller one.
                    size = _offer(who, nearest, size, np.uint32(place - first), score)
            _sort_best(who, nearest, size)
            for rank in range(size):
                found.weighted[pair] += nearest[rank] * raters.values[first + np.uint64(who[rank])]
                found.weights[pair] += nearest[rank]
            found.n_found[pair] = size
        for place in range(similar.starts[row], similar.starts[row + 1]):
            similarity[similar.columns[place]] = 0.0
