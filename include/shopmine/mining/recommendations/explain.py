"""Reasons: what in a customer's own history, or in the shop's sales, put a product on the list.

The weights of an entry's reasons add up to 1: each is a share of its score. Other customers are only ever told of as a number,
and only from five on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from shopmine.columns import WHOLE
from shopmine.mining.recommendations.config import ALS, PERSONAL, POPULAR
from shopmine.mining.recommendations.evidence import Kinds, Told, Turned, add_purchases, count_customers
from shopmine.mining.recommendations.factorisation import contributions
from shopmine.mining.recommendations.history import values_at
from shopmine.mining.recommendations.reasons import (
    CHOSEN,
    OTHER,
    Mentions,
    Reason,
    alike,
    because,
    before,
    of_alike_customers,
    of_category,
    popular,
    together,
)
from shopmine.mining.recommendations.scores import LEAST_CUSTOMERS

if TYPE_CHECKING:
    from scipy import sparse

    from shopmine.mining.recommendations.rules import Rules
    from shopmine.mining.recommendations.scoring import Scorer

PINNED: Final = "pinned"
_SHOWN: Final = 4
_BY_PURCHASES: Final = ("itemcf", "walk", "basket", "text")
_BECAUSE, _TOGETHER, _ALIKE, _BEFORE, _POPULAR, _CUSTOMERS, _CATEGORY, _CHOSEN, _OTHER = range(9)
_KIND_OF: Final[Mapping[str, int]] = {
    "basket": _TOGETHER,
    "text": _ALIKE,
    PERSONAL: _BEFORE,
    POPULAR: _POPULAR,
    "usercf": _CUSTOMERS,
    "category": _CATEGORY,
    PINNED: _CHOSEN,
}
_OF_A_PRODUCT: Final[Mapping[int, Callable[[str, str], Reason]]] = {
    _BECAUSE: because,
    _TOGETHER: together,
    _ALIKE: alike,
}
Codes = npt.NDArray[np.int64]
Weights = npt.NDArray[np.float64]
Shares = Mapping[str, Weights]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explainer:
    """Gives reasons for entries of a day's lists.

    Attributes:
        scorer: what scored them.
        rules: the day's; for the products' names and categories.
        buyers: (n_products,) customers who bought it in the last `popular_days`.
        last_bought: (n_customers, n_products) see `History.last_bought`.
        gram: (n_factors, n_factors) of the products' vectors.
        turned: the sources by products, made when they are first needed.
        told: number and reason of what was given so far, by what decides it, in the order of the numbers.
    """

    scorer: Scorer
    rules: Rules
    buyers: Codes
    last_bought: sparse.csr_matrix
    gram: Weights
    turned: dict[str, Turned] = field(default_factory=dict)
    told: dict[tuple[int, int, int], tuple[int, Reason]] = field(default_factory=lambda: {(_OTHER, 0, 0): (0, OTHER)})

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

    def explain_entries(self, customers: Codes, products: Codes, shares: Shares) -> Mentions:
        """The reasons of entries, as numbers in `reasons`: the strongest ones, then what the rest adds up to.

        The rest is "other purchases": so is what the factorisation says beside other methods, since it looks at all of them
        together, and what fewer than five other customers say.

        Args:
            customers: (n,) code of each entry's customer; entries of one customer stand together.
            products: (n,) code of each entry's product.
            shares: method -> (n,) its share of each entry's score; they add up to 1.
        """
        told = Told.room(len(customers), len(shares))
        pairs = (np.ascontiguousarray(customers, dtype=np.int64), np.ascontiguousarray(products, dtype=np.int64))
        for method, share in sorted(shares.items()):
            self._collect(told, method, pairs, np.ascontiguousarray(share))
        entry, code, weight = told.strongest(_SHOWN, 1 / WHOLE)
        kind, product = code // self._width, code % self._width
        numbers = self._numbers(customers[entry], products[entry], kind, product)
        # One integer a text: np.unique over rows would sort them as bytes.
        first, second = (part - part.min(initial=0) for part in numbers)
        key = (kind * (first.max(initial=0) + 1) + first) * (second.max(initial=0) + 1) + second
        _, index, place = np.unique(key, return_index=True, return_inverse=True)
        named = [self._numbered(int(kind[i]), int(numbers[0][i]), int(numbers[1][i])) for i in index]
        whole = np.round(weight * WHOLE).astype(np.int64)
        code = np.array(named, dtype=np.int64)[np.ravel(place)]
        return Mentions.of(len(customers), entry, code, whole, other=0)

    @property
    def reasons(self) -> list[Reason]:
        """All that were given so far, by number."""
        return [reason for _, reason in self.told.values()]

    def _numbered(self, kind: int, first: int, second: int) -> int:
        """The number of the reason that these decide; a new one is told the first time."""
        key = (kind, first, second)
        if key not in self.told:
            self.told[key] = (len(self.told), self._text(kind, first, second))
        return self.told[key][0]

    @property
    def _width(self) -> int:
        """More than any product's code and any number of customers: a reason's code is kind · width + its number."""
        return max(len(self.rules.names), len(self.scorer.history.customers)) + 1

    def _collect(self, told: Told, method: str, pairs: tuple[Codes, Codes], share: Weights) -> None:
        """Put the evidence of one method where it is collected."""
        kind = _KIND_OF.get(method, _BECAUSE)
        kinds = Kinds(kind * self._width, _BEFORE * self._width)
        if method in _BY_PURCHASES:
            add_purchases(told, self._source(method), pairs, share, kinds)
            return
        if method == ALS:
            if share.min(initial=1.0) >= 1.0:
                self._collect_factors(told, pairs, kinds)
            return
        entry, number = np.flatnonzero(share > 0), pairs[1][share > 0]
        if method == "usercf":
            n_alike = count_customers(self._source(method), pairs, share)
            entry = np.flatnonzero(n_alike >= LEAST_CUSTOMERS)
            number = n_alike[entry]
        told.add(entry, kind * self._width + number, share[entry])

    def _source(self, name: str) -> Turned:
        if name not in self.turned:
            self.turned[name] = Turned.of(self.scorer.sources[name])
        return self.turned[name]

    def _numbers(self, customers: Codes, products: Codes, kind: Codes, number: Codes) -> tuple[Codes, Codes]:
        """The up to two numbers that each reason's text needs."""
        first, second = number.copy(), np.zeros(len(number), dtype=np.int64)
        is_before, is_popular, is_category = (kind == wanted for wanted in (_BEFORE, _POPULAR, _CATEGORY))
        habit = (customers[is_before], products[is_before])
        first[is_before] = values_at(self.scorer.history.counts, *habit)
        second[is_before] = values_at(self.last_bought, *habit) - 1
        first[is_popular] = self.buyers[products[is_popular]]
        first[is_popular] *= first[is_popular] >= LEAST_CUSTOMERS
        first[is_category] = self.scorer.catalogue.category[products[is_category]]
        first[kind == _CHOSEN] = 0
        return first, second

    def _text(self, kind: int, first: int, second: int) -> Reason:
        if kind in _OF_A_PRODUCT:
            return _OF_A_PRODUCT[kind](str(self.scorer.history.products[first]), str(self.rules.names[first]))
        if kind == _BEFORE:
            return before(first, second)
        if kind == _POPULAR:
            return popular(first, self.scorer.config.popular_days)
        if kind == _CUSTOMERS:
            return of_alike_customers(first)
        return CHOSEN if kind == _CHOSEN else of_category(str(self.scorer.catalogue.labels[first]))

    def _collect_factors(self, told: Told, pairs: tuple[Codes, Codes], kinds: Kinds) -> None:
        """Where the list is the factorisation's own: what each purchase adds to its score."""
        place, bought, part = self._from_factors(*pairs)
        part = np.maximum(part, 0.0)
        order = np.lexsort((bought, -part, place))
        place, bought, part = place[order], bought[order], part[order]
        total = np.bincount(place, weights=part, minlength=len(pairs[0]))
        kept = np.arange(len(place)) - np.searchsorted(place, place, side="left") < _SHOWN
        kept &= part > 0
        place, bought = place[kept], bought[kept]
        code = np.where(bought == pairs[1][place], kinds.own, kinds.base) + bought
        told.add(place, code, part[kept] / total[place])

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
