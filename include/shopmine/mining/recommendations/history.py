"""What the customers of a shop did up to a day, as matrices over one catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy import sparse

if TYPE_CHECKING:
    from shopmine.frames import Interactions


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The purchases up to and including a day.

    Attributes:
        interactions: the events; their customers and products are the rows and columns of every matrix.
        day: the last day that counts.
        counts: (n_customers, n_products) days on which it was bought.
    """

    interactions: Interactions
    day: np.datetime64
    counts: sparse.csr_matrix

    @classmethod
    def of(cls, interactions: Interactions, day: np.datetime64) -> History:
        """The history up to `day`; later events are left out."""
        if interactions.n_events and interactions.day.max() > day:
            interactions = interactions.until(day)
        return cls(interactions=interactions, day=day, counts=interactions.matrix())

    @property
    def customers(self) -> npt.NDArray[np.object_]:
        """(n_customers,) ids, sorted."""
        return self.interactions.customers

    @property
    def products(self) -> npt.NDArray[np.object_]:
        """(n_products,) ids, sorted."""
        return self.interactions.products

    def bought(self) -> sparse.csr_matrix:
        """(n_customers, n_products) 1 where it was ever bought."""
        counts = self.counts
        return sparse.csr_matrix((np.ones(counts.nnz), counts.indices, counts.indptr), shape=counts.shape)

    def decayed(self, half_life_days: float) -> sparse.csr_matrix:
        """(n_customers, n_products) purchases, each counting half for every `half_life_days` that passed since."""
        return self.interactions.matrix(np.power(0.5, self.age() / half_life_days))

    def buyers(self, days: int | None = None) -> npt.NDArray[np.int64]:
        """(n_products,) distinct customers who bought it in the last `days` days, or ever."""
        events = self.interactions
        recent = np.ones(events.n_events, dtype=bool) if days is None else self.age() < days
        n_products = len(events.products)
        pairs = np.unique(events.customer_code[recent].astype(np.int64) * n_products + events.product_code[recent])
        return np.bincount(pairs % max(n_products, 1), minlength=n_products).astype(np.int64)

    def popularity(self, days: int) -> npt.NDArray[np.float64]:
        """(n_products,) buyers of the last `days` days; below one buyer, those of four times as many days, then all decide."""
        tail = self.buyers()
        total = 0.0 + tail / (1 + tail.max(initial=0))
        month = self.buyers(4 * days) + total
        return np.asarray(self.buyers(days) + month / (1 + month.max(initial=0.0)))

    def last_bought(self) -> sparse.csr_matrix:
        """(n_customers, n_products) 1 + days since it was last bought."""
        events = self.interactions
        # Events are sorted by day within a pair, so the last one of each pair is the newest.
        code = events.customer_code.astype(np.int64) * len(events.products) + events.product_code
        last = (
            np.flatnonzero(np.append(code[1:] != code[:-1], True)) if events.n_events else np.zeros(0, dtype=np.int64)
        )
        data = 1.0 + self.age()[last]
        shape = self.counts.shape
        return sparse.csr_matrix((data, (events.customer_code[last], events.product_code[last])), shape=shape)

    def baskets(self) -> sparse.csr_matrix:
        """(n_baskets, n_products) 1 where a basket, what one customer bought on one day, holds a product."""
        events = self.interactions
        first = self.age().max(initial=0.0) + 1
        key = events.customer_code.astype(np.int64) * int(first) + self.age().astype(np.int64)
        labels, basket = np.unique(key, return_inverse=True)
        shape = (len(labels), len(events.products))
        return sparse.csr_matrix((np.ones(events.n_events), (basket, events.product_code)), shape=shape)

    def age(self) -> npt.NDArray[np.float64]:
        """(n_events,) days from each event to the day."""
        return (self.day - self.interactions.day).astype("timedelta64[D]").astype(np.float64)


def positions(ids: npt.NDArray[np.object_], wanted: npt.NDArray[np.object_]) -> npt.NDArray[np.int64]:
    """(len(wanted),) index of each wanted id in the sorted `ids`, or −1."""
    if not len(ids):
        return np.full(len(wanted), -1, dtype=np.int64)
    found = np.minimum(np.searchsorted(ids, wanted), len(ids) - 1)
    return np.where(ids[found] == wanted, found, -1).astype(np.int64)


def values_at(
    matrix: sparse.csr_matrix, rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """(n,) the matrix at each (row, column); also for no places at all, where scipy gives a matrix instead."""
    if not len(rows):
        return np.zeros(0)
    return np.asarray(matrix[rows, columns], dtype=np.float64).ravel()
