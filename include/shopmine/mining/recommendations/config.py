"""Settings of the recommendations."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from shopmine.errors import ConfigError

LISTS: Final = ("for_you", "discover", "buy_again")
PERSONAL: Final = "personal"
ALS: Final = "als"
POPULAR: Final = "popular"
METHODS: Final = (PERSONAL, "itemcf", "usercf", "walk", "basket", "text", ALS)
FUSION: Final = "fusion"
RANKER: Final = "ranker"
BASELINES: Final = MappingProxyType({"for_you": PERSONAL, "discover": POPULAR, "buy_again": PERSONAL})
"""List -> what a shop would show without any model; no champion is below it."""
MOST_LEAVES: Final = 64
"""Leaves of a tree of the ranking, at most: one bit each."""
_POSITIVE: Final = (
    "list_size",
    "n_candidates",
    "n_neighbors",
    "n_similar",
    "n_audience",
    "max_audiences",
    "n_factors",
    "n_epochs",
    "popular_days",
    "half_life_days",
    "factor_half_life_days",
    "confidence",
    "test_days",
    "n_bootstraps",
    "rank_constant",
    "n_windows",
    "n_trees",
    "n_leaves",
    "min_leaf",
    "learning_rate",
    "max_learners",
    "max_occurrences",
    "boost_factor",
    "exposure_half_life_days",
)
_NOT_NEGATIVE: Final = (
    "shrinkage",
    "regularization",
    "history_exponent",
    "candidate_exponent",
    *(f"{method}_votes" for method in (*METHODS, POPULAR)),
    "leaf_regularization",
    "walk_exponent",
    "max_per_category",
    "just_bought_days",
    "min_price",
    "max_price",
    "novelty",
    "exposure_weight",
    "product_exposure_weight",
    "seed",
)
_SHARES: Final = ("sampled_others", "diversity", "bury_factor")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecommendationsConfig:
    """How products are recommended.

    Attributes:
        list_size: products in each of a customer's lists.
        n_candidates: best products of each method that take part in the vote.
        methods: methods that compete for each list, beside popularity: `personal` (the customer's own habits), `itemcf`,
            `usercf`, `walk` (RP3beta), `basket` (bought together), `text` (alike by name), `als`, their vote `fusion`, and
            `ranker`, learned from earlier days over the candidates of all.
        n_neighbors: products bought before that may speak for a product, at most.
        history_exponent, candidate_exponent: powers of the popularity of the product bought before and of the
            candidate by which their co-occurrence is divided; 0.5 and 0.5 is the cosine, more prefers rarer products.
        shrinkage: added to that divisor: co-occurrences of few customers count less; raise it for sparse shops.
        half_life_days: after so many days a purchase counts half when a customer's history is looked at.
        n_factors, n_epochs, regularization, confidence: of the factorisation (implicit ALS).
        factor_half_life_days: the same half-life for what the factorisation learns from.
        walk_exponent: power of the popularity by which the walk is divided; more prefers rarer products.
        max_occurrences: products with more buyers are no evidence that two customers are alike; it bounds the time.
        personal_votes, itemcf_votes, usercf_votes, walk_votes, basket_votes, text_votes, als_votes, popular_votes: weight of
            each method's ranks in the vote.
        rank_constant: added to a rank before its reciprocal counts: the larger, the more the lower ranks matter.
        popular_days: days that popularity looks back.
        n_windows: earlier stretches of `test_days` that the ranking learns from.
        max_learners: customers of each stretch that it learns from, at most.
        sampled_others: share of the candidates that were not bought that it learns from.
        n_trees, n_leaves, min_leaf, learning_rate, leaf_regularization: of its boosted trees; at most 64 leaves.
        test_days: last days that the methods are compared on; a fifth of the history where that is shorter.
        n_bootstraps: resamples of customers for the interval of a figure.
        n_similar, n_audience: similar products and best customers for each product.
        max_audiences: audiences that one customer may be in.
        pinned: products that come first in `for_you` and `discover` wherever they may stand at all.
        boosted, buried: products or categories of which the shop wants to show more or less.
        boost_factor, bury_factor: what their scores are multiplied by.
        blocked: products or categories that are never recommended.
        min_price, max_price: only products with a median price within are recommended; 0 is no limit.
        max_per_category: products of one category in a list; 0 is no limit.
        just_bought_days: what was bought within so many days is left out, unless the customer buys it again by habit.
        diversity: share of its score that a product loses for each better one of its category in the list.
        novelty: power of a product's share of the highest popularity by which its score is divided.
        exposure_weight, product_exposure_weight: how much a product sinks that was shown to the customer, or to everybody, without
            success, by the entity `feedback`.
        exposure_half_life_days: after so many days an exposure counts half.
        seed: random state.
    """

    list_size: int = 10
    n_candidates: int = 20
    methods: tuple[str, ...] = (PERSONAL, "itemcf", "usercf", ALS, FUSION, RANKER)
    n_neighbors: int = 200
    history_exponent: float = 0.6
    candidate_exponent: float = 0.52
    shrinkage: float = 5.0
    half_life_days: float = 30.0
    n_factors: int = 64
    n_epochs: int = 15
    regularization: float = 10.0
    confidence: float = 1.0
    factor_half_life_days: float = 90.0
    personal_votes: float = 4.0
    itemcf_votes: float = 0.5
    usercf_votes: float = 0.5
    walk_votes: float = 0.5
    basket_votes: float = 0.5
    text_votes: float = 0.2
    als_votes: float = 1.0
    popular_votes: float = 0.5
    rank_constant: float = 30.0
    popular_days: int = 7
    walk_exponent: float = 0.4
    max_occurrences: int = 1000
    n_windows: int = 3
    max_learners: int = 2000
    sampled_others: float = 0.2
    n_trees: int = 150
    n_leaves: int = 15
    min_leaf: int = 60
    learning_rate: float = 0.06
    leaf_regularization: float = 5.0
    test_days: int = 30
    n_bootstraps: int = 200
    n_similar: int = 10
    n_audience: int = 10
    max_audiences: int = 20
    pinned: tuple[str, ...] = ()
    boosted: tuple[str, ...] = ()
    buried: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    boost_factor: float = 1.5
    bury_factor: float = 0.5
    min_price: float = 0.0
    max_price: float = 0.0
    max_per_category: int = 0
    just_bought_days: int = 1
    diversity: float = 0.0
    novelty: float = 0.0
    exposure_weight: float = 0.3
    product_exposure_weight: float = 0.03
    exposure_half_life_days: float = 14.0
    seed: int = 20

    def __post_init__(self) -> None:
        known = [*METHODS, FUSION, RANKER]
        if not self.methods or set(self.methods) - set(known):
            raise ConfigError(f"methods={self.methods!r} must be at least one of {known}")
        for name in _POSITIVE:
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name}={getattr(self, name)!r} is not above 0")
        for name in _NOT_NEGATIVE:
            if not getattr(self, name) >= 0:
                raise ConfigError(f"{name}={getattr(self, name)!r} is below 0")
        if not 2 <= self.n_leaves <= MOST_LEAVES:
            raise ConfigError(f"n_leaves={self.n_leaves!r} is outside [2, {MOST_LEAVES}]")
        if not self.sampled_others > 0:
            raise ConfigError(f"sampled_others={self.sampled_others!r} is not above 0")
        for name in _SHARES:
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name}={getattr(self, name)!r} is outside [0, 1]")

    @property
    def votes(self) -> dict[str, float]:
        """Weight of each method in the vote."""
        return {name: getattr(self, f"{name}_votes") for name in (*METHODS, POPULAR)}

    @property
    def needs_factors(self) -> bool:
        """Whether any method needs the factorisation."""
        return bool({ALS, RANKER} & set(self.methods)) or (FUSION in self.methods and self.als_votes > 0)
