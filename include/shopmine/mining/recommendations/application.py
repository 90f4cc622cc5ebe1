"""Applying the recommendations to a day: rows of `published.recommendations`, `similar_products` and `audiences`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shopmine.mining.recommendations.audiences import find_audiences
from shopmine.mining.recommendations.config import LISTS, POPULAR
from shopmine.mining.recommendations.explain import Explainer, method_shares
from shopmine.mining.recommendations.fitting import read_interactions
from shopmine.mining.recommendations.history import History, positions
from shopmine.mining.recommendations.rules import Rules
from shopmine.mining.recommendations.scoring import Scorer
from shopmine.mining.recommendations.selection import blocks
from shopmine.mining.threads import single_thread

if TYPE_CHECKING:
    from shopmine.mining.contract import MiningInputs
    from shopmine.mining.recommendations.model import Recommendations

RECOMMENDATIONS: Final = pa.schema(
    [
        ("customer", pa.string()),
        ("list", pa.string()),
        ("rank", pa.int64()),
        ("product", pa.string()),
        ("score", pa.float64()),
        ("source", pa.string()),
        ("reasons", pa.string()),
    ]
)
SIMILAR_PRODUCTS: Final = pa.schema(
    [("product", pa.string()), ("rank", pa.int64()), ("similar", pa.string()), ("score", pa.float64())]
)


def apply_recommendations(model: Recommendations, inputs: MiningInputs) -> dict[str, pa.Table]:
    """The lists of every customer with a purchase, similar products, and audiences, as of a day.

    Args:
        model: fitted on the day's training day.
        inputs: `interactions`, `returned` and `product_features` as of the day.

    Returns:
        `recommendations` (by customer, list, rank; each of `for_you` and `discover` is full where the catalogue allows it,
        `buy_again` holds at most what was bought; `reasons` is JSON text), `similar_products`, `audiences`.

    Raises:
        NotEnoughDataError: there are no purchases.
        DataError: a frame or a column is missing.
    """
    with single_thread():
        scorer, rules = prepare_day(model, inputs)
        explainer = Explainer.of(scorer, rules.names)
        return {
            "recommendations": _lists(model, scorer, rules, explainer),
            "similar_products": _similar_products(model, scorer, rules),
            "audiences": find_audiences(scorer, rules, explainer, audience_method(model)),
        }


def prepare_day(model: Recommendations, inputs: MiningInputs) -> tuple[Scorer, Rules]:
    """The day's history with what was learned, and the day's rules."""
    history = History.of(read_interactions(inputs), np.datetime64(inputs.day, "D"))
    return Scorer.of(history, model.learned, model.config), Rules.of(inputs, history)


def audience_method(model: Recommendations) -> str:
    """The method whose raw scores compare customers: the list's own where it has such scores, else ALS, else ItemCF."""
    champion = model.champions["for_you"]
    if champion in ("itemcf", "als"):
        return champion
    return "als" if model.learned.factors.shape[1] else "itemcf"


def _lists(model: Recommendations, scorer: Scorer, rules: Rules, explainer: Explainer) -> pa.Table:
    n_customers, n_products = scorer.history.counts.shape
    parts = []
    for block in blocks(n_customers, n_products):
        rows = np.arange(block.start, block.stop)
        parts += [_list(which, model.champions[which], rows, (scorer, rules, explainer)) for which in LISTS]
    table = pa.concat_tables(parts)
    return table.sort_by([("customer", "ascending"), ("list", "ascending"), ("rank", "ascending")]).combine_chunks()


def _list(which: str, method: str, rows: npt.NDArray[np.int64], tools: tuple[Scorer, Rules, Explainer]) -> pa.Table:
    scorer, rules, explainer = tools
    allowed = rules.allowed(scorer.history, rows, which)
    ranking, is_filler = scorer.rank_with_popular(method, rows, allowed, scorer.config.list_size)
    shares = method_shares(scorer, method, rows, allowed, (ranking, is_filler))
    customers = rows[ranking.row]
    columns = {
        "customer": scorer.history.customers[customers],
        "list": np.full(len(customers), which, dtype=object),
        "rank": ranking.rank + 1,
        "product": scorer.history.products[ranking.column],
        "score": ranking.score,
        "source": np.where(is_filler, POPULAR, method).astype(object),
        "reasons": explainer.explain_entries(customers, ranking.column, shares),
    }
    return pa.table(columns, schema=RECOMMENDATIONS)


def _similar_products(model: Recommendations, scorer: Scorer, rules: Rules) -> pa.Table:
    place = positions(scorer.history.products, model.learned.products)
    row, column = place[model.similar.row], place[model.similar.column]
    shown = rules.is_shown
    kept = (row >= 0) & (column >= 0)
    kept[kept] &= shown[row[kept]] & shown[column[kept]]
    row, column, score = row[kept], column[kept], model.similar.score[kept]
    rank = np.arange(len(row)) - np.searchsorted(row, row, side="left")
    best = rank < model.config.n_similar
    columns = {
        "product": scorer.history.products[row[best]],
        "rank": rank[best] + 1,
        "similar": scorer.history.products[column[best]],
        "score": score[best],
    }
    return pa.table(columns, schema=SIMILAR_PRODUCTS)
