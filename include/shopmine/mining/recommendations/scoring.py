"""Scores of every method for every customer and product of a day, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shopmine.mining.recommendations.config import FUSION, POPULAR, RecommendationsConfig
from shopmine.mining.recommendations.factorisation import Factors, fold_in
from shopmine.mining.recommendations.history import History, positions
from shopmine.mining.recommendations.selection import Ranking, select_top
from shopmine.mining.recommendations.voting import rank_points

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What was learned from a training day's history, over that day's products.

    Attributes:
        products: (n_products,) ids, sorted.
        speaks_for: (n_products, n_products) see `Similarity`.
        factors: (n_products, n_factors) see `fit_factors`; no columns where not needed.
    """

    products: npt.NDArray[np.object_]
    speaks_for: sparse.csr_matrix
    factors: Factors

    def over(self, catalogue: npt.NDArray[np.object_]) -> Learned:
        """The same over another catalogue: unknown products get no weights and a zero vector, vanished ones are dropped."""
        if len(catalogue) == len(self.products) and (catalogue == self.products).all():
            return self
        place = positions(catalogue, self.products)
        weights = self.speaks_for.tocoo()
        row, column = place[weights.row], place[weights.col]
        kept = (row >= 0) & (column >= 0)
        shape = (len(catalogue), len(catalogue))
        factors = np.zeros((len(catalogue), self.factors.shape[1]), dtype=np.float32)
        factors[place[place >= 0]] = self.factors[place >= 0]
        return Learned(
            products=catalogue,
            speaks_for=sparse.csr_matrix((weights.data[kept], (row[kept], column[kept])), shape=shape),
            factors=factors,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorer:
    """Everything needed to score a block of customers for a day.

    Attributes:
        config: settings.
        history: what the customers did up to the day.
        learned: over the history's products.
        popularity: (n_products,) see `History.popularity`.
        recent: (n_customers, n_products) decayed purchases.
        learned_from: (n_customers, n_products) purchases as the factorisation counts them.
        customers: (n_customers, n_factors) vectors; no columns where not needed.
    """

    config: RecommendationsConfig
    history: History
    learned: Learned
    popularity: Scores
    recent: sparse.csr_matrix
    learned_from: sparse.csr_matrix
    customers: Factors

    @classmethod
    def of(cls, history: History, learned: Learned, config: RecommendationsConfig) -> Scorer:
        """Bring a day's history and what was learned together."""
        over = learned.over(history.products)
        weights = history.decayed(config.factor_half_life_days)
        has_factors = over.factors.shape[1] > 0
        vectors = fold_in(over.factors, weights, config) if has_factors else np.zeros((weights.shape[0], 0), np.float32)
        return cls(
            config=config,
            history=history,
            learned=over,
            popularity=history.popularity(config.popular_days),
            recent=history.decayed(config.half_life_days),
            learned_from=weights,
            customers=vectors,
        )

    def score(self, method: str, rows: npt.NDArray[np.int64]) -> Scores:
        """(len(rows), n_products) raw scores of one method; at most 0 means no candidate."""
        if method == "itemcf":
            return np.asarray((self.recent[rows] @ self.learned.speaks_for).toarray())
        if method == "als":
            return (self.customers[rows] @ self.learned.factors.T).astype(np.float64)
        if method == "personal":
            # Days bought decide; among equals the more popular product comes first.
            bought = self.history.counts[rows].toarray()
            share = self.popularity / (1 + self.popularity.max(initial=0.0))
            return np.where(bought > 0, bought + share[None, :], 0.0)
        return np.broadcast_to(self.popularity, (len(rows), len(self.popularity))).copy()

    def rank(self, method: str, rows: npt.NDArray[np.int64], allowed: npt.NDArray[np.bool_], k: int) -> Ranking:
        """The `k` best allowed products of each of the rows by one method, or by the vote of all.

        Args:
            method: `personal`, `itemcf`, `als`, `popular` or `fusion`.
            rows: customer codes; the ranking's rows count from 0 in their order.
            allowed: (len(rows), n_products) what may be shown.
            k: products a customer.
        """
        if method == FUSION:
            fused = np.zeros(allowed.shape)
            for _, points in self.votes(rows, allowed):
                fused += points
            return select_top(fused, k)
        return select_top(np.where(allowed, self.score(method, rows), 0.0), k)

    def rank_with_popular(
        self, method: str, rows: npt.NDArray[np.int64], allowed: npt.NDArray[np.bool_], k: int
    ) -> tuple[Ranking, npt.NDArray[np.bool_]]:
        """The ranking of a method, filled up with what is popular; and which of its entries are such fillers.

        A filler's score is the last score of the method times the filler's share of the highest popularity, so that scores
        fall with the rank; without any entry of the method it is that share.
        """
        best = self.rank(method, rows, allowed, k)
        if method == POPULAR:
            return best, np.ones(len(best.row), dtype=bool)
        n_best = np.bincount(best.row, minlength=len(rows))
        short = np.flatnonzero(n_best < k)
        rest = allowed[short]
        rest[np.searchsorted(short, best.row[np.isin(best.row, short)]), best.column[np.isin(best.row, short)]] = False
        filler = self.rank(POPULAR, short, rest, k)
        floor = np.ones(len(rows))
        floor[best.row] = best.score  # Entries come by rank, so the last one of a row stays.
        row = short[filler.row]
        ranking = Ranking(
            row=np.concatenate([best.row, row]),
            column=np.concatenate([best.column, filler.column]),
            rank=np.concatenate([best.rank, filler.rank + n_best[row]]),
            score=np.concatenate([best.score, floor[row] * filler.score / (1 + self.popularity.max(initial=0.0))]),
        )
        is_filler = np.concatenate([np.zeros(len(best.row), dtype=bool), np.ones(len(row), dtype=bool)])
        order = np.lexsort((ranking.rank, ranking.row))
        order = order[ranking.rank[order] < k]
        sorted_ranking = Ranking(
            row=ranking.row[order], column=ranking.column[order], rank=ranking.rank[order], score=ranking.score[order]
        )
        return sorted_ranking, is_filler[order]

    def votes(self, rows: npt.NDArray[np.int64], allowed: npt.NDArray[np.bool_]) -> Iterator[tuple[str, Scores]]:
        """(method, (len(rows), n_products) points) of each method that takes part in the vote; their sum is its score."""
        for method, weight in self.config.votes.items():
            if weight > 0 and (method != "als" or self.customers.shape[1] > 0):
                ranking = self.rank(method, rows, allowed, self.config.n_candidates)
                yield method, rank_points(ranking, allowed.shape, weight, self.config.rank_constant)

    def score_products(self, method: str, columns: npt.NDArray[np.int64]) -> Scores:
        """(len(columns), n_customers) raw scores of some products for all customers, by `itemcf` or `als`."""
        if method == "als":
            return (self.learned.factors[columns] @ self.customers.T).astype(np.float64)
        return np.asarray((self.recent @ self.learned.speaks_for[:, columns]).toarray().T)
