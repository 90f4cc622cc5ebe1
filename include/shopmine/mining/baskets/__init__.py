"""Association rules 关联规则: what is bought together far more often than chance and basket sizes explain."""

from shopmine.mining.baskets.application import apply_baskets, explain_rule
from shopmine.mining.baskets.config import BasketsConfig
from shopmine.mining.baskets.evaluation import evaluate_baskets
from shopmine.mining.baskets.fitting import fit_baskets
from shopmine.mining.baskets.model import Baskets

__all__ = ["Baskets", "BasketsConfig", "apply_baskets", "evaluate_baskets", "explain_rule", "fit_baskets"]
