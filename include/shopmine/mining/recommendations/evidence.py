"""What of a customer's own purchases speaks for an entry: the strongest few of each entry, compiled.

Entries of one customer stand together, so that what the customer did is spread out once and every entry walks only over what
its own product has to do with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from shopmine.mining.recommendations.kernels import compiled
from shopmine.mining.recommendations.sparse_top import rows_of, transposed

if TYPE_CHECKING:
    from shopmine.mining.recommendations.kernel_types import Floats, Rows
    from shopmine.mining.recommendations.scores import Scores

Codes = npt.NDArray[np.int64]
_OF_A_SOURCE: Final = 4
"""So many of a customer's purchases are told of by one source, at most."""


class Told(NamedTuple):
    """Evidence of each entry as it is collected: `n[entry]` codes with their weights; a code twice is one with their sum."""

    code: Codes
    weight: Floats
    n: Codes

    @classmethod
    def room(cls, n_entries: int, n_sources: int) -> Told:
        """Room for the evidence of so many sources."""
        width = max(1, n_sources) * _OF_A_SOURCE
        shape = (n_entries, width)
        return cls(np.zeros(shape, dtype=np.int64), np.zeros(shape), np.zeros(n_entries, dtype=np.int64))

    def add(self, entry: Codes, code: Codes, weight: Floats) -> None:
        """One piece of evidence for each of some entries."""
        _add_single(self, entry, code, weight)

    def strongest(self, n: int, least: float) -> tuple[Codes, Codes, Floats]:
        """Entry, code and weight of the `n` strongest of each entry from `least` on; ties by the smaller code."""
        _put_strongest_first(self, n)
        place = np.arange(self.code.shape[1])[None, :]
        entry, column = np.nonzero((place < np.minimum(self.n, n)[:, None]) & (self.weight >= least))
        return entry.astype(np.int64), self.code[entry, column], self.weight[entry, column]


class Kinds(NamedTuple):
    """Codes of evidence: `base + product` for what speaks for another product, `own + product` for what speaks for itself."""

    base: int
    own: int


class Turned(NamedTuple):
    """A source by products: what lies between, of a customer and of a product."""

    left: Rows
    by_product: Rows
    n_between: int

    @classmethod
    def of(cls, scores: Scores) -> Turned:
        """Turn its right side round: it takes longer than a thousand entries to explain."""
        right = transposed(rows_of(scores.right), scores.right.shape[1])
        return cls(rows_of(scores.left), right, scores.left.shape[1])


def add_purchases(told: Told, source: Turned, pairs: tuple[Codes, Codes], share: Floats, kinds: Kinds) -> None:
    """Share an entry's `share` out among the purchases that a source's score is made of; the strongest few are told.

    Args:
        told: where it goes.
        source: what lies between is products.
        pairs: (n_entries,) customer and product of each entry.
        share: (n_entries,) 0 where the source has none.
        kinds: codes of this evidence.
    """
    _add_purchases(told, source[:2], (*pairs, share), np.zeros(source.n_between), kinds)


def count_customers(source: Turned, pairs: tuple[Codes, Codes], share: Floats) -> Codes:
    """(n_entries,) how many of the customers between add to the score of each entry with a share; 0 without one."""
    dense, found = np.zeros(source.n_between), np.zeros(len(share), dtype=np.int64)
    _count(found, source[:2], (*pairs, share), dense)
    return found


@compiled
def _spread(rows: Rows, row: int, dense: Floats, is_there: bool) -> None:
    """Write a row of the matrix into `dense`, or zeros in its place."""
    for place in range(rows.starts[row], rows.starts[row + 1]):
        value = rows.values[place] if len(rows.values) else 1.0
        dense[rows.columns[place]] = value if is_there else 0.0


@compiled
def _turn_to(rows: Rows, before: int, row: int, dense: Floats) -> int:
    """Have this row in `dense` in place of the one before, if it is another; -1: there was none."""
    if row != before:
        if before >= 0:
            _spread(rows, before, dense, False)
        _spread(rows, row, dense, True)
    return row


@compiled
def _put(told: Told, entry: int, code: int, weight: float) -> None:
    for place in range(told.n[entry]):
        if told.code[entry, place] == code:
            told.weight[entry, place] += weight
            return
    place = told.n[entry]
    told.code[entry, place] = code
    told.weight[entry, place] = weight
    told.n[entry] = place + 1


@compiled
def _add_single(told: Told, entry: Codes, code: Codes, weight: Floats) -> None:
    for place in range(len(entry)):
        _put(told, entry[place], code[place], weight[place])


@compiled
def _add_purchases(
    told: Told, factors: tuple[Rows, Rows], entries: tuple[Codes, Codes, Floats], dense: Floats, kinds: Kinds
) -> None:
    left, by_product = factors
    customers, products, share = entries
    best, weight = np.zeros(_OF_A_SOURCE, dtype=np.int64), np.zeros(_OF_A_SOURCE)
    current = -1
    for entry in range(len(share)):
        if share[entry] <= 0.0:
            continue
        current = _turn_to(left, current, customers[entry], dense)
        total, n = 0.0, 0
        for place in range(by_product.starts[products[entry]], by_product.starts[products[entry] + 1]):
            bought = by_product.columns[place]
            part = dense[bought] * (by_product.values[place] if len(by_product.values) else 1.0)
            if part > 0.0:
                total += part
                n = _keep_best(best, weight, n, int(bought), part)
        for place in range(n):
            is_itself = best[place] == products[entry]
            code = (kinds.own if is_itself else kinds.base) + best[place]
            _put(told, entry, code, share[entry] * weight[place] / total)


@compiled
def _keep_best(best: Codes, weight: Floats, n: int, code: int, value: float) -> int:
    """Insert into the short list, largest first; among equals the one that came first stays before."""
    if n == len(best) and value <= weight[n - 1]:
        return n
    place = n if n < len(best) else n - 1
    while place > 0 and weight[place - 1] < value:
        best[place], weight[place] = best[place - 1], weight[place - 1]
        place -= 1
    best[place], weight[place] = code, value
    return min(n + 1, len(best))


@compiled
def _count(found: Codes, factors: tuple[Rows, Rows], entries: tuple[Codes, Codes, Floats], dense: Floats) -> None:
    left, by_product = factors
    customers, products, share = entries
    current = -1
    for entry in range(len(share)):
        if share[entry] <= 0.0:
            continue
        current = _turn_to(left, current, customers[entry], dense)
        for place in range(by_product.starts[products[entry]], by_product.starts[products[entry] + 1]):
            found[entry] += dense[by_product.columns[place]] > 0.0


@compiled
def _put_strongest_first(told: Told, n: int) -> None:
    for entry in range(len(told.n)):
        code, weight = told.code[entry], told.weight[entry]
        for place in range(min(n, told.n[entry])):
            best = place
            for other in range(place + 1, told.n[entry]):
                if weight[other] > weight[best] or (weight[other] == weight[best] and code[other] < code[best]):
                    best = other
            code[place], code[best] = code[best], code[place]
            weight[place], weight[best] = weight[best], weight[place]
