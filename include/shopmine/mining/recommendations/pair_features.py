"""Point-in-time features of pairs of customer and product: what a learned ranking looks at.

Everything is counted from the purchases up to the history's day. A feature without a value is −1, which no value is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from shopmine.mining.recommendations.kernels import compiled
from shopmine.mining.recommendations.sources import SPARSE

if TYPE_CHECKING:
    from shopmine.mining.recommendations.candidates import Candidates
    from shopmine.mining.recommendations.history import History

Values = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
NONE: Final = -1.0
ALS: Final = "als"
PERSONAL: Final = "personal"
POPULAR: Final = "popular"
CUSTOMER: Final = "customer"
_WINDOWS: Final = (7, 14, 30, 90)

_PAIR: Final = ("count", "days_since", "gap", "overdue", "fading_count", "share_of_visits", "rhythm_kept")
_OF_CUSTOMER: Final = ("visits", "recency", "tenure", "products", "basket", "share_new", "visit_gap", "visit_due")
_OF_PRODUCT: Final = (
    *(f"buyers_{days}d" for days in _WINDOWS),
    *(f"first_buyers_{days}d" for days in _WINDOWS[:3]),
    "buyers",
    "age",
    "last_sold",
    "buys_a_buyer",
    "share_rebuying",
    "trend_7_30",
    "trend_30_90",
)
GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    PERSONAL: _PAIR,
    **{name: (name, f"{name}_share") for name in (*SPARSE, ALS)},
    POPULAR: _OF_PRODUCT,
    CUSTOMER: _OF_CUSTOMER,
}
"""What each feature belongs to: a source, the product's popularity, or the customer alone."""
FEATURES: Final = tuple(name for names in GROUPS.values() for name in names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A day's customers, products and bought pairs in figures.

    Attributes:
        n_products: width of a pair's key `customer · n_products + product`.
        pair: (n_pairs,) keys of the pairs bought, ascending.
        first, last, count: (n_pairs,) see `Pairs`.
        fading: (n_pairs,) days on which it was bought, each counting half for every 60 days since.
        customers: (n_customers, len(_OF_CUSTOMER)).
        products: (n_products, len(_OF_PRODUCT)).
    """

    n_products: int
    pair: Codes
    first: Values
    last: Values
    count: Values
    fading: Values
    customers: Values
    products: Values

    @classmethod
    def of(cls, history: History) -> Described:
        """Count it."""
        events, pairs = history.interactions, history.pairs
        width = max(len(history.products), 1)
        key = events.customer_code.astype(np.int64) * width + events.product_code
        pair = pairs.customer * width + pairs.product
        fading = np.bincount(
            np.searchsorted(pair, key), weights=np.power(0.5, history.age() / 60.0), minlength=len(pair)
        )
        return cls(
            n_products=width,
            pair=pair,
            first=pairs.first,
            last=pairs.last,
            count=pairs.count.astype(np.float64),
            fading=fading.astype(np.float64),
            customers=_customers(history),
            products=_products(history),
        )

    def features(self, pairs: Candidates, rows: Codes, scores: Mapping[str, Values]) -> npt.NDArray[np.float32]:
        """(n_pairs, len(FEATURES)) of candidates.

        Args:
            pairs: candidates of a block of customers.
            rows: (pairs.n_rows,) codes of those customers.
            scores: source -> (n_pairs,) its score; a source without scores is 0 throughout.
        """
        found = np.empty((len(pairs.row), len(FEATURES)), dtype=np.float32)
        place, customer, starts = 0, rows[pairs.row], pairs.starts
        for name, names in GROUPS.items():
            part = found[:, place : place + len(names)]
            place += len(names)
            if name == PERSONAL:
                part[:] = self._habit(customer, pairs.column)
            elif name == CUSTOMER:
                _copy_rows(self.customers, customer, part)
            elif name == POPULAR:
                _copy_rows(self.products, pairs.column, part)
            elif name in scores:
                _tell_standing(starts, scores[name], part)
            else:
                part[:] = 0.0
        return found

    def _habit(self, customer: Codes, product: Codes) -> Values:
        key = customer * self.n_products + product
        place = np.minimum(np.searchsorted(self.pair, key), max(len(self.pair) - 1, 0))
        is_there = self.pair[place] == key
        count, first, last, fading = (
            np.where(is_there, values[place], 0.0) for values in (self.count, self.first, self.last, self.fading)
        )
        is_bought, is_again = count > 0, count > 1
        gap = np.where(is_again, (first - last) / np.maximum(count - 1, 1), NONE)
        visits, visit_gap = self.customers[customer, 0], self.customers[customer, 6]
        expected = np.maximum(first / np.maximum(visit_gap, 1.0), 1.0)
        columns = [
            count,
            np.where(is_bought, last, NONE),
            gap,
            np.where(is_again, last / np.maximum(gap, 1.0), NONE),
            fading,
            count / visits,
            np.where(is_bought, count / expected, NONE),
        ]
        return np.column_stack(columns)


def _customers(history: History) -> Values:
    events, n = history.interactions, len(history.customers)
    age = history.age()
    visit = np.unique(events.customer_code.astype(np.int64) * 100_000 + age.astype(np.int64)) // 100_000
    visits = np.bincount(visit, minlength=n).astype(np.float64)
    n_events = np.bincount(events.customer_code, minlength=n).astype(np.float64)
    last, first = np.full(n, np.inf), np.zeros(n)
    np.minimum.at(last, events.customer_code, age)
    np.maximum.at(first, events.customer_code, age)
    products = np.bincount(history.pairs.customer, minlength=n).astype(np.float64)
    gap = np.where(visits > 1, (first - last) / np.maximum(visits - 1, 1), NONE)
    due = np.where(visits > 1, last / np.maximum(gap, 1.0), NONE)
    return np.column_stack([visits, last, first, products, n_events / visits, products / n_events, gap, due])


def _products(history: History) -> Values:
    pairs, n = history.pairs, len(history.products)
    oldest, newest = np.zeros(n), np.full(n, np.inf)
    np.maximum.at(oldest, pairs.product, pairs.first)
    np.minimum.at(newest, pairs.product, pairs.last)
    buyers = np.bincount(pairs.product, minlength=n).astype(np.float64)
    recent = {days: history.buyers(days).astype(np.float64) for days in _WINDOWS}
    columns = [
        *recent.values(),
        *(np.bincount(pairs.product[pairs.first < days], minlength=n) for days in _WINDOWS[:3]),
        buyers,
        oldest,
        newest,
        np.bincount(pairs.product, weights=pairs.count, minlength=n) / buyers,
        np.bincount(pairs.product, weights=pairs.count > 1, minlength=n) / buyers,
        (recent[7] + 0.5) / (recent[30] * 7 / 30 + 0.5),
        (recent[30] + 0.5) / (recent[90] / 3 + 0.5),
    ]
    return np.column_stack(columns)


@compiled
def _copy_rows(values: Values, rows: Codes, found: npt.NDArray[np.float32]) -> None:
    for place in range(len(rows)):
        for column in range(found.shape[1]):
            found[place, column] = values[rows[place], column]


@compiled
def _tell_standing(starts: Codes, score: Values, found: npt.NDArray[np.float32]) -> None:
    """A source's score, and its share of the best among the customer's candidates."""
    for row in range(len(starts) - 1):
        best = 0.0
        for place in range(starts[row], starts[row + 1]):
            best = max(best, score[place])
        for place in range(starts[row], starts[row + 1]):
            found[place, 0] = score[place]
            found[place, 1] = score[place] / (best if best > 0.0 else 1.0)
