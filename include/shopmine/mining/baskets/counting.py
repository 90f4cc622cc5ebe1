"""Frequent itemsets with exact integer counts, depth first, behind budgets of memory and time.

Pairs are counted by adding up the baskets of their rarer item; longer sets in bitsets over these baskets alone, so that
memory is a few times the largest such projection. Source: Zaki (2000), Eclat; the projection of Han, Pei, Yin (2000).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from shopmine.mining.baskets.transactions import Codes, Transactions

Bits = npt.NDArray[np.uint64]
Itemset = tuple[int, ...]
Classes = npt.NDArray[np.int64]


class OverBudgetError(Exception):
    """The search would hold more sets or take more steps than it may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Most itemsets held and most additions made."""

    max_itemsets: int
    max_steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Least:
    """Baskets that must hold all of a set: of one or two items, and of more (at least as many)."""

    pair: int
    longer: int

    def of_length(self, length: int) -> int:
        """The count that a set of so many items needs."""
        return self.pair if length <= 2 else self.longer


@dataclass(slots=True, kw_only=True)
class Itemsets:
    """Itemsets: code tuples (ascending) -> baskets that hold all of it, and how many of them are of each size class."""

    counts: dict[Itemset, int] = field(default_factory=dict)
    classes: dict[Itemset, Classes] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class _Search:
    """What one search knows; `steps` and the size of `found` are held against the budget."""

    baskets: Transactions
    least: Least
    max_length: int
    budget: Budget
    classes: Codes
    n_classes: int
    found: Itemsets = field(default_factory=Itemsets)
    steps: int = 0

    def take(self, sets: list[Itemset], counts: Codes, classes: Classes) -> None:
        if len(self.found.counts) + len(sets) > self.budget.max_itemsets:
            raise OverBudgetError
        self.found.counts.update(zip(sets, counts.tolist(), strict=True))
        self.found.classes.update(zip(sets, classes, strict=True))

    def spend(self, steps: int) -> None:
        self.steps += steps
        if self.steps > self.budget.max_steps:
            raise OverBudgetError


def count_itemsets(baskets: Transactions, least: Least, max_length: int, budget: Budget) -> Itemsets:
    """All itemsets of at most `max_length` items that enough baskets hold.

    Args:
        baskets: the baskets.
        least: how many are enough, at least 1.
        max_length: at least 2; sets of one item are always among them.
        budget: what the search may hold and do.

    Raises:
        OverBudgetError: there are more, or the search is longer; raise `least`.
    """
    classes, counts = baskets.size_class, baskets.counts
    n_classes = int(classes.max(initial=0)) + 1
    search = _Search(
        baskets=baskets, least=least, max_length=max_length, budget=budget, classes=classes, n_classes=n_classes
    )
    n_common = int((counts >= least.pair).sum())
    first = len(counts) - n_common
    of_line = baskets.basket_of_line()
    of_class = _crossed(baskets.codes, classes[of_line], (len(counts), n_classes))
    common = range(first, len(counts))
    search.take([(item,) for item in common], counts[first:], of_class[first:])
    by_item = np.argsort(baskets.codes, kind="stable")
    ends = np.cumsum(counts)
    for item in common:
        _extend_item(search, item, of_line[by_item[ends[item] - counts[item] : ends[item]]])
    return search.found


def _extend_item(search: _Search, item: int, rows: Codes) -> None:
    """All frequent sets whose rarest item is `item`; `rows` are the baskets that hold it."""
    baskets = search.baskets
    sizes = baskets.sizes[rows]
    search.spend(int(sizes.sum()))
    lines = np.repeat(baskets.starts[rows] - np.concatenate([[0], np.cumsum(sizes)[:-1]]), sizes) + np.arange(
        sizes.sum()
    )
    row_of_line = np.repeat(np.arange(len(rows)), sizes)
    codes = baskets.codes[lines]
    is_later = codes > item
    codes, row_of_line = codes[is_later], row_of_line[is_later]
    counts = np.bincount(codes, minlength=len(baskets.items))
    others = np.flatnonzero(counts >= search.least.pair)
    if not len(others):
        return
    place = np.full(len(baskets.items), -1)
    place[others] = np.arange(len(others))
    kept = place[codes] >= 0
    places, row_of_line, classes = place[codes[kept]], row_of_line[kept], search.classes[rows]
    of_class = _crossed(places, classes[row_of_line], (len(others), search.n_classes))
    search.take([(item, int(other)) for other in others], counts[others], of_class)
    again = np.flatnonzero(counts[others] >= search.least.longer)
    if search.max_length > 2 and len(again) > 1:
        bits = _bitsets(places, row_of_line, (len(others), len(rows)))
        is_class = (classes[:, None] == np.arange(search.n_classes)).astype(np.float32)
        _extend_set(search, (item,), others[again], bits[again], is_class)


def _extend_set(search: _Search, prefix: Itemset, others: Codes, bits: Bits, is_class: npt.NDArray[np.float32]) -> None:
    """All frequent sets that begin with `prefix`, then two or more of `others`, whose baskets are the rows of `bits`."""
    for index in range(len(others) - 1):
        search.spend(bits[index + 1 :].size)
        both = bits[index + 1 :] & bits[index]
        counts = np.bitwise_count(both).sum(axis=1, dtype=np.int64)
        frequent = np.flatnonzero(counts >= search.least.longer)
        if not len(frequent):
            continue
        both, later = both[frequent], others[index + 1 :][frequent]
        longer = (*prefix, int(others[index]))
        of_class = (_members(both, len(is_class)) @ is_class).astype(np.int64)
        search.take([(*longer, int(other)) for other in later], counts[frequent], of_class)
        if len(longer) + 1 < search.max_length and len(later) > 1:
            _extend_set(search, longer, later, both, is_class)


def _crossed(items: Codes, classes: Codes, shape: tuple[int, int]) -> Classes:
    """(n_items, n_classes) how often each item stands in baskets of each class."""
    return np.bincount(items * shape[1] + classes, minlength=shape[0] * shape[1]).reshape(shape)


def _bitsets(items: Codes, rows: Codes, shape: tuple[int, int]) -> Bits:
    """(n_items, ⌈n_rows / 64⌉) with the bit of each (item, row) set."""
    n_items, n_rows = shape
    member = np.zeros((n_items, -(-n_rows // 64) * 64), dtype=bool)
    member[items, rows] = True
    return np.packbits(member, axis=1, bitorder="little").view(np.uint64)


def _members(bits: Bits, n_rows: int) -> npt.NDArray[np.float32]:
    """(n_sets, n_rows) 1 where the row holds the set; whole numbers up to 2²⁴ add up exactly."""
    return np.unpackbits(bits.view(np.uint8), axis=1, count=n_rows, bitorder="little").astype(np.float32)


def least_count(share: float, n_baskets: int) -> int:
    """The smallest count whose share of the baskets, divided once, is at least `share`."""
    count = max(int(share * n_baskets) - 1, 0)
    while count / n_baskets < share:
        count += 1
    return count


def find_sets(baskets: Transactions, sets: Iterable[Itemset]) -> Itemsets:
    """Counts and size classes of given sets, of codes, in whatever number of baskets they are."""
    by_item = np.argsort(baskets.codes, kind="stable")
    counts, classes, of_line = baskets.counts, baskets.size_class, baskets.basket_of_line()
    ends, n_classes = np.cumsum(counts), int(classes.max(initial=0)) + 1
    rows: dict[Itemset, Codes] = {}
    found = Itemsets()

    def rows_of(wanted: Itemset) -> Codes:
        if wanted not in rows:
            last = wanted[-1]
            own = of_line[by_item[ends[last] - counts[last] : ends[last]]]
            rows[wanted] = own if len(wanted) == 1 else np.intersect1d(rows_of(wanted[:-1]), own, assume_unique=True)
        return rows[wanted]

    for wanted in sets:
        members = rows_of(wanted)
        found.counts[wanted] = len(members)
        found.classes[wanted] = np.bincount(classes[members], minlength=n_classes)
    return found
