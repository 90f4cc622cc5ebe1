"""The shop's rules: what must never be recommended whatever its score, and what the shop wants more or less of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shopmine.columns import CUSTOMER, KIND, PRODUCT
from shopmine.mining.contract import MiningInputs, text_array
from shopmine.mining.recommendations.candidates import Candidates
from shopmine.mining.recommendations.exposures import Exposures
from shopmine.mining.recommendations.history import History, positions

if TYPE_CHECKING:
    from shopmine.mining.recommendations.config import RecommendationsConfig
    from shopmine.mining.recommendations.scoring import Block

_FEATURES = (PRODUCT, "name", KIND, "listed", "in_stock", "category", "price_median")
Codes = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The rules of a day over its history's customers and products.

    Attributes:
        config: settings.
        names: (n_products,) product names, the id where there is none.
        blocked: (n_products,) why a product is never shown, or None.
        category: (n_products,) code of the category; a product without one has a code of its own.
        weight: (n_products,) the shop's own factor of a product's score, and that of novelty.
        pinned: codes of the products that come first, in the order of the setting.
        returned: (n_customers, n_products) stored where the last thing the customer did with it was to return it.
        just_bought: (n_customers, n_products) stored where it was bought just now, and not by habit.
        hidden: (n_customers, n_products) stored where the customer hid it, and has neither clicked nor bought it since.
        exposures: what was shown without success.
    """

    config: RecommendationsConfig
    names: npt.NDArray[np.object_]
    blocked: npt.NDArray[np.object_]
    category: Codes
    weight: Values
    pinned: Codes
    returned: sparse.csr_matrix
    just_bought: sparse.csr_matrix
    hidden: sparse.csr_matrix
    exposures: Exposures

    @classmethod
    def of(cls, inputs: MiningInputs, history: History, config: RecommendationsConfig) -> Rules:
        """The rules by the day's `product_features`, `returned` and, where there are any, `exposures` and `hidden`."""
        frame = inputs.frame("product_features", _FEATURES)
        known = dict(zip(frame[PRODUCT].to_pylist(), frame.to_pylist(), strict=True))
        rows = [known.get(product) for product in history.products]
        why = [_why_blocked(product, row, config) for product, row in zip(history.products, rows, strict=True)]
        blocked = np.array(why, dtype=object)
        pinned = positions(history.products, np.array(config.pinned, dtype=object))
        shown = np.array([reason is None for reason in why], dtype=bool)
        return cls(
            config=config,
            names=np.array(
                [(row or {}).get("name") or p for p, row in zip(history.products, rows, strict=True)], object
            ),
            blocked=blocked,
            category=_categories([(row or {}).get("category") for row in rows]),
            weight=_weights(history, rows, config),
            pinned=np.array([code for code in dict.fromkeys(pinned.tolist()) if code >= 0 and shown[code]], np.int64),
            returned=_told_pairs(inputs, "returned", history),
            just_bought=_just_bought(history, config),
            hidden=_told_pairs(inputs, "hidden", history) if "hidden" in inputs.frames else _no_pairs(history),
            exposures=Exposures.of(inputs, history, config),
        )

    @property
    def is_shown(self) -> npt.NDArray[np.bool_]:
        """(n_products,) whether a product may be shown at all."""
        return np.array([reason is None for reason in self.blocked], dtype=bool)

    @property
    def forbidden(self) -> sparse.csr_matrix:
        """(n_customers, n_products) stored where a pair is on no list: returned, hidden, or just bought and no habit."""
        return sparse.csr_matrix(self.returned + self.just_bought + self.hidden)

    def factors(self, pairs: Candidates, block: Block) -> Values:
        """(n_pairs,) what a score is multiplied by: the shop's weights, and less for what was shown without success."""
        return self.weight[pairs.column] * self.exposures.factors(pairs, block.rows)

    def spread_out(self, pairs: Candidates, score: Values) -> Values:
        """(n_pairs,) scores after `diversity` and `max_per_category`.

        The r-th best of its category (from 0) has its score multiplied by `(1 − diversity)^r`, which is maximal marginal
        relevance where only products of one category are alike; beyond `max_per_category` it is no candidate.
        Source: Carbonell, Goldstein (1998).
        """
        limit, diversity = self.config.max_per_category, self.config.diversity
        if not limit and not diversity:
            return score
        category = self.category[pairs.column]
        order = np.lexsort((pairs.column, -score, category, pairs.row))
        key = pairs.row[order] * (len(self.category) + 1) + category[order]
        place = np.empty(len(score), dtype=np.int64)
        place[order] = np.arange(len(score)) - np.searchsorted(key, key, side="left")
        spread = np.where(score > 0, score * np.power(1.0 - diversity, place), score)
        return np.where(place >= limit, 0.0, spread) if limit else spread

    def pinned_pairs(self, block: Block) -> Candidates:
        """The pinned products of each customer of a block that they may be shown; in the order of their codes."""
        n = len(block.rows)
        row, column = np.repeat(np.arange(n), len(self.pinned)), np.tile(self.pinned, n)
        pairs = Candidates.of(row, column, block.skipped.shape)
        return pairs.only(~pairs.is_stored(block.skipped))

    def room(self, listed: Codes) -> Callable[[int], bool]:
        """Says of a product whether the list has room for one more of its category, and counts it in."""
        limit = self.config.max_per_category
        taken: dict[int, int] = {}
        for category in self.category[listed].tolist():
            taken[category] = taken.get(category, 0) + 1

        def has_room(product: int) -> bool:
            category = int(self.category[product])
            if limit and taken.get(category, 0) >= limit:
                return False
            taken[category] = taken.get(category, 0) + 1
            return True

        return has_room

    def why_forbidden(self, row: int, column: int) -> str | None:
        """The rule that keeps a product from every list of a customer, if any."""
        if self.blocked[column] is not None:
            return str(self.blocked[column])
        if self.returned[row, column] > 0:
            return "returned_last"
        if self.hidden[row, column] > 0:
            return "hidden_by_the_customer"
        return "just_bought" if self.just_bought[row, column] > 0 else None


def _why_blocked(product: str, known: dict[str, object] | None, config: RecommendationsConfig) -> str | None:
    if known is None:
        return "unknown"
    if known[KIND] not in (None, "goods"):
        return "not_goods"
    if known["listed"] is False:
        return "not_listed"
    if known["in_stock"] is False:
        return "out_of_stock"
    if {product, known["category"]} & set(config.blocked):
        return "blocked_by_the_shop"
    return None if _is_in_band(known["price_median"], config) else "outside_the_price_band"


def _is_in_band(price: object, config: RecommendationsConfig) -> bool:
    """Whether a price is within the shop's band; a product without a price is, where there is no band."""
    if not config.min_price and not config.max_price:
        return True
    if not isinstance(price, int | float):
        return False
    return config.min_price <= price and (not config.max_price or price <= config.max_price)


def _categories(names: list[object]) -> Codes:
    labels = {name: code for code, name in enumerate(sorted({str(name) for name in names if name is not None}))}
    own = range(len(labels), len(labels) + len(names))
    codes = [labels[str(name)] if name is not None else alone for name, alone in zip(names, own, strict=True)]
    return np.array(codes, dtype=np.int64)


def _weights(history: History, rows: list[dict[str, object] | None], config: RecommendationsConfig) -> Values:
    weight = np.ones(len(rows))
    for names, factor in ((config.boosted, config.boost_factor), (config.buried, config.bury_factor)):
        wanted = set(names)
        is_meant = [
            bool({p, (row or {}).get("category")} & wanted) for p, row in zip(history.products, rows, strict=True)
        ]
        weight[np.array(is_meant, dtype=bool)] *= factor
    if config.novelty:
        buyers = history.buyers()
        weight /= np.power((1.0 + buyers) / (1.0 + buyers.max(initial=0)), config.novelty)
    return weight


def _told_pairs(inputs: MiningInputs, name: str, history: History) -> sparse.csr_matrix:
    """(n_customers, n_products) 1 for each row of a frame of pairs."""
    frame = inputs.frame(name, (CUSTOMER, PRODUCT))
    customer = positions(history.customers, text_array(frame[CUSTOMER]))
    product = positions(history.products, text_array(frame[PRODUCT]))
    known = (customer >= 0) & (product >= 0)
    return sparse.csr_matrix((np.ones(known.sum()), (customer[known], product[known])), shape=history.counts.shape)


def _no_pairs(history: History) -> sparse.csr_matrix:
    return sparse.csr_matrix(history.counts.shape)


def _just_bought(history: History, config: RecommendationsConfig) -> sparse.csr_matrix:
    """What was bought in the last `just_bought_days` and never on a day before: no habit yet."""
    last = history.last_bought().tocoo()
    first_time = np.asarray(history.counts.tocsr()[last.row, last.col]).ravel() < 2 if last.nnz else np.zeros(0, bool)
    kept = (last.data <= config.just_bought_days) & first_time
    return sparse.csr_matrix((np.ones(kept.sum()), (last.row[kept], last.col[kept])), shape=history.counts.shape)
