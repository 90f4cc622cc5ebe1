"""From frequent itemsets to rules: the measures, what chance explains, what holds later.

Source: Agrawal, Imieliński, Swami (1993) for support and confidence; Brin et al. (1997) for lift and conviction;
Piatetsky-Shapiro (1991) for leverage. Each ratio is one division of two whole numbers, so that a rule exactly at a threshold is
kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from shopmine.mining.baskets.chance import (
    Chance,
    n_candidate_sets,
    q_values,
    tail_probability,
    wilson_low,
)
from shopmine.mining.baskets.counting import (
    Budget,
    Itemset,
    Itemsets,
    Least,
    OverBudgetError,
    count_itemsets,
    find_sets,
    least_count,
)

if TYPE_CHECKING:
    from shopmine.mining.baskets.config import BasketsConfig
    from shopmine.mining.baskets.transactions import Transactions

HOLDS_BELOW = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a search gave: the sets, the counts that they needed in the end, and those that were asked for."""

    itemsets: Itemsets
    least: Least
    asked: int


def search_itemsets(baskets: Transactions, config: BasketsConfig, max_length: int) -> Found:
    """The frequent itemsets; where a budget is exceeded the count that a set needs is doubled until the search fits.

    Longer sets give way first: pairs are what most rules are made of.
    """
    asked = max(config.min_count, least_count(config.min_support, baskets.n_baskets), 1)
    budget = Budget(max_itemsets=config.max_itemsets, max_steps=config.max_steps)
    pair = asked
    while (pairs := _tried(baskets, Least(pair=pair, longer=pair), 2, budget)) is None:
        pair *= 2
    if max_length == 2:
        return Found(itemsets=pairs, least=Least(pair=pair, longer=pair), asked=asked)
    least = Least(pair=pair, longer=pair)
    while (found := _tried(baskets, least, max_length, budget)) is None and least.longer <= baskets.n_baskets:
        least = Least(pair=pair, longer=least.longer * 2)
    return Found(itemsets=pairs if found is None else found, least=least, asked=asked)


def _tried(baskets: Transactions, least: Least, max_length: int, budget: Budget) -> Itemsets | None:
    try:
        return count_itemsets(baskets, least, max_length, budget)
    except OverBudgetError:
        return None


def find_rules(baskets: Transactions, found: Found, config: BasketsConfig) -> pd.DataFrame:
    """Every rule with one item on its right side that is within the thresholds.

    Returns:
        One row a rule: `items` (codes of the left side), `item` (code of the right side), and its measures; what
        chance explains least first, then more baskets, more confidence, then by code; at most `max_rules`.
    """
    parts = [
        _rules_of(baskets, found.itemsets, sets, p_value, expected, q_value)
        for sets, p_value, expected, q_value in _surprising(baskets, found, config)
    ]
    rules = pd.concat(parts, ignore_index=True) if parts else _rules_of(baskets, found.itemsets, [], *[np.zeros(0)] * 3)
    rules = rules[rules["confidence"] >= config.min_confidence]
    by, ascending = ["p_value", "support_count", "confidence", "items", "item"], [True, False, False, True, True]
    return rules.sort_values(by, ascending=ascending, ignore_index=True).head(config.max_rules)


def _surprising(
    baskets: Transactions, found: Found, config: BasketsConfig
) -> list[tuple[list[Itemset], np.ndarray, np.ndarray, np.ndarray]]:
    """Per length: the sets that chance explains at a rate of at most `max_q`, with p-value, expected count and q-value."""
    by_length: dict[int, list[Itemset]] = {}
    for items in found.itemsets.counts:
        by_length.setdefault(len(items), []).append(items)
    chosen = []
    chance = Chance.of(baskets)
    for length, sets in sorted(by_length.items()):
        if length == 1:
            continue
        expected = chance.expected_sets(found.itemsets, sets)
        counts = np.array([found.itemsets.counts[items] for items in sets], dtype=np.int64)
        p_value = tail_probability(counts, expected)
        q_value = q_values(p_value, n_candidate_sets(baskets, found.least.of_length(length), length))
        kept = np.flatnonzero(q_value <= config.max_q)
        chosen.append(([sets[index] for index in kept], p_value[kept], expected[kept], q_value[kept]))
    return chosen


def _rules_of(
    baskets: Transactions,
    found: Itemsets,
    sets: list[Itemset],
    p_value: np.ndarray,
    expected: np.ndarray,
    q_value: np.ndarray,
) -> pd.DataFrame:
    """The rules of sets: each item in turn on the right side."""
    sides = [((*items[:k], *items[k + 1 :]), items[k]) for items in sets for k in range(len(items))]
    of_set = np.repeat(np.arange(len(sets)), [len(items) for items in sets])
    n = baskets.n_baskets
    both = np.array([found.counts[items] for items in sets], dtype=np.int64)[of_set] if sets else np.zeros(0, np.int64)
    left = np.array([found.counts[items] for items, _ in sides], dtype=np.int64)
    right = np.array([found.counts[(item,)] for _, item in sides], dtype=np.int64)
    fails = np.where(both < left, left - both, 1)
    conviction = np.where(both < left, (n - right) * left / (n * fails), np.nan)
    measures = {
        "items": [items for items, _ in sides],
        "item": np.array([item for _, item in sides], dtype=np.int64),
        "support_count": both,
        "support": both / n,
        "confidence": both / left,
        "confidence_low": wilson_low(both, left),
        "lift": (both * n) / (left * right),
        "leverage": (both * n - left * right) / (n * n),
        "conviction": conviction,
        "expected_count": expected[of_set],
        "p_value": p_value[of_set],
        "q_value": q_value[of_set],
    }
    return pd.DataFrame(measures)


def judge_later(rules: pd.DataFrame, earlier: Transactions, later: Transactions) -> pd.DataFrame:
    """What later baskets say of each rule.

    Returns:
        One row a rule: `later_count`, `later_lift`, `holds_later` (so many by chance: probability below `HOLDS_BELOW`);
        null where the left or the right side was not bought in the later weeks.
    """
    told = pd.DataFrame({"later_count": 0, "later_lift": np.nan, "holds_later": None}, index=rules.index, dtype=object)
    place = {name: code for code, name in enumerate(later.items)}
    moved = np.array([place.get(name, -1) for name in earlier.items], dtype=np.int64)
    sides = [
        (tuple(sorted(moved[list(items)].tolist())), int(moved[item]))
        for items, item in zip(rules["items"], rules["item"], strict=True)
    ]
    known = [index for index, (items, item) in enumerate(sides) if items[0] >= 0 and item >= 0]
    wholes = [tuple(sorted((*sides[index][0], sides[index][1]))) for index in known]
    found = find_sets(later, [*wholes, *(sides[index][0] for index in known)])
    kept = [k for k, index in enumerate(known) if found.counts[sides[index][0]]]
    if not kept:
        return told
    pairs, rows = [sides[known[k]] for k in kept], rules.index[[known[k] for k in kept]]
    both = np.array([found.counts[wholes[k]] for k in kept], dtype=np.int64)
    expected = _expected_later(Chance.of(later), found, pairs)
    left = np.array([found.counts[items] for items, _ in pairs], dtype=np.int64)
    right = later.counts[[item for _, item in pairs]]
    told.loc[rows, "later_count"] = both
    told.loc[rows, "later_lift"] = both * later.n_baskets / (left * right)
    told.loc[rows, "holds_later"] = tail_probability(both, expected) < HOLDS_BELOW
    return told


def _expected_later(chance: Chance, found: Itemsets, sides: list[tuple[Itemset, int]]) -> np.ndarray:
    expected = np.zeros(len(sides))
    lengths = np.array([len(items) for items, _ in sides])
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)
        chosen = [sides[row] for row in rows]
        if length == 1:
            ends = np.array([(items[0], item) for items, item in chosen], dtype=np.int64)
            expected[rows] = chance.expected_pairs(ends[:, 0], ends[:, 1])
        else:
            expected[rows] = chance.expected_joins(found, chosen)
    return expected
