"""Learning the ranking: candidates of earlier days, and which of them were bought in the days that followed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import numpy as np

from shopmine.mining.recommendations.config import LISTS, RecommendationsConfig
from shopmine.mining.recommendations.evaluation import find_targets
from shopmine.mining.recommendations.ranker import Examples, Ranker, fit_ranker
from shopmine.mining.recommendations.sparse_top import DEFAULT_LIMITS

if TYPE_CHECKING:
    from shopmine.frames import Interactions
    from shopmine.mining.recommendations.scoring import Scorer

ANY: Final = "for_you"
NEW: Final = "discover"


def find_examples(scorer: Scorer, later: Interactions, config: RecommendationsConfig) -> Examples:
    """The candidates as of a day with what became of them: all that were bought, and a sample of the others.

    Args:
        scorer: of the day.
        later: what happened in the days after it.
        config: at most `max_learners` customers, `sampled_others` of what they did not buy.
    """
    rng = np.random.default_rng(config.seed)
    targets = find_targets(scorer.history, later, ANY)
    chosen = np.sort(rng.permutation(len(targets.customers))[: config.max_learners])
    parts = []
    for part in scorer.blocks(len(chosen)):
        place = chosen[part]
        block = scorer.block(targets.customers[place], ANY)
        pool = scorer.pool(block)
        pairs = pool.pairs
        is_bought = pairs.values(targets.found[place]) > 0
        kept = is_bought | (rng.random(len(is_bought)) < config.sampled_others)
        features = pool.features[kept]
        weight = np.where(is_bought, 1.0, 1.0 / config.sampled_others)[kept]
        parts.append(Examples(features=features, is_bought=is_bought[kept], weight=weight, is_new=pool.is_new[kept]))
    return Examples.concatenate(parts)


def fit_rankers(examples: list[Examples], config: RecommendationsConfig) -> dict[str, Ranker]:
    """List -> the ranking for it: one for all candidates, one for new ones; none where there is too little to learn from."""
    joined = Examples.concatenate(examples)
    # Each is fitted by one thread, both at once.
    with ThreadPoolExecutor(min(2, DEFAULT_LIMITS.threads)) as pool:
        parts = {ANY: joined, NEW: joined.only(joined.is_new)}
        fitted = dict(zip(parts, pool.map(lambda part: fit_ranker(part, config), parts.values()), strict=True))
    found = {which: fitted[NEW if which == NEW else ANY] for which in LISTS}
    return {which: ranker for which, ranker in found.items() if ranker is not None}
