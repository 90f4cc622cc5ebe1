"""A day's candidates and scores for blocks of customers, by every method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shopmine.mining.recommendations.candidates import Candidates, best_pairs
from shopmine.mining.recommendations.config import ALS, PERSONAL, POPULAR, RecommendationsConfig
from shopmine.mining.recommendations.factorisation import Factors, fold_in
from shopmine.mining.recommendations.history import History, positions, rows_at
from shopmine.mining.recommendations.pair_features import Described
from shopmine.mining.recommendations.scores import Scores
from shopmine.mining.recommendations.selection import Ranking, blocks, select_top
from shopmine.mining.recommendations.sources import day_sources
from shopmine.mining.recommendations.voting import rank_points

if TYPE_CHECKING:
    from shopmine.mining.recommendations.catalogue import Catalogue
    from shopmine.mining.recommendations.ranker import Features, Ranker

Values = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
Matrix: TypeAlias = sparse.csr_matrix
_POPULAR_DAYS: Final = (7, 14, 30)
_BLOCK_ROWS: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What was learned from a training day's history, over that day's products.

    Attributes:
        products: (n_products,) ids, sorted.
        weights: source -> (n_products, n_products) weight of a product bought before (row) for a candidate (column).
        factors: (n_products, n_factors) see `fit_factors`; no columns where not needed.
    """

    products: npt.NDArray[np.object_]
    weights: Mapping[str, Matrix]
    factors: Factors

    def over(self, catalogue: npt.NDArray[np.object_]) -> Learned:
        """The same over another catalogue: unknown products get no weights and a zero vector, vanished ones are dropped."""
        if len(catalogue) == len(self.products) and (catalogue == self.products).all():
            return self
        place = positions(catalogue, self.products)
        factors = np.zeros((len(catalogue), self.factors.shape[1]), dtype=np.float32)
        factors[place[place >= 0]] = self.factors[place >= 0]
        weights = {name: _moved(matrix, place, len(catalogue)) for name, matrix in self.weights.items()}
        return Learned(products=catalogue, weights=weights, factors=factors)


def _moved(matrix: Matrix, place: Codes, n: int) -> Matrix:
    entries = matrix.tocoo()
    row, column = place[entries.row], place[entries.col]
    kept = (row >= 0) & (column >= 0)
    return sparse.csr_matrix((entries.data[kept], (row[kept], column[kept])), shape=(n, n))


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Customers whose lists are made together.

    Attributes:
        rows: (n_rows,) their codes.
        forbidden: (n_rows, n_products); a pair that is stored is on no list.
        skipped: (n_rows, n_products); nor is it a candidate for this list.
        is_only_bought: whether nothing but what was bought before is a candidate.
    """

    rows: Codes
    forbidden: Matrix
    skipped: Matrix
    is_only_bought: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Candidates of the ranking stage for all lists of some customers.

    Attributes:
        pairs: every source's best new products, and what was bought most.
        features: (n_pairs, n_features) what the ranking looks at; of the whole pool, whichever list is made of it.
        is_new: (n_pairs,) whether the customer never bought it.
        scores: ranking -> (n_pairs,) what it says of all of them, kept for the next list that has the same ranking.
    """

    pairs: Candidates
    features: Features
    is_new: npt.NDArray[np.bool_]
    scores: dict[int, Values] = field(default_factory=dict)

    def kept(self, which: str) -> npt.NDArray[np.bool_]:
        """(n_pairs,) what a list may hold."""
        if which == "discover":
            return self.is_new
        return ~self.is_new if which == "buy_again" else np.ones(len(self.is_new), dtype=bool)

    def score(self, ranker: Ranker, kept: npt.NDArray[np.bool_]) -> Values:
        """The scores of those that are kept; lists that share a ranking share its scores."""
        if id(ranker) in self.scores:
            return self.scores[id(ranker)][kept]
        if not kept.all():
            return ranker.score(self.features[kept])
        self.scores[id(ranker)] = ranker.score(self.features)
        return self.scores[id(ranker)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorer:
    """Everything needed to propose and score products for a day's customers.

    Attributes:
        config: settings.
        history: what the customers did up to the day.
        catalogue: its products.
        learned: over the history's products.
        is_shown: (n_products,) products that may be candidates at all.
        popularity: (n_products,) see `History.popularity`; 0 for products that may not be shown.
        bought: (n_customers, n_products) days on which what may be shown was bought.
        popular: codes of what was popular lately, by any of several spans of days: the candidates of popularity.
        described: figures for the ranking stage.
        sources: name -> source; products that may not be shown have no weight.
        learned_from: (n_customers, n_products) purchases as the factorisation counts them.
        customers: (n_customers, n_factors) vectors; no columns where not needed.
        rankers: list -> the ranking learned for it; none where there was too little to learn from.
    """

    config: RecommendationsConfig
    history: History
    catalogue: Catalogue
    learned: Learned
    is_shown: npt.NDArray[np.bool_]
    popularity: Values
    bought: Matrix
    popular: Codes
    described: Described
    sources: Mapping[str, Scores]
    learned_from: Matrix
    customers: Factors
    rankers: Mapping[str, Ranker] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        history: History,
        catalogue: Catalogue,
        learned: Learned,
        config: RecommendationsConfig,
        is_shown: npt.NDArray[np.bool_] | None = None,
    ) -> Scorer:
        """Bring a day's history and what was learned together."""
        shown = np.ones(len(history.products), dtype=bool) if is_shown is None else is_shown
        over = learned.over(history.products)
        weights = history.decayed(config.factor_half_life_days)
        has_factors = over.factors.shape[1] > 0
        vectors = fold_in(over.factors, weights, config) if has_factors else np.zeros((weights.shape[0], 0), np.float32)
        sources = day_sources(history, catalogue, over.weights, config)
        masked = {name: Scores(left=s.left, right=_masked(s.right, shown)) for name, s in sources.items()}
        return cls(
            config=config,
            history=history,
            catalogue=catalogue,
            learned=over,
            is_shown=shown,
            popularity=np.where(shown, history.popularity(config.popular_days), 0.0),
            popular=_popular_products(history, shown, config),
            bought=_masked(history.counts, shown),
            described=Described.of(history),
            sources=masked,
            learned_from=weights,
            customers=vectors,
        )

    def with_rankers(self, rankers: Mapping[str, Ranker]) -> Scorer:
        """The same with a ranking stage."""
        return replace(self, rankers=rankers)

    def block(self, rows: Codes, which: str, forbidden: Matrix | None = None) -> Block:
        """Customers for a list: `discover` skips what was bought, `buy_again` everything else.

        Args:
            rows: codes of the customers.
            which: the list.
            forbidden: (n_customers, n_products) pairs that no list may hold.
        """
        shape = (len(rows), len(self.history.products))
        never = sparse.csr_matrix(shape) if forbidden is None else rows_at(forbidden, rows)
        skipped = sparse.csr_matrix(never + rows_at(self.history.counts, rows)) if which == "discover" else never
        return Block(rows=rows, forbidden=never, skipped=skipped, is_only_bought=which == "buy_again")

    def pool(self, block: Block) -> Pool:
        """The candidates of the ranking stage for every list of the block's customers, described once."""
        pairs = self._union(block)
        is_new = ~pairs.is_stored(rows_at(self.history.counts, block.rows))
        return Pool(pairs=pairs, features=self._features(pairs, block), is_new=is_new)

    def propose(self, method: str, block: Block) -> Candidates:
        """The candidates of a method other than the ranking stage and the vote: its best ones."""
        if block.is_only_bought:
            return self._bought(block)
        return Candidates.union([self.top(method, block)], block.skipped.shape)

    def top(self, method: str, block: Block) -> Ranking:
        """The `n_candidates` best candidates by one method other than the ranking stage and the vote."""
        k = self.config.n_candidates
        if method in self.sources and not block.is_only_bought:
            source = self.sources[method]
            own = Scores(left=rows_at(source.left, block.rows), right=source.right)
            return Ranking.concatenate(list(own.top_products(k, skipped=block.skipped)))
        if method == ALS and not block.is_only_bought:
            return self._top_factors(block, k)
        pairs = self._popular(block) if method == POPULAR and not block.is_only_bought else self._bought(block)
        return best_pairs(pairs, self.score(method, pairs, block), k)

    def score(self, method: str, pairs: Candidates, block: Block) -> Values:
        """(n_pairs,) scores by one method other than the ranking stage and the vote; at most 0 means nothing speaks for it."""
        customer = block.rows[pairs.row]
        if method == ALS:
            return _dots(self.customers, self.learned.factors, customer, pairs.column)
        if method == PERSONAL:
            # Days bought decide; among equals the more popular product comes first.
            count = pairs.values(rows_at(self.bought, block.rows))
            share = self.popularity / (1 + self.popularity.max(initial=0.0))
            return np.where(count > 0, count + share[pairs.column], 0.0)
        if method == POPULAR:
            return self.popularity[pairs.column]
        source = self.sources[method]
        return pairs.scores(Scores(left=rows_at(source.left, block.rows), right=source.right))

    def _features(self, pairs: Candidates, block: Block) -> Features:
        """(n_pairs, n_features) what the ranking stage looks at."""
        scored = (*self.sources, *((ALS,) if self.customers.shape[1] else ()))
        scores = {name: self.score(name, pairs, block) for name in scored}
        return self.described.features(pairs, block.rows, scores)

    def voters(self) -> dict[str, float]:
        """Method -> weight of those that take part in the vote."""
        votes = self.config.votes
        return {m: w for m, w in votes.items() if w > 0 and (m != ALS or self.customers.shape[1] > 0)}

    def votes(self, block: Block) -> tuple[Candidates, dict[str, Values]]:
        """The candidates of the vote, and method -> (n_pairs,) points of each that takes part in it; their sum is its score."""
        tops = {voter: self.top(voter, block) for voter in self.voters()}
        found, shape = {}, block.skipped.shape
        pairs = self._bought(block) if block.is_only_bought else Candidates.union(list(tops.values()), shape)
        for voter, weight in self.voters().items():
            points = rank_points(tops[voter].rank, weight, self.config.rank_constant)
            found[voter] = pairs.spread(tops[voter], points, shape[1])
        return pairs, found

    @staticmethod
    def blocks(n_rows: int) -> list[slice]:
        """Slices of rows: so many customers are looked at together, which bounds memory."""
        return [slice(start, min(start + _BLOCK_ROWS, n_rows)) for start in range(0, n_rows, _BLOCK_ROWS)]

    def _bought(self, block: Block) -> Candidates:
        bought = rows_at(self.bought, block.rows).tocoo()
        pairs = Candidates.of(bought.row, bought.col, block.skipped.shape)
        return pairs.only(~pairs.is_stored(block.skipped))

    def _popular(self, block: Block) -> Candidates:
        """What is popular lately and not skipped."""
        n, columns = len(block.rows), self.popular
        pairs = Candidates.of(np.repeat(np.arange(n), len(columns)), np.tile(columns, n), block.skipped.shape)
        return pairs.only(~pairs.is_stored(block.skipped))

    def _top_factors(self, block: Block, k: int) -> Ranking:
        parts = []
        for part in blocks(len(block.rows), len(self.history.products)):
            scores = (self.customers[block.rows[part]] @ self.learned.factors.T).astype(np.float64)
            scores[:, ~self.is_shown] = 0.0
            out = block.skipped[part].tocoo()
            scores[out.row, out.col] = 0.0
            parts.append(select_top(scores, k, first_row=part.start))
        return Ranking.concatenate(parts)

    def _only_new(self, block: Block) -> Block:
        skipped = sparse.csr_matrix(block.forbidden + rows_at(self.history.counts, block.rows))
        return replace(block, skipped=skipped, is_only_bought=False)

    def _union(self, block: Block) -> Candidates:
        """Every method's best new products and the products bought most, for the ranking stage."""
        new = self._only_new(block)
        bought = self._bought(replace(block, skipped=block.forbidden))
        habits = best_pairs(bought, self.score(PERSONAL, bought, block), 5 * self.config.n_candidates)
        methods = (*self.sources, POPULAR, *((ALS,) if self.customers.shape[1] else ()))
        return Candidates.union([habits, *(self.top(method, new) for method in methods)], block.skipped.shape)


def _popular_products(history: History, shown: npt.NDArray[np.bool_], config: RecommendationsConfig) -> Codes:
    """The best sellers of several spans, twice as many as are wanted, since most customers already have some."""
    days = (config.popular_days, *_POPULAR_DAYS)
    windows = [history.popularity(n) * shown for n in dict.fromkeys(days)]
    return np.unique(np.concatenate([_best(window, 2 * config.n_candidates) for window in windows]))


def _best(values: npt.NDArray[np.float64], k: int) -> Codes:
    order = np.argsort(-values, kind="stable")[:k]
    return order[values[order] > 0]


def _masked(matrix: Matrix, is_shown: npt.NDArray[np.bool_]) -> Matrix:
    """The matrix without the columns that may not be shown."""
    if is_shown.all():
        return matrix
    entries = matrix.tocoo()
    kept = is_shown[entries.col]
    return sparse.csr_matrix((entries.data[kept], (entries.row[kept], entries.col[kept])), shape=matrix.shape)


def _dots(left: Factors, right: Factors, row: Codes, column: Codes) -> Values:
    """(n,) inner products of pairs of rows, in pieces that stay in the cache."""
    found = np.zeros(len(row))
    for start in range(0, len(row), 65_536):
        part = slice(start, start + 65_536)
        found[part] = np.einsum("ij,ij->i", left[row[part]], right[column[part]])
    return found
