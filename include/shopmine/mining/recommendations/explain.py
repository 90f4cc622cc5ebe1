"""Reasons: what in a customer's own history, or in the shop's sales, put a product on the list.

The weights of an entry's reasons add up to 1: each is a share of its score. No reason ever names another customer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shopmine.mining.recommendations.config import FUSION, POPULAR
from shopmine.mining.recommendations.factorisation import contributions
from shopmine.mining.recommendations.history import values_at

if TYPE_CHECKING:
    from shopmine.mining.recommendations.scoring import Scorer
    from shopmine.mining.recommendations.selection import Ranking

_SHOWN: Final = 4
_WHOLE: Final = 10_000
_BECAUSE, _BEFORE, _POPULAR = 0, 1, 2
Codes = npt.NDArray[np.int64]
Weights = npt.NDArray[np.float64]
Shares = Mapping[str, Weights]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Evidence:
    """Parallel arrays: which entry, which kind of reason, which product it speaks of, and its share of the score."""

    entry: Codes
    kind: Codes
    product: Codes
    weight: Weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Explainer:
    """Gives reasons for entries of a day's lists.

    Attributes:
        scorer: what scored them.
        buyers: (n_products,) customers who bought it in the last `popular_days`.
        last_bought: (n_customers, n_products) see `History.last_bought`.
        spoken_for: (n_products, n_products) transpose of `Learned.speaks_for`.
        gram: (n_factors, n_factors) of the products' vectors.
        because: (n_products,) JSON of "because you bought it" up to the weight.
    """

    scorer: Scorer
    buyers: Codes
    last_bought: sparse.csr_matrix
    spoken_for: sparse.csr_matrix
    gram: Weights
    because: list[str]

    @classmethod
    def of(cls, scorer: Scorer, names: npt.NDArray[np.object_]) -> Explainer:
        """Collect what the reasons need; `names` are the products' names for the texts."""
        history = scorer.history
        vectors = scorer.learned.factors.astype(np.float64)
        return cls(
            scorer=scorer,
            buyers=history.buyers(scorer.config.popular_days),
            last_bought=history.last_bought(),
            spoken_for=sparse.csr_matrix(scorer.learned.speaks_for.T),
            gram=vectors.T @ vectors,
            because=[_because(product, name) for product, name in zip(history.products, names, strict=True)],
        )

    def explain_entries(self, customers: Codes, products: Codes, shares: Shares) -> list[str]:
        """JSON texts of the reasons of entries: the strongest ones, then what the rest adds up to.

        Args:
            customers: (n,) code of each entry's customer; entries of one customer stand together.
            products: (n,) code of each entry's product.
            shares: method -> (n,) its share of each entry's score; they add up to 1.
        """
        parts = [self._evidence(method, customers, products, share) for method, share in sorted(shares.items())]
        found = _strongest(parts, len(self.because))
        opened = self._opened_texts(customers, products, found)
        weights = np.round(found.weight * _WHOLE).astype(int).tolist()
        texts: list[list[str]] = [[] for _ in range(len(customers))]
        left = [_WHOLE] * len(customers)
        for entry, start, weight in zip(found.entry.tolist(), opened, weights, strict=True):
            texts[entry].append(f"{start}{weight / _WHOLE}}}")
            left[entry] -= weight
        return [_joined(reasons, rest) for reasons, rest in zip(texts, left, strict=True)]

    def _opened_texts(self, customers: Codes, products: Codes, found: _Evidence) -> list[str]:
        """JSON of each reason up to its weight."""
        days = values_at(self.scorer.history.counts, customers, products).astype(int).tolist()
        ago = (values_at(self.last_bought, customers, products) - 1).astype(int).tolist()
        buyers, window = self.buyers[products].tolist(), self.scorer.config.popular_days
        opened = []
        for entry, kind, product in zip(found.entry.tolist(), found.kind.tolist(), found.product.tolist(), strict=True):
            if kind == _BECAUSE:
                opened.append(self.because[product])
            else:
                opened.append(_before(days[entry], ago[entry]) if kind == _BEFORE else _popular(buyers[entry], window))
        return opened

    def _evidence(self, method: str, customers: Codes, products: Codes, share: Weights) -> _Evidence:
        entry = np.flatnonzero(share > 0)
        if method in ("personal", POPULAR):
            kind = np.full(len(entry), _BEFORE if method == "personal" else _POPULAR)
            return _Evidence(entry=entry, kind=kind, product=products[entry], weight=share[entry])
        find = self._from_neighbors if method == "itemcf" else self._from_factors
        place, bought, part = find(customers[entry], products[entry])
        part = np.maximum(part, 0.0)
        total = np.bincount(place, weights=part, minlength=len(entry))
        weight = share[entry][place] * part / np.where(total > 0, total, 1.0)[place]
        kept = weight > 0
        # What its own earlier purchases add is no reason to name it to whom already buys it: that tells how often they do.
        kind = np.where(bought[kept] == products[entry][place][kept], _BEFORE, _BECAUSE)
        return _Evidence(entry=entry[place][kept], kind=kind, product=bought[kept], weight=weight[kept])

    def _from_neighbors(self, customers: Codes, products: Codes) -> tuple[Codes, Codes, Weights]:
        """What each product bought before adds to the ItemCF score: entry, product bought, part of the score."""
        parts = self.scorer.recent[customers].multiply(self.spoken_for[products]).tocoo()
        return parts.row.astype(np.int64), parts.col.astype(np.int64), parts.data

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


def method_shares(
    scorer: Scorer,
    method: str,
    rows: Codes,
    allowed: npt.NDArray[np.bool_],
    entries: tuple[Ranking, npt.NDArray[np.bool_]],
) -> Shares:
    """Method -> (n_entries,) its share of each entry's score; a filler is all popularity.

    Args:
        scorer: what ranked.
        method: the list's method; for the vote, the shares of its voters.
        rows: customers of the block.
        allowed: (len(rows), n_products) as it was ranked.
        entries: ranking and which of its entries are fillers.
    """
    ranking, is_filler = entries
    filler = is_filler.astype(np.float64)
    if method == FUSION:
        shares = {name: points[ranking.row, ranking.column] for name, points in scorer.votes(rows, allowed)}
    else:
        shares = {method: np.ones(len(ranking.row))}
    total = sum(shares.values(), start=np.zeros(len(ranking.row)))
    divisor = np.where(total > 0, total, 1.0)
    parts = {name: share / divisor * (1 - filler) for name, share in shares.items()}
    return parts | {POPULAR: parts.get(POPULAR, 0.0) + filler}


def _strongest(parts: list[_Evidence], n_products: int) -> _Evidence:
    """The `_SHOWN` strongest reasons of each entry; what several methods say of one product is one reason."""
    entry = np.concatenate([part.entry for part in parts])
    code = np.concatenate([part.kind * n_products + part.product for part in parts])
    weight = np.concatenate([part.weight for part in parts])
    order = np.lexsort((code, entry))
    entry, code, weight = entry[order], code[order], weight[order]
    first = np.flatnonzero(np.append(True, (entry[1:] != entry[:-1]) | (code[1:] != code[:-1]))[: len(entry)])
    entry, code, weight = entry[first], code[first], np.add.reduceat(weight, first) if len(first) else weight
    order = np.lexsort((code, -weight, entry))
    entry, code, weight = entry[order], code[order], weight[order]
    kept = np.arange(len(entry)) - np.searchsorted(entry, entry, side="left") < _SHOWN
    kept &= weight >= 1 / _WHOLE
    return _Evidence(
        entry=entry[kept], kind=code[kept] // n_products, product=code[kept] % n_products, weight=weight[kept]
    )


def _joined(reasons: list[str], rest: int) -> str:
    """The reasons of one entry as JSON; what is missing to 1 (in ten-thousandths) is the customer's other purchases."""
    if rest > len(reasons):  # Less than that is rounding.
        reasons = [*reasons, f"{_OTHER}{rest / _WHOLE}}}"]
    return f"[{', '.join(reasons)}]"


def _opened(reason: Mapping[str, object]) -> str:
    """JSON of a reason, open for its weight."""
    return json.dumps(reason, ensure_ascii=False)[:-1] + ', "weight": '


_OTHER: Final = _opened(
    {"kind": "other_purchases", "text_en": "It fits your other purchases", "text_zh": "符合您的其他购买"}
)


def _because(product: str, name: str) -> str:
    texts = {"text_en": f"Because you bought {name}", "text_zh": f"因为您购买过 {name}"}
    return _opened({"kind": "because_you_bought", "product": product} | texts)


def _before(days: int, ago: int) -> str:
    times, last = ("1 day" if n == 1 else f"{n} days" for n in (days, ago))
    texts = {
        "text_en": f"You bought it on {times}, last {last} ago",
        "text_zh": f"您曾在 {days} 天购买过,最近一次是 {ago} 天前",
    }
    return _opened({"kind": "bought_before", "days": days, "days_ago": ago} | texts)


def _popular(buyers: int, days: int) -> str:
    texts = {
        "text_en": f"Popular: {buyers} customers bought it in the last {days} days",
        "text_zh": f"热销:最近 {days} 天有 {buyers} 位顾客购买",
    }
    return _opened({"kind": "popular", "days": days, "buyers": buyers} | texts)
