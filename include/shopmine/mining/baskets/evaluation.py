"""How good the rules are: do they hold in weeks they were not found in, and are there any where there is nothing to find?"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shopmine.mining.baskets.finding import find_rules, judge_later, search_itemsets
from shopmine.mining.baskets.transactions import Weeks, split_weeks
from shopmine.mining.contract import Metric, MiningInputs, metrics_table

if TYPE_CHECKING:
    from shopmine.mining.baskets.model import Baskets


def evaluate_baskets(model: Baskets, inputs: MiningInputs) -> pa.Table:
    """Figures of the rules, for each level.

    Returns:
        Rows of `published.metrics`: `rules` (how many), `holds_later` (share of them that chance does not explain in the
        later weeks; its baseline is that of as many pairs with the highest lift, untested), `lifts_later` (share with a lift above 1
        there, same baseline), `rules_in_shuffled` (pairs found in the same baskets filled by chance: 0 is right).
    """
    figures = []
    for level in model.n_baskets:
        weeks = split_weeks(inputs, model.config, level)
        rules = model.rules.filter(pc.equal(model.rules["level"], level))
        figures.append(_metric(f"rules_{level}", float(rules.num_rows)))
        figures.append(_metric(f"rules_in_shuffled_{level}", float(_n_shuffled(model, weeks))))
        holds, lifts = rules["holds_later"].to_pylist(), rules["later_lift"].to_pylist()
        naive = _naive(model, weeks, rules.num_rows)
        figures += _share(f"holds_later_{level}", [value for value in holds if value is not None], naive[0])
        figures += _share(f"lifts_later_{level}", [value > 1 for value in lifts if value is not None], naive[1])
    return metrics_table(figures, model.day)


def _metric(name: str, value: float) -> Metric:
    return Metric(model="baskets", metric=name, value=value)


def _share(name: str, values: list[bool], baseline: list[bool]) -> list[Metric]:
    if not values:
        return []
    share = float(np.mean(values))
    spread = 1.96 * float(np.sqrt(share * (1 - share) / len(values)))
    return [
        Metric(
            model="baskets",
            metric=name,
            value=share,
            low=max(share - spread, 0.0),
            high=min(share + spread, 1.0),
            baseline=float(np.mean(baseline)) if baseline else None,
        )
    ]


def _n_shuffled(model: Baskets, weeks: Weeks) -> int:
    """Pairs that become rules when the baskets are filled by chance."""
    mixed = weeks.earlier.shuffled(np.random.default_rng(model.config.seed))
    return len(find_rules(mixed, search_itemsets(mixed, model.config, 2), model.config))


def _naive(model: Baskets, weeks: Weeks, n_rules: int) -> tuple[list[bool], list[bool]]:
    """What becomes later of as many pairs with the highest lift: whether they hold, whether their lift stays above 1."""
    if not n_rules:
        return [], []
    untested = replace(model.config, max_q=1.0, max_rules=model.config.max_itemsets * 2)
    pairs = find_rules(weeks.earlier, search_itemsets(weeks.earlier, untested, 2), untested)
    best = pairs.sort_values(["lift", "support_count", "items", "item"], ascending=[False, False, True, True])
    later = judge_later(best.head(n_rules).reset_index(drop=True), weeks.earlier, weeks.later)
    holds = [bool(value) for value in later["holds_later"] if value is not None]
    return holds, [bool(value > 1) for value in later["later_lift"].astype(float).dropna()]
