"""Fitting the recommendations: compare the methods on the last days, then learn from all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from shopmine.columns import CUSTOMER, DAY, PRODUCT, QUANTITY
from shopmine.frames import Interactions
from shopmine.mining.contract import Metric, MiningInputs, NotEnoughDataError, metrics_table, rows_until
from shopmine.mining.recommendations.config import FUSION, LISTS, RecommendationsConfig
from shopmine.mining.recommendations.evaluation import compare_methods, split_history
from shopmine.mining.recommendations.factorisation import Factors, fit_factors
from shopmine.mining.recommendations.history import History
from shopmine.mining.recommendations.model import Recommendations
from shopmine.mining.recommendations.scoring import Learned, Scorer
from shopmine.mining.recommendations.similarity import fit_similarity
from shopmine.mining.threads import single_thread

if TYPE_CHECKING:
    import pyarrow as pa

    from shopmine.mining.recommendations.selection import Ranking


def fit_recommendations(inputs: MiningInputs, config: RecommendationsConfig) -> Recommendations:
    """Learn from the purchases up to a training day, and choose the method of each list on the last of these days.

    Args:
        inputs: `interactions` up to the training day: rows of customer, product, day, quantity, in any order.
        config: settings.

    Returns:
        The model; where the history is too short to compare, every list uses the vote (or the first method).

    Raises:
        NotEnoughDataError: there are no purchases.
        DataError: a column is missing or a key is null.
    """
    interactions = read_interactions(inputs)
    day = np.datetime64(inputs.day, "D")
    usual = FUSION if FUSION in config.methods else config.methods[0]
    champions = dict.fromkeys(LISTS, usual)
    metrics: list[Metric] = []
    split = split_history(interactions, day, config.test_days)
    if split is not None:
        earlier, later = split
        learned, _ = _learn(earlier, config)
        with single_thread():
            won, metrics = compare_methods(Scorer.of(earlier, learned, config), later, config)
        champions |= won
    learned, similar = _learn(History.of(interactions, day), config)
    return Recommendations(
        config=config,
        day=inputs.day,
        learned=learned,
        similar=similar,
        champions=champions,
        metrics=metrics_table(metrics, inputs.day),
    )


def evaluate_recommendations(model: Recommendations, inputs: MiningInputs) -> pa.Table:
    """The comparison by which the methods were chosen, beside popularity, as rows of `published.metrics`.

    It was made while fitting, on days that the compared models had not seen; `inputs` are not looked at again.
    """
    del inputs
    return model.metrics


def read_interactions(inputs: MiningInputs) -> Interactions:
    """The purchases of the inputs.

    Raises:
        NotEnoughDataError: there are none.
    """
    frame = rows_until(inputs.frame("interactions", (CUSTOMER, PRODUCT, DAY, QUANTITY)), inputs.day)
    if not frame.num_rows:
        raise NotEnoughDataError(
            f"no known customer bought goods up to {inputs.day}; there is nothing to recommend from"
        )
    return Interactions.from_events(frame.to_pandas())


def _learn(history: History, config: RecommendationsConfig) -> tuple[Learned, Ranking]:
    similarity = fit_similarity(history.counts, config)
    factors: Factors = np.zeros((len(history.products), 0), dtype=np.float32)
    if config.needs_factors:
        factors = fit_factors(history.decayed(config.factor_half_life_days), config)
    learned = Learned(products=history.products, speaks_for=similarity.speaks_for, factors=factors)
    return learned, similarity.similar
