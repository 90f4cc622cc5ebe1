"""Fitting the recommendations: learn as of several days, learn to rank on the earlier ones, compare the methods on the last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from shopmine.columns import CUSTOMER, DAY, PRODUCT, QUANTITY
from shopmine.frames import Interactions
from shopmine.mining.contract import Metric, MiningInputs, NotEnoughDataError, metrics_table, rows_until
from shopmine.mining.recommendations.catalogue import Catalogue
from shopmine.mining.recommendations.config import FUSION, LISTS, RANKER, RecommendationsConfig
from shopmine.mining.recommendations.evaluation import compare_methods, split_history
from shopmine.mining.recommendations.factorisation import Factors, fit_factors
from shopmine.mining.recommendations.history import History
from shopmine.mining.recommendations.model import Recommendations
from shopmine.mining.recommendations.scoring import Learned, Scorer
from shopmine.mining.recommendations.similarity import fit_similarity
from shopmine.mining.recommendations.sources import fit_baskets, fit_walk
from shopmine.mining.recommendations.training import find_examples, fit_rankers
from shopmine.mining.threads import single_thread

if TYPE_CHECKING:
    import pyarrow as pa

    from shopmine.mining.recommendations.ranker import Examples
    from shopmine.mining.recommendations.selection import Ranking


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """An earlier day with what was learned as of it, and what happened in the `test_days` after it."""

    scorer: Scorer
    later: Interactions


def fit_recommendations(inputs: MiningInputs, config: RecommendationsConfig) -> Recommendations:
    """Learn from the purchases up to a training day, and choose the method of each list on the last of these days.

    The ranking that is compared on the last `test_days` was learned from days before them; the one that is kept is learned
    again with them.

    Args:
        inputs: `interactions` up to the training day (rows of customer, product, day, quantity, in any order) and
            `product_features` as of it.
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
    champions = dict.fromkeys(LISTS, usual if usual != RANKER else FUSION)
    with single_thread():
        stretches = _stretches(interactions, inputs, config)
        examples = [find_examples(s.scorer, s.later, config) for s in stretches] if RANKER in config.methods else []
        won, metrics = _compare(stretches, examples, config)
        learned, similar = learn(History.of(interactions, day), config)
        return Recommendations(
            config=config,
            day=inputs.day,
            learned=learned,
            similar=similar,
            rankers=fit_rankers(examples, config),
            champions=champions | won,
            metrics=metrics_table(metrics, inputs.day),
        )


def _compare(
    stretches: list[Stretch], examples: list[Examples], config: RecommendationsConfig
) -> tuple[dict[str, str], list[Metric]]:
    """The champions on the last stretch, by a ranking learned from the earlier ones."""
    if not stretches:
        return {}, []
    rankers = fit_rankers(examples[1:], config)
    return compare_methods(stretches[0].scorer.with_rankers(rankers), stretches[0].later, config)


def last_stretch(inputs: MiningInputs, config: RecommendationsConfig) -> Stretch:
    """The last `test_days` as the methods are compared on them: what was learned before, with the ranking where it is asked for.

    Raises:
        NotEnoughDataError: the history is too short to compare.
    """
    with single_thread():
        stretches = _stretches(read_interactions(inputs), inputs, config)
        if not stretches:
            raise NotEnoughDataError(f"the purchases up to {inputs.day} are too few days to compare methods on")
        examples = [find_examples(s.scorer, s.later, config) for s in stretches[1:]] if RANKER in config.methods else []
        last = stretches[0]
        return Stretch(scorer=last.scorer.with_rankers(fit_rankers(examples, config)), later=last.later)


def _stretches(interactions: Interactions, inputs: MiningInputs, config: RecommendationsConfig) -> list[Stretch]:
    """The last stretch of days first, then those before it, as far as there is a history before them."""
    found = []
    until = interactions
    day: np.datetime64 = np.datetime64(inputs.day, "D")
    for _ in range(1 + config.n_windows * (RANKER in config.methods)):
        split = split_history(until, day, config.test_days)
        if split is None:
            break
        earlier, later = split
        learned, _ = learn(earlier, config)
        catalogue = Catalogue.of(inputs, earlier.products)
        found.append(Stretch(scorer=Scorer.of(earlier, catalogue, learned, config), later=later))
        until, day = earlier.interactions, earlier.day
    return found


def evaluate_recommendations(model: Recommendations, inputs: MiningInputs) -> pa.Table:
    """The comparison by which the methods were chosen, beside the baselines, as rows of `published.metrics`.

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


def learn(history: History, config: RecommendationsConfig) -> tuple[Learned, Ranking]:
    """What a history teaches of its products, and which of them are similar."""
    similarity = fit_similarity(history.counts, config)
    factors: Factors = np.zeros((len(history.products), 0), dtype=np.float32)
    if config.needs_factors:
        factors = fit_factors(history.decayed(config.factor_half_life_days), config)
    bought = history.bought()
    weights = {
        "itemcf": similarity.speaks_for,
        "walk": fit_walk(bought, config),
        "basket": fit_baskets(history, config),
    }
    return Learned(products=history.products, weights=weights, factors=factors), similarity.similar
