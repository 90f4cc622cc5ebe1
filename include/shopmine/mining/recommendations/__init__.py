"""Recommendations 产品推荐: the next products for each customer, the best customers for each product, and why."""

from shopmine.mining.recommendations.application import apply_recommendations
from shopmine.mining.recommendations.config import RecommendationsConfig
from shopmine.mining.recommendations.fitting import evaluate_recommendations, fit_recommendations
from shopmine.mining.recommendations.model import Recommendations
from shopmine.mining.recommendations.tracing import explain_pair

__all__ = [
    "Recommendations",
    "RecommendationsConfig",
    "apply_recommendations",
    "evaluate_recommendations",
    "explain_pair",
    "fit_recommendations",
]
