"""Reasons: what in a customer's own history, or in the shop's sales, put a product on the list.

The weights of an entry's reasons add up to 1: each is a share of its score. Other customers are only ever told of as a number,
and only from five on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from shopmine.mining.recommendations.config import ALS, PERSONAL, POPULAR
from shopmine.mining.recommendations.factorisation import contributions
from shopmine.mining.recommendations.history import values_at
from shopmine.mining.recommendations.reasons import (
    CHOSEN,
    WHOLE,
    alike,
    because,
    before,
    join_reasons,
    of_alike_customers,
    of_category,
    popular,
    together,
)
from shopmine.mining.recommendations.scores import LEAST_CUSTOMERS, told_customers

if TYPE_CHECKING:
    import pyarrow as pa
    from scipy import sparse

    from shopmine.mining.recommendations.rules import Rules
    from shopmine.mining.recommendations.scoring import Scorer

PINNED: Final = "pinned"
_SHOWN: Final = 4
_BECAUSE, _TOGETHER, _ALIKE, _BEFORE, _POPULAR, _CUSTOMERS, _CATEGORY, _CHOSEN = range(8)
_KIND_OF: Final[Mapping[str, int]] = {
    "basket": _TOGETHER,
    "text": _ALIKE,
    PERSONAL: _BEFORE,
    POPULAR: _POPULAR,
    "usercf": _CUSTOMERS,
    "category": _CATEGORY,
    PINNED: _CHOSEN,
}
_OF_A_PRODUCT: Final[Mapping[int, Callable[[str, str], str]]] = {
    _BECAUSE: because,
    _TOGETHER: together,
    _ALIKE: alike,
}
Codes = npt.NDArray[np.int64]
Weights = npt.NDArray[np.float64]
Shares = Mapping[str, Weights]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Evidence:
    """Parallel arrays: which entry, which kind of reason, the product it speaks of, and its share of the score."""

    entry: Codes
    kind: Codes
    product: Codes
    weight: Weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Explainer:
    """Gives reasons for entries of a day's lists.

    Attributes:
        scorer: what scored them.
        rules: the day's; for the products' names and categories.
        buyers: (n_products,) customers who bought it in the last `popular_days`.
        last_bought: (n_customers, n_products) see `History.last_bought`.
        gram: (n_factors, n_factors) of the products' vectors.
    """

    scorer: Scorer
    rules: Rules
    buyers: Codes
    last_bought: sparse.csr_matrix
    gram: Weights

    @classmethod
    def of(cls, scorer: Scorer, rules: Rules) -> Explainer:
        """Collect what the reasons need."""
        vectors = scorer.learned.factors.astype(np.float64)
        return cls(
            scorer=scorer,
            rules=rules,
            buyers=scorer.history.buyers(scorer.config.popular_days),
            last_bought=scorer.history.last_bought(),
            gram=vectors.T @ vectors,
        )

    def explain_entries(self, customers: Codes, products: Codes, shares: Shares) -> pa.Array:
        """JSON texts of the reasons of entries: the strongest ones, then what the rest adds up to.

        Args:
            customers: (n,) code of each entry's customer; entries of one customer stand together.
            products: (n,) code of each entry's product.
            shares: method -> (n,) its share of each entry's score; they add up to 1.
        """
        n_products = len(self.rules.names)
        parts = [self._evidence(method, customers, products, share) for method, share in sorted(shares.items())]
        found = _strongest(parts, n_products)
        told = self._numbers(customers[found.entry], products[found.entry], found)
        keys, code = np.unique(np.column_stack([found.kind, *told]), axis=0, return_inverse=True)
        texts = [self._text(*key) for key in keys.tolist()]
        weight = np.round(found.weight * WHOLE).astype(np.int64)
        return join_reasons(len(customers), found.entry, texts, np.ravel(code), weight)

    def _numbers(self, customers: Codes, products: Codes, found: _Evidence) -> tuple[Codes, Codes]:
        """The up to two numbers that each reason's text needs."""
        first, second = found.product.copy(), np.zeros(len(found.product), dtype=np.int64)
        is_before, is_popular = found.kind == _BEFORE, found.kind == _POPULAR
        habit = (customers[is_before], products[is_before])
        first[is_before] = values_at(self.scorer.history.counts, *habit)
        second[is_before] = values_at(self.last_bought, *habit) - 1
        first[is_popular] = self.buyers[products[is_popular]]
        first[is_popular] *= first[is_popular] >= LEAST_CUSTOMERS
        first[found.kind == _CATEGORY] = self.scorer.catalogue.category[products[found.kind == _CATEGORY]]
        first[found.kind == _CHOSEN] = 0
        return first, second

    def _text(self, kind: int, first: int, second: int) -> str:
        """JSON of a reason up to its weight."""
        if kind in _OF_A_PRODUCT:
            return _OF_A_PRODUCT[kind](str(self.scorer.history.products[first]), str(self.rules.names[first]))
        if kind == _BEFORE:
            return before(first, second)
        if kind == _POPULAR:
            return popular(first, self.scorer.config.popular_days)
        if kind == _CUSTOMERS:
            return of_alike_customers(first)
        return CHOSEN if kind == _CHOSEN else of_category(str(self.scorer.catalogue.labels[first]))

    def _evidence(self, method: str, customers: Codes, products: Codes, share: Weights) -> _Evidence:
        entry = np.flatnonzero(share > 0)
        if method == "usercf":
            return self._from_customers(entry, customers[entry], products[entry], share[entry])
        if method in (PERSONAL, POPULAR, PINNED, "category"):
            kind = np.full(len(entry), _KIND_OF[method])
            return _Evidence(entry=entry, kind=kind, product=products[entry], weight=share[entry])
        find = self._from_factors if method == ALS else self._neighbors_of(method)
        place, bought, part = find(customers[entry], products[entry])
        part = np.maximum(part, 0.0)
        total = np.bincount(place, weights=part, minlength=len(entry))
        weight = share[entry][place] * part / np.where(total > 0, total, 1.0)[place]
        kept = weight > 0
        # What its own earlier purchases add is no reason to name it to whom already buys it: that tells how often they do.
        is_itself = bought[kept] == products[entry][place][kept]
        kind = np.where(is_itself, _BEFORE, _KIND_OF.get(method, _BECAUSE))
        return _Evidence(entry=entry[place][kept], kind=kind, product=bought[kept], weight=weight[kept])

    def _from_customers(self, entry: Codes, customers: Codes, products: Codes, share: Weights) -> _Evidence:
        """How many of the nearest customers bought it; of too few nothing is told, their share is "other purchases"."""
        n_alike, _ = told_customers(self.scorer.sources["usercf"].contributions(customers, products))
        kept = n_alike > 0
        kind = np.full(int(kept.sum()), _CUSTOMERS)
        return _Evidence(entry=entry[kept], kind=kind, product=n_alike[kept], weight=share[kept])

    def _neighbors_of(self, method: str) -> Callable[[Codes, Codes], tuple[Codes, Codes, Weights]]:
        """Finds what each product bought before adds to a source's score: entry, product bought, part of the score."""
        scores = self.scorer.sources[method]

        def find(customers: Codes, products: Codes) -> tuple[Codes, Codes, Weights]:
            parts = scores.contributions(customers, products).tocoo()
            return parts.row.astype(np.int64), parts.col.astype(np.int64), parts.data

        return find

    def _from_factors(self, customers: Codes, products: Codes) -> tuple[Codes, Codes, Weights]:
        """The same for the factorisation, one customer after the other."""
        found = []
        weights, learned = self.scorer.learned_from, self.scorer.learned
        starts = np.flatnonzero(np.diff(customers, prepend=-1))
        ends = np.append(starts[1:], len(customers))[: len(starts)]
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            inside = slice(weights.indptr[customers[start]], weights.indptr[customers[start] + 1])
            bought, weight = weights.indices[inside].astype(np.int64), weights.data[inside]
            vectors = (learned.factors[bought], learned.factors[products[start:end]])
            part = contributions(self.gram, vectors, weight, self.scorer.config)
            found.append((np.repeat(np.arange(start, end), len(bought)), np.tile(bought, end - start), part.ravel()))
        if not found:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0)
        entry, bought, part = (np.concatenate(column) for column in zip(*found, strict=True))
        return entry, bought, part


def _strongest(parts: list[_Evidence], n_products: int) -> _Evidence:
    """The `_SHOWN` strongest reasons of each entry; what several methods say of one product is one reason."""
    entry, kind, product, weight = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("entry", "kind", "product", "weight")
    )
    width = int(max(n_products, product.max(initial=0) + 1))
    code = kind * width + product
    order = np.lexsort((code, entry))
    entry, code, weight = entry[order], code[order], weight[order]
    first = np.flatnonzero(np.append(True, (entry[1:] != entry[:-1]) | (code[1:] != code[:-1]))[: len(entry)])
    entry, code, weight = entry[first], code[first], np.add.reduceat(weight, first) if len(first) else weight
    order = np.lexsort((code, -weight, entry))
    entry, code, weight = entry[order], code[order], weight[order]
    kept = np.arange(len(entry)) - np.searchsorted(entry, entry, side="left") < _SHOWN
    kept &= weight >= 1 / WHOLE
    return _Evidence(entry=entry[kept], kind=code[kept] // width, product=code[kept] % width, weight=weight[kept])
