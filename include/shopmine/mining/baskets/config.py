"""Settings of the association rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from shopmine.errors import ConfigError

LEVELS: Final = ("product", "category")
_LEAST: Final = {
    "min_count": 1,
    "max_length": 2,
    "window_days": 1,
    "later_days": 0,
    "max_basket_items": 2,
    "max_itemsets": 1,
    "max_steps": 1,
    "max_rules": 1,
    "min_baskets": 1,
    "seed": 0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BasketsConfig:
    """Which rules are looked for and which are shown; all thresholds are inclusive.

    Attributes:
        levels: `product` and, where products have one, `category`: what the sides of a rule name.
        min_count: baskets that hold all of a rule, at least.
        min_support: the same as a share of the baskets; the stricter of the two counts.
        min_confidence: least share of the baskets with the antecedent that hold the consequent too.
        max_q: false-discovery rate; 1 shows every rule above the other thresholds, by chance or not.
        max_length: most items of a rule, both sides together.
        window_days: so many days of orders are looked at.
        later_days: the last of these days are kept apart to see whether a rule holds; at most a quarter of the days there
            are, and 0 keeps none apart.
        max_basket_items: larger baskets are left out, and the run's report says how many.
        max_itemsets: most sets of items held at once.
        max_steps: most additions of the search. Where a budget is exceeded, the count that a set of items needs is
            doubled until the search fits (of three and more items first), and the run's report says so.
        max_rules: so many rules of a level are shown, those that chance explains least.
        min_baskets: with fewer baskets nothing is mined.
        seed: random state of the shuffled baskets that the rules are judged beside.
    """

    levels: tuple[str, ...] = LEVELS
    min_count: int = 5
    min_support: float = 0.0
    min_confidence: float = 0.05
    max_q: float = 0.05
    max_length: int = 3
    window_days: int = 365
    later_days: int = 28
    max_basket_items: int = 1000
    max_itemsets: int = 100_000
    max_steps: int = 1_000_000_000
    max_rules: int = 2000
    min_baskets: int = 50
    seed: int = 20

    def __post_init__(self) -> None:
        if not self.levels or not set(self.levels) <= set(LEVELS) or len(set(self.levels)) < len(self.levels):
            raise ConfigError(f"levels={self.levels!r} must name some of {list(LEVELS)}, each once")
        for name, least in _LEAST.items():
            if not getattr(self, name) >= least:
                raise ConfigError(f"{name}={getattr(self, name)!r} is below {least}")
        for name in ("min_support", "min_confidence", "max_q"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name}={getattr(self, name)!r} is outside [0, 1]; it is a share, so 5 % is 0.05")
