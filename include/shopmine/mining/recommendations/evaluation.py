"""Comparing the methods on a later part of the history that they have not seen.

One split in time for everybody; the whole catalogue is ranked; every customer counts who has a history before the split and
something to find after it. Targets that were never sold before the split count as missed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shopmine.mining.contract import Metric
from shopmine.mining.recommendations.config import BASELINES, LISTS, POPULAR, RANKER, RecommendationsConfig
from shopmine.mining.recommendations.history import History, positions, values_at
from shopmine.mining.recommendations.lists import make_lists, score_candidates

if TYPE_CHECKING:
    from shopmine.frames import Interactions
    from shopmine.mining.recommendations.scoring import Scorer
    from shopmine.mining.recommendations.selection import Ranking

Values = npt.NDArray[np.float64]
_NAME: Final = "recommendations"


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """What customers with a history bought after the split.

    Attributes:
        customers: (n,) codes of the history's customers, ascending.
        found: (n, n_products) 1 where it was bought and can be found.
        totals: (n,) targets of the list, with those that cannot be found.
    """

    customers: npt.NDArray[np.int64]
    found: sparse.csr_matrix
    totals: npt.NDArray[np.int64]


def split_history(
    interactions: Interactions, day: np.datetime64, test_days: int
) -> tuple[History, Interactions] | None:
    """The history before the last days, and what happened in them; None where either would be empty.

    Args:
        interactions: not modified.
        day: the last day.
        test_days: length of the later part; a fifth of the span where the history is shorter than five times that.
    """
    if not interactions.n_events:
        return None
    span = int((day - interactions.day.min()).astype("timedelta64[D]").astype(int)) + 1
    length = min(test_days, span // 5)
    border = day - np.timedelta64(length, "D")
    later = interactions.after(border)
    if length < 1 or not later.n_events or interactions.day.min() > border:
        return None
    return History.of(interactions, border), later


def find_targets(history: History, later: Interactions, which: str) -> Targets:
    """The targets of one list: `for_you` everything bought later, `discover` only what is new, `buy_again` only the rest."""
    customer = positions(history.customers, later.customers)[later.customer_code]
    product = positions(history.products, later.products)[later.product_code]
    pairs = np.unique(np.column_stack([customer, later.product_code, product])[customer >= 0], axis=0)
    customer, product = pairs[:, 0], pairs[:, 2]
    known = product >= 0
    bought = np.zeros(len(pairs), dtype=bool)
    bought[known] = values_at(history.counts, customer[known], product[known]) > 0
    keep = {"for_you": np.ones(len(pairs), dtype=bool), "discover": ~bought, "buy_again": bought}[which]
    customer, product, known = customer[keep], product[keep], known[keep]
    codes, row = np.unique(customer, return_inverse=True)
    shape = (len(codes), len(history.products))
    found = sparse.csr_matrix((np.ones(known.sum()), (row[known], product[known])), shape=shape)
    return Targets(customers=codes, found=found, totals=np.bincount(row, minlength=len(codes)))


def measure_ranking(ranking: Ranking, targets: Targets, k: int, novelty: Values) -> dict[str, Values]:
    """Per customer: `recall@k`, `ndcg@k` (binary; the ideal has min(n targets, k) hits), `hit_rate@k` and `novelty@k`.

    Args:
        ranking: rows are those of `targets`.
        targets: what to find.
        k: length of the list.
        novelty: (n_products,) of each product; a list's is their mean, 0 for an empty list.
    """
    discount = 1.0 / np.log2(np.arange(2, k + 2))
    ideal = np.cumsum(discount)[np.minimum(targets.totals, k) - 1]
    inside = ranking.rank < k
    row, column, rank = ranking.row[inside], ranking.column[inside], ranking.rank[inside]
    hit = values_at(targets.found, row, column) > 0
    n = len(targets.customers)
    hits = np.bincount(row[hit], minlength=n)
    gain = np.bincount(row[hit], weights=discount[rank[hit]], minlength=n)
    surprise = np.bincount(row, weights=novelty[column], minlength=n) / np.maximum(np.bincount(row, minlength=n), 1)
    return {
        f"recall@{k}": hits / targets.totals,
        f"ndcg@{k}": gain / ideal,
        f"hit_rate@{k}": (hits > 0).astype(np.float64),
        f"novelty@{k}": surprise,
    }


def product_novelty(history: History) -> Values:
    """(n_products,) −log2 of the share of customers who ever bought it: how little known it is, in bits."""
    n_customers = max(len(history.customers), 1)
    return np.asarray(-np.log2(np.maximum(history.buyers(), 1) / n_customers))


def compare_methods(
    scorer: Scorer, later: Interactions, config: RecommendationsConfig
) -> tuple[dict[str, str], list[Metric]]:
    """The champion of each list, and the figures of all methods beside the list's baseline.

    Args:
        scorer: of the earlier part of the history; its rankings were learned from days before.
        later: what happened after it.
        config: settings.

    Returns:
        list -> method with the best ndcg. The baseline of `BASELINES` and popularity always take part, so no champion is
        below them; with equal figures the baseline wins, then the earlier in `config.methods`. Lists without any target are
        left out. The metrics are named `LIST.METHOD.FIGURE`; `is_champion` stands at the ndcg, which decides.
    """
    champions: dict[str, str] = {}
    metrics: list[Metric] = []
    for which in LISTS:
        targets = find_targets(scorer.history, later, which)
        if not len(targets.customers):
            continue
        methods = available_methods(scorer, which, config)
        measured = {method: measure_method(scorer, targets, which, method) for method in methods}
        ndcg = f"ndcg@{config.list_size}"
        champions[which] = max(methods, key=lambda method: float(measured[method][ndcg].mean()))
        metrics += _figures(which, measured, champions[which], config)
    return champions, metrics


def available_methods(scorer: Scorer, which: str, config: RecommendationsConfig) -> list[str]:
    """The methods that compete for a list: its baseline first, then those of the settings, then popularity, each once."""
    wanted = dict.fromkeys((BASELINES[which], *config.methods, POPULAR))
    return [method for method in wanted if method != RANKER or which in scorer.rankers]


def measure_method(scorer: Scorer, targets: Targets, which: str, method: str) -> dict[str, Values]:
    """Figures of one method for one list over the whole catalogue, without the shop's rules.

    Returns:
        (n_customers,) of each figure of `measure_ranking`, and `coverage@k`: (1,) share of the products on any list.
    """
    parts = []
    seen: set[int] = set()
    k, novelty = scorer.config.list_size, product_novelty(scorer.history)
    for part in scorer.blocks(len(targets.customers)):
        block = scorer.block(targets.customers[part], which)
        listed = make_lists(scorer, score_candidates(scorer, method, block, which), block, k)
        piece = Targets(customers=block.rows, found=targets.found[part], totals=targets.totals[part])
        parts.append(measure_ranking(listed.ranking, piece, k, novelty))
        seen |= set(listed.ranking.column.tolist())
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return joined | {f"coverage@{k}": np.full(1, len(seen) / len(scorer.history.products))}


def bootstrap(n_customers: int, config: RecommendationsConfig) -> npt.NDArray[np.int64]:
    """(n_bootstraps, n_customers) resamples of customers; the same ones for every method, so that differences are paired."""
    return np.random.default_rng(config.seed).integers(0, n_customers, (config.n_bootstraps, n_customers))


def interval(values: Values, resamples: npt.NDArray[np.int64]) -> tuple[float, float]:
    """95 % bootstrap interval of the mean of (n_customers,) values."""
    low, high = np.quantile(values[resamples].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def _figures(
    which: str, measured: Mapping[str, dict[str, Values]], champion: str, config: RecommendationsConfig
) -> list[Metric]:
    decisive = f"ndcg@{config.list_size}"
    baseline = measured[BASELINES[which]]
    resamples = bootstrap(len(baseline[decisive]), config)
    found = []
    for method, figures in measured.items():
        for name, values in figures.items():
            low, high = (None, None) if name.startswith("coverage") else interval(values, resamples)
            metric = Metric(
                model=_NAME,
                metric=f"{which}.{method}.{name}",
                value=float(values.mean()),
                low=low,
                high=high,
                baseline=float(baseline[name].mean()),
                is_champion=method == champion if name == decisive else None,
            )
            found.append(metric)
    low, high = interval(measured[champion][decisive] - baseline[decisive], resamples)
    gain = Metric(
        model=_NAME,
        metric=f"{which}.gain_over_{BASELINES[which]}.{decisive}",
        value=float(measured[champion][decisive].mean() - baseline[decisive].mean()),
        low=low,
        high=high,
    )
    return [*found, gain]
