"""Settings of the recommendations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from shopmine.errors import ConfigError

LISTS: Final = ("for_you", "discover", "buy_again")
METHODS: Final = ("personal", "itemcf", "als")
FUSION: Final = "fusion"
POPULAR: Final = "popular"
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
)
_NOT_NEGATIVE: Final = (
    "shrinkage",
    "regularization",
    "history_exponent",
    "candidate_exponent",
    "personal_votes",
    "itemcf_votes",
    "als_votes",
    "popular_votes",
    "seed",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecommendationsConfig:
    """How products are recommended.

    Attributes:
        list_size: products in each of a customer's lists.
        n_candidates: best products of each method that take part in the vote.
        methods: methods that compete for each list, beside popularity: `personal`, `itemcf`, `als`, `fusion`.
        n_neighbors: products bought before that may speak for a product, at most.
        history_exponent, candidate_exponent: powers of the popularity of the product bought before and of the
            candidate by which their co-occurrence is divided; 0.5 and 0.5 is the cosine, more prefers rarer products.
        shrinkage: added to that divisor: co-occurrences of few customers count less; raise it for sparse shops.
        half_life_days: after so many days a purchase counts half when a customer's history is looked at.
        n_factors, n_epochs, regularization, confidence: of the factorisation (implicit ALS).
        factor_half_life_days: the same half-life for what the factorisation learns from.
        personal_votes, itemcf_votes, als_votes, popular_votes: weight of each method's ranks in the vote.
        rank_constant: added to a rank before its reciprocal counts: the larger, the more the lower ranks matter.
        popular_days: days that popularity looks back.
        test_days: last days that the methods are compared on; a fifth of the history where that is shorter.
        n_bootstraps: resamples of customers for the interval of a figure.
        n_similar, n_audience: similar products and best customers for each product.
        max_audiences: audiences that one customer may be in.
        seed: random state.
    """

    list_size: int = 10
    n_candidates: int = 60
    methods: tuple[str, ...] = (*METHODS, FUSION)
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
    als_votes: float = 1.0
    popular_votes: float = 0.5
    rank_constant: float = 30.0
    popular_days: int = 7
    test_days: int = 30
    n_bootstraps: int = 200
    n_similar: int = 10
    n_audience: int = 10
    max_audiences: int = 20
    seed: int = 20

    def __post_init__(self) -> None:
        if not self.methods or set(self.methods) - {*METHODS, FUSION}:
            raise ConfigError(f"methods={self.methods!r} must be at least one of {[*METHODS, FUSION]}")
        for name in _POSITIVE:
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name}={getattr(self, name)!r} is not above 0")
        for name in _NOT_NEGATIVE:
            if not getattr(self, name) >= 0:
                raise ConfigError(f"{name}={getattr(self, name)!r} is below 0")

    @property
    def votes(self) -> dict[str, float]:
        """Weight of each method in the vote."""
        return {name: getattr(self, f"{name}_votes") for name in (*METHODS, POPULAR)}

    @property
    def needs_factors(self) -> bool:
        """Whether any method needs the factorisation."""
        return "als" in self.methods or (FUSION in self.methods and self.als_votes > 0)
