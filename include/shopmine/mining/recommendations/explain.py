"""Reasons: what in a customer's own history, or in the shop's sales, put a product on the list.

The weights of an entry's reasons add up to 1: each is a share of its score. No reason ever names another customer.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from shopmine.mining.recommendations.config import FUSION, POPULAR
from shopmine.mining.recommendations.factorisation import contributions

if TYPE_CHECKING:
    from shopmine.mining.recommendations.scoring import Scorer
    from shopmine.mining.recommendations.selection import Ranking

_SHOWN: Final = 3
Codes = npt.NDArray[np.int64]
Reason = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explainer:
    """Gives reasons for entries of a day's lists.

    Attributes:
        scorer: what scored them.
        names: (n_products,) names for the texts.
        buyers: (n_products,) customers who bought it in the last `popular_days`.
        last_bought: (n_customers, n_products) see `History.last_bought`.
    """

    scorer: Scorer
    names: npt.NDArray[np.object_]
    buyers: npt.NDArray[np.int64]
    last_bought: Any

    @classmethod
    def of(cls, scorer: Scorer, names: npt.NDArray[np.object_]) -> Explainer:
        """Collect what the texts need."""
        history = scorer.history
        buyers = history.buyers(scorer.config.popular_days)
        return cls(scorer=scorer, names=names, buyers=buyers, last_bought=history.last_bought())

    def explain_entries(self, customers: Codes, products: Codes, shares: Sequence[dict[str, float]]) -> list[str]:
        """JSON texts of the reasons of entries.

        Args:
            customers: (n,) code of each entry's customer; entries of one customer stand together.
            products: (n,) code of each entry's product.
            shares: (n,) method -> its share of the entry's score, adding up to 1.
        """
        found: list[list[Reason]] = [[] for _ in shares]
        starts = np.flatnonzero(np.append(True, customers[1:] != customers[:-1])) if len(customers) else []
        for start, end in zip(starts, [*starts[1:], len(customers)], strict=True):
            customer, targets = int(customers[start]), products[start:end]
            methods = sorted({method for share in shares[start:end] for method in share})
            for method in methods:
                wanted = np.array([method in share for share in shares[start:end]])
                for place, reasons in zip(
                    np.flatnonzero(wanted) + start, self._reasons(method, customer, targets[wanted]), strict=True
                ):
                    share = shares[place][method]
                    found[place] += [reason | {"weight": round(share * reason["weight"], 6)} for reason in reasons]
        return [json.dumps(_by_weight(reasons), ensure_ascii=False, sort_keys=True) for reasons in found]

    def _reasons(self, method: str, customer: int, targets: Codes) -> list[list[Reason]]:
        if method == "personal":
            return [[self._bought_before(customer, target)] for target in targets.tolist()]
        if method == POPULAR:
            return [[self._popular(target)] for target in targets.tolist()]
        bought, parts = self._parts(method, customer, targets)
        return [self._because(bought, row) for row in parts]

    def _parts(self, method: str, customer: int, targets: Codes) -> tuple[Codes, npt.NDArray[np.float64]]:
        """What each product bought before adds to the score of each target."""
        scorer = self.scorer
        if method == "itemcf":
            recent = scorer.recent[customer]
            bought = recent.indices.astype(np.int64)
            weights = scorer.learned.speaks_for[bought][:, targets].toarray()
            return bought, (weights * recent.data[:, None]).T
        weights = scorer.history.decayed_row(customer, scorer.config.factor_half_life_days)
        bought = weights.indices.astype(np.int64)
        return bought, contributions(scorer.learned.factors, bought, weights.data, targets, scorer.config)

    def _because(self, bought: Codes, parts: npt.NDArray[np.float64]) -> list[Reason]:
        positive = np.maximum(parts, 0.0)
        total = positive.sum()
        if not total > 0:
            return [_taste(1.0)]
        share = positive / total
        best = np.lexsort((bought, -share))[:_SHOWN]
        reasons = [self._bought_product(int(bought[i]), float(share[i])) for i in best if share[i] > 0]
        rest = 1.0 - sum(reason["weight"] for reason in reasons)
        return reasons + ([_taste(rest)] if rest > 1e-9 else [])

    def _bought_product(self, product: int, weight: float) -> Reason:
        name = self.names[product]
        return {
            "kind": "because_you_bought",
            "product": self.scorer.history.products[product],
            "weight": weight,
            "text_en": f"Because you bought {name}",
            "text_zh": f"因为您购买过 {name}",
        }

    def _bought_before(self, customer: int, product: int) -> Reason:
        days = int(self.scorer.history.counts[customer, product])
        ago = int(self.last_bought[customer, product]) - 1
        times = "1 day" if days == 1 else f"{days} days"
        return {
            "kind": "bought_before",
            "days": days,
            "days_ago": ago,
            "weight": 1.0,
            "text_en": f"You bought it on {times}, last {ago} days ago",
            "text_zh": f"您曾在 {days} 天购买过,最近一次是 {ago} 天前",
        }

    def _popular(self, product: int) -> Reason:
        days, buyers = self.scorer.config.popular_days, int(self.buyers[product])
        return {
            "kind": "popular",
            "days": days,
            "buyers": buyers,
            "weight": 1.0,
            "text_en": f"Popular: {buyers} customers bought it in the last {days} days",
            "text_zh": f"热销:最近 {days} 天有 {buyers} 位顾客购买",
        }


def method_shares(
    scorer: Scorer,
    method: str,
    rows: Codes,
    allowed: npt.NDArray[np.bool_],
    entries: tuple[Ranking, npt.NDArray[np.bool_]],
) -> list[dict[str, float]]:
    """For each entry of a ranking: method -> its share of the score; a filler is all popularity.

    Args:
        scorer: what ranked.
        method: the list's method; for the vote, the shares of its voters.
        rows: customers of the block.
        allowed: (len(rows), n_products) as it was ranked.
        entries: ranking and which of its entries are fillers.
    """
    ranking, is_filler = entries
    if method != FUSION:
        return [{POPULAR if filler else method: 1.0} for filler in is_filler.tolist()]
    votes = {}
    for name, fused in scorer.votes(rows, allowed):
        votes[name] = fused[ranking.row, ranking.column]
    total = sum(votes.values())
    shares: list[dict[str, float]] = []
    for i, filler in enumerate(is_filler.tolist()):
        shares.append({POPULAR: 1.0} if filler else {n: float(v[i] / total[i]) for n, v in votes.items() if v[i] > 0})
    return shares


def _taste(weight: float) -> Reason:
    return {
        "kind": "other_purchases",
        "weight": weight,
        "text_en": "It fits your other purchases",
        "text_zh": "符合您的其他购买",
    }


def _by_weight(reasons: list[Reason]) -> list[Reason]:
    return sorted(reasons, key=lambda reason: (-reason["weight"], reason["kind"], reason.get("product", "")))
