"""What chance alone would give, and how many of many findings it explains.

The null keeps how often each item is bought and how large each basket is, and nothing else: the most random baskets with these
sums. Item i is then in a basket of n items with the probability p_i(n) = x_i·y_n/(1 + x_i·y_n), where x and y make the sums
right. Two items meet Σ_b p_i·p_j·n(n−1)/(n² − Σ_k p_k²) times: while baskets hold few of all items, this is
c_i·c_j·Σ_b n_b(n_b−1)/T² (c how often an item, T how many in all). Counts are nearly Poisson. A test that ignores sizes
(Fisher's) is fooled by a few large baskets, in which everything meets everything.

Source: Jaynes (1957) for the most random distribution, Chung and Lu (2002) for its limit; Benjamini and Hochberg (1995) for
the false-discovery rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from shopmine.mining.baskets.counting import Itemset, Itemsets
    from shopmine.mining.baskets.transactions import Codes, Transactions

Numbers = npt.NDArray[np.float64]
_ROUNDS = 200
_CLOSE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """The most random baskets with the same sums.

    Attributes:
        kind: (n_items,) which row of `probability` an item has: items bought equally often share one.
        probability: (n_kinds, n_classes) of an item to be in a basket of a size class.
        sizes: (n_classes,) mean size; 0 for a class without baskets.
        meetings: (n_classes,) Σ n(n−1) over the class's baskets, divided by n² − Σ p².
    """

    kind: Codes
    probability: Numbers
    sizes: Numbers
    meetings: Numbers

    @classmethod
    def of(cls, baskets: Transactions) -> Chance:
        """The chance behind these baskets."""
        classes, sizes = baskets.size_class, baskets.sizes
        n_classes = int(classes.max(initial=0)) + 1
        n_baskets = np.bincount(classes, minlength=n_classes).astype(np.float64)
        total = np.bincount(classes, weights=sizes, minlength=n_classes)
        means = np.divide(total, n_baskets, out=np.zeros(n_classes), where=n_baskets > 0)
        counts, kind, n_items = np.unique(baskets.counts, return_inverse=True, return_counts=True)
        probability = _fitted_probabilities(counts.astype(np.float64), n_items.astype(np.float64), means, n_baskets)
        pairs = np.bincount(classes, weights=sizes * (sizes - 1), minlength=n_classes)
        room = means**2 - n_items @ probability**2
        meetings = np.divide(pairs, room, out=np.zeros(n_classes), where=(pairs > 0) & (room > 0))
        return cls(kind=kind, probability=probability, sizes=means, meetings=meetings)

    def expected_pairs(self, first: Codes, second: Codes) -> Numbers:
        """(n,) baskets that two items would share."""
        one, other = self.probability[self.kind[first]], self.probability[self.kind[second]]
        return np.asarray((one * other) @ self.meetings)

    def expected_joins(self, found: Itemsets, sides: Sequence[tuple[Itemset, int]]) -> Numbers:
        """(n,) baskets of each set A that an item j would join, for pairs (A, j) with sets of one length."""
        sets = np.array([items for items, _ in sides], dtype=np.int64)
        held = np.array([found.classes[items] for items, _ in sides], dtype=np.float64)
        taken = sum(self.probability[self.kind[column]] for column in sets.T)
        room = np.maximum(self.sizes - sets.shape[1], 0.0)
        share = np.divide(room, self.sizes - taken, out=np.zeros(held.shape), where=room > 0)
        joins = self.probability[self.kind[[item for _, item in sides]]] * share
        return np.asarray((held * np.minimum(joins, 1.0)).sum(axis=1))

    def expected_sets(self, found: Itemsets, sets: Sequence[Itemset]) -> Numbers:
        """(n,) baskets with all of each set: of pairs as above, of longer sets the most that any split in A and j gives.

        Args:
            found: holds every subset with one item less.
            sets: all of one length.
        """
        if not sets:
            return np.zeros(0)
        if len(sets[0]) == 2:
            pairs = np.array(sets, dtype=np.int64)
            return self.expected_pairs(pairs[:, 0], pairs[:, 1])
        splits = [
            self.expected_joins(found, [((*items[:place], *items[place + 1 :]), items[place]) for items in sets])
            for place in range(len(sets[0]))
        ]
        return np.asarray(np.max(splits, axis=0))


def _fitted_probabilities(counts: Numbers, n_items: Numbers, sizes: Numbers, n_baskets: Numbers) -> Numbers:
    """(n_kinds, n_classes) p with Σ_b p = counts and Σ_i p = sizes, by turns until both hold."""
    used = n_baskets > 0
    size, weight = sizes[used], n_baskets[used]
    n_lines = max(float(counts @ n_items), 1.0)
    x, y = counts / np.sqrt(n_lines), size / np.sqrt(n_lines)
    for _ in range(_ROUNDS):
        x = counts / ((weight * y) / (1 + x[:, None] * y)).sum(axis=1)
        now = n_items @ (x[:, None] / (1 + x[:, None] * y))
        step = size / now
        done = np.abs(step / y - 1).max(initial=0.0) < _CLOSE
        y = np.minimum(step, 1e12)
        if done:
            break
    probability = np.zeros((len(counts), len(sizes)))
    odds = x[:, None] * y
    probability[:, used] = odds / (1 + odds)
    return probability


def tail_probability(counts: Codes, expected: Numbers) -> Numbers:
    """(n,) P(X ≥ count) of a Poisson variable with the expected mean; a count of 0 has probability 1."""
    from scipy.special import gammainc

    return np.where(counts > 0, gammainc(np.maximum(counts, 1), expected), 1.0)


def q_values(p_values: Numbers, n_candidates: int) -> Numbers:
    """(n,) false-discovery rate at which each finding would still count, among all candidates, the untested ones too."""
    order = np.argsort(p_values, kind="stable")
    rates = p_values[order] * (n_candidates / np.arange(1, len(order) + 1))
    found = np.empty(len(order))
    found[order] = np.minimum(np.minimum.accumulate(rates[::-1])[::-1], 1.0)
    return found


def n_candidate_sets(baskets: Transactions, min_count: int, length: int) -> int:
    """How many sets of that length could be found at all: of the items that are common enough."""
    return comb(int((baskets.counts >= min_count).sum()), length)


def wilson_low(part: Codes, whole: Codes) -> Numbers:
    """(n,) lower end of the 95 % interval of a share. Source: Wilson (1927)."""
    z = 1.959963984540054
    share = part / whole
    spread = z * np.sqrt(share * (1 - share) / whole + z * z / (4 * whole * whole))
    return np.asarray((share + z * z / (2 * whole) - spread) / (1 + z * z / whole))
