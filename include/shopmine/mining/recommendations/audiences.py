"""Audiences 目标用户: the best customers for each product."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shopmine.mining.recommendations.selection import Ranking, blocks, select_top

if TYPE_CHECKING:
    from shopmine.mining.recommendations.explain import Explainer
    from shopmine.mining.recommendations.rules import Rules
    from shopmine.mining.recommendations.scoring import Scorer

AUDIENCES: Final = pa.schema(
    [
        ("product", pa.string()),
        ("rank", pa.int64()),
        ("customer", pa.string()),
        ("score", pa.float64()),
        ("reasons", pa.string()),
    ]
)
_SPARE: Final = 3


def find_audiences(scorer: Scorer, rules: Rules, explainer: Explainer, method: str) -> pa.Table:
    """The best customers for each product that may be shown, by the raw scores of one method.

    Raw scores, because scaling them per customer would make everybody look equally keen. No customer appears in more than
    `max_audiences` audiences: where there would be more, the highest scores stay.

    Returns:
        A table of schema `AUDIENCES` in the order of its key.
    """
    shown = np.flatnonzero(rules.is_shown)
    n_customers = len(scorer.history.customers)
    returned = rules.returned.T.tocsr()
    parts = []
    for block in blocks(len(shown), n_customers):
        products = shown[block]
        scores = np.where(returned[products].toarray() > 0, 0.0, scorer.score_products(method, products))
        parts.append(select_top(scores, _SPARE * scorer.config.n_audience, first_row=block.start))
    kept = _cap(Ranking.concatenate(parts), n_customers, scorer)
    product = shown[kept.row]
    return _table(scorer, explainer, method, (product, kept.column, kept.rank, kept.score))


def _cap(found: Ranking, n_customers: int, scorer: Scorer) -> Ranking:
    """Best scores first, each customer at most `max_audiences` times, each product at most `n_audience` times."""
    order = np.lexsort((found.column, found.row, -found.score))
    left = [scorer.config.max_audiences] * n_customers
    room = [scorer.config.n_audience] * (int(found.row.max(initial=-1)) + 1)
    kept = []
    for index, row, column in zip(order.tolist(), found.row[order].tolist(), found.column[order].tolist(), strict=True):
        if left[column] and room[row]:
            left[column] -= 1
            room[row] -= 1
            kept.append(index)
    chosen = np.sort(np.array(kept, dtype=np.int64))  # Back to the order of product, then rank.
    row = found.row[chosen]
    rank = np.arange(len(row)) - np.searchsorted(row, row, side="left")
    return Ranking(row=row, column=found.column[chosen], rank=rank, score=found.score[chosen])


def _table(
    scorer: Scorer,
    explainer: Explainer,
    method: str,
    entries: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]],
) -> pa.Table:
    product, customer, rank, score = entries
    order = np.lexsort((product, customer))
    reasons = np.empty(len(order), dtype=object)
    reasons[order] = explainer.explain_entries(customer[order], product[order], {method: np.ones(len(order))})
    columns = {
        "product": scorer.history.products[product],
        "rank": rank + 1,
        "customer": scorer.history.customers[customer],
        "score": score,
        "reasons": reasons,
    }
    return pa.table(columns, schema=AUDIENCES)
