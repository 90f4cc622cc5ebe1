"""Finding the rules of a training day, level by level."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from shopmine.mining.baskets.finding import Found, find_rules, judge_later, search_itemsets
from shopmine.mining.baskets.model import RULES, Baskets
from shopmine.mining.baskets.transactions import Weeks, split_weeks
from shopmine.mining.contract import MiningInputs, NotEnoughDataError

if TYPE_CHECKING:
    from shopmine.mining.baskets.config import BasketsConfig


def fit_baskets(inputs: MiningInputs, config: BasketsConfig) -> Baskets:
    """Find the rules in the earlier days of the window and try them on the later ones.

    Args:
        inputs: `baskets` and `product_features` as of the training day, in any order.
        config: settings.

    Returns:
        The rules; none at all is a valid result.

    Raises:
        NotEnoughDataError: there are too few baskets at every level.
        DataError: a frame or a column is missing.
    """
    tables: list[pa.Table] = []
    notes: list[str] = []
    n_baskets: dict[str, int] = {}
    min_counts: dict[str, int] = {}
    most = 0
    for level in config.levels:
        weeks = split_weeks(inputs, config, level)
        n_found = weeks.earlier.n_baskets
        most = max(most, n_found)
        if n_found < config.min_baskets:
            notes.append(f"no rules by {level}: {n_found} baskets name one; they need {config.min_baskets}")
            continue
        found = search_itemsets(weeks.earlier, config, config.max_length)
        tables.append(_table(level, weeks, find_rules(weeks.earlier, found, config)))
        notes += _notes(level, weeks, found, config)
        n_baskets[level], min_counts[level] = n_found, found.least.pair
    if not tables:
        raise NotEnoughDataError(f"{most} baskets are too few for rules; they need {config.min_baskets}")
    return Baskets(
        config=config,
        day=inputs.day,
        rules=pa.concat_tables(tables).combine_chunks(),
        n_baskets=n_baskets,
        min_counts=min_counts,
        notes=tuple(notes),
    )


def _notes(level: str, weeks: Weeks, found: Found, config: BasketsConfig) -> list[str]:
    notes = []
    if weeks.n_giant:
        notes.append(
            f"{weeks.n_giant} baskets with more than {config.max_basket_items} different items were left out ({level})"
        )
    for length, needed in (("two", found.least.pair), ("more", found.least.longer)):
        if needed > found.asked and (length == "two" or needed > found.least.pair):
            notes.append(
                f"sets of {length} by {level} needed {needed} baskets instead of {found.asked}: with fewer the search exceeds "
                "max_itemsets or max_steps; raise min_count to see all there are, or the budgets"
            )
    return notes


def _table(level: str, weeks: Weeks, rules: pd.DataFrame) -> pa.Table:
    names = weeks.earlier.items
    later = judge_later(rules, weeks.earlier, weeks.later)
    columns: dict[str, Any] = {name: rules[name].to_numpy() for name in RULES.names if name in rules}
    columns |= {
        "antecedent": [sorted(names[list(items)].tolist()) for items in rules["items"]],
        "consequent": [[names[item]] for item in rules["item"]],
        "level": [level] * len(rules),
        "later_count": [int(value) for value in later["later_count"]],
        "later_lift": _known(later["later_lift"]),
        "holds_later": [None if value is None else bool(value) for value in later["holds_later"]],
        "conviction": _known(rules["conviction"]),
    }
    return pa.table({field.name: pa.array(columns[field.name], field.type) for field in RULES}, schema=RULES)


def _known(values: pd.Series[Any]) -> list[float | None]:
    return [None if pd.isna(value) else float(value) for value in values]
