"""Audiences 目标用户: the best customers for each product.

`score(u, i) = days(u, i) + r(u, i) / (1 + R)`: the days on which the customer bought it, then what their other purchases say for
it by ItemCF (see `similarity`), scaled by a bound R of all r, so that among equal habits the likelier customer comes first. Every
customer is looked at for every product. The ranking stage is not used here: it says how likely a customer who comes back buys a
product, so it compares a customer's products and not a product's customers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy import sparse

from shopmine.columns import REASON_CODES, REASON_WEIGHTS
from shopmine.mining.recommendations.candidates import Candidates
from shopmine.mining.recommendations.config import PERSONAL
from shopmine.mining.recommendations.history import values_at
from shopmine.mining.recommendations.scores import Scores
from shopmine.mining.recommendations.selection import Ranking

if TYPE_CHECKING:
    from shopmine.mining.recommendations.explain import Explainer
    from shopmine.mining.recommendations.reasons import Mentions
    from shopmine.mining.recommendations.rules import Rules
    from shopmine.mining.recommendations.scoring import Scorer

AUDIENCES: Final = pa.schema(
    [
        ("product", pa.string()),
        ("rank", pa.int64()),
        ("customer", pa.string()),
        ("score", pa.float64()),
        (REASON_CODES, pa.list_(pa.int32())),
        (REASON_WEIGHTS, pa.list_(pa.int32())),
    ]
)
ITEM_CF: Final = "itemcf"
_SPARE: Final = 5
"""So many times more customers than are wanted are looked at for each product, since some are in enough audiences already."""
Codes = npt.NDArray[np.int64]


def find_audiences(scorer: Scorer, rules: Rules, explainer: Explainer) -> pa.Table:
    """The best customers for each product that may be shown.

    Scores are compared raw: scaled per customer everybody would look equally keen. No customer appears in more than
    `max_audiences` audiences: where there would be more, the highest scores stay.

    Args:
        scorer: of the day.
        rules: of the day; they forbid pairs, and exposures without success make a score smaller.
        explainer: gives the reasons.

    Returns:
        A table of schema `AUDIENCES` in the order of its key.
    """
    definition = _score(scorer)
    best = _weighed(definition, scorer, rules)
    chosen = _cap(best, scorer)
    product, customer, score = best.row[chosen], best.column[chosen], best.score[chosen]
    codes, weights = _reasons(explainer, definition, customer, product).columns()
    columns = {
        "product": scorer.history.products[product],
        "rank": np.arange(len(product)) - np.searchsorted(product, product, side="left") + 1,
        "customer": scorer.history.customers[customer],
        "score": score,
        REASON_CODES: codes,
        REASON_WEIGHTS: weights,
    }
    return pa.table(columns, schema=AUDIENCES)


def _score(scorer: Scorer) -> Scores:
    """The two parts as one product: what was bought beside how often it was, their weights above one another."""
    source = scorer.sources[ITEM_CF]
    largest = np.asarray(source.right.max(axis=1).todense()).ravel()
    scale = 1.0 / (1.0 + float((source.left @ largest).max(initial=0.0)))
    itself = sparse.diags(scorer.is_shown.astype(np.float64))
    return Scores(
        left=sparse.csr_matrix(sparse.hstack([source.left * scale, scorer.history.counts])),
        right=sparse.csr_matrix(sparse.vstack([source.right, itself])),
    )


def _weighed(definition: Scores, scorer: Scorer, rules: Rules) -> Ranking:
    """The best of each product, rows are products, with the shop's weights and exposures; by product, then score."""
    k = _SPARE * scorer.config.n_audience
    top = Ranking.concatenate(list(definition.top_customers(k, skipped=rules.forbidden)))
    block = scorer.block(np.arange(len(scorer.history.customers)), "for_you")
    order = np.lexsort((top.row, top.column))
    pairs = Candidates(row=top.column[order], column=top.row[order], n_rows=len(block.rows))
    weighed = top.score[order] * rules.factors(pairs, block)
    again = np.lexsort((pairs.row, -weighed, pairs.column))
    row = pairs.column[again]
    rank = np.arange(len(row)) - np.searchsorted(row, row, side="left")
    return Ranking(row=row, column=pairs.row[again], rank=rank, score=weighed[again])


def _cap(found: Ranking, scorer: Scorer) -> Codes:
    """Which entries stay: the best scores first, each customer at most `max_audiences` times, each product `n_audience` times."""
    order = np.lexsort((found.column, found.row, -found.score))
    left = [scorer.config.max_audiences] * len(scorer.history.customers)
    room = [scorer.config.n_audience] * len(scorer.history.products)
    kept = []
    for index, row, column in zip(order.tolist(), found.row[order].tolist(), found.column[order].tolist(), strict=True):
        if left[column] and room[row]:
            left[column] -= 1
            room[row] -= 1
            kept.append(index)
    return np.sort(np.array(kept, dtype=np.int64))  # Back to the order of product, then rank.


def _reasons(explainer: Explainer, definition: Scores, customer: Codes, product: Codes) -> Mentions:
    """Reasons of entries in any order; those of one customer are explained together."""
    order = np.lexsort((product, customer))
    customer, product = customer[order], product[order]
    habit = values_at(explainer.scorer.history.counts, customer, product) / definition.of_pairs(customer, product)
    told = explainer.explain_entries(customer, product, {PERSONAL: habit, ITEM_CF: 1.0 - habit})
    back = np.empty(len(order), dtype=np.int64)
    back[order] = np.arange(len(order))
    return told.take(back)
