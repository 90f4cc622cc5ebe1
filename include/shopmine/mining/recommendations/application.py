"""Applying the recommendations to a day: rows of `published.recommendations`, `similar_products` and `audiences`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shopmine.columns import REASON_CODES, REASON_WEIGHTS
from shopmine.mining.recommendations.audiences import find_audiences
from shopmine.mining.recommendations.catalogue import Catalogue
from shopmine.mining.recommendations.config import LISTS, POPULAR, RANKER
from shopmine.mining.recommendations.explain import PINNED, Explainer
from shopmine.mining.recommendations.fitting import read_interactions
from shopmine.mining.recommendations.history import History, positions
from shopmine.mining.recommendations.lists import Listed, Scored, make_lists, score_candidates
from shopmine.mining.recommendations.reasons import reasons_table
from shopmine.mining.recommendations.rules import Rules
from shopmine.mining.recommendations.scoring import Scorer
from shopmine.mining.recommendations.shares import method_shares
from shopmine.mining.threads import single_thread

if TYPE_CHECKING:
    from shopmine.mining.contract import MiningInputs
    from shopmine.mining.recommendations.model import Recommendations
    from shopmine.mining.recommendations.scoring import Block

RECOMMENDATIONS: Final = pa.schema(
    [
        ("customer", pa.string()),
        ("list", pa.string()),
        ("rank", pa.int64()),
        ("product", pa.string()),
        ("score", pa.float64()),
        ("source", pa.string()),
        (REASON_CODES, pa.list_(pa.int32())),
        (REASON_WEIGHTS, pa.list_(pa.int32())),
    ]
)
SIMILAR_PRODUCTS: Final = pa.schema(
    [("product", pa.string()), ("rank", pa.int64()), ("similar", pa.string()), ("score", pa.float64())]
)


def apply_recommendations(model: Recommendations, inputs: MiningInputs) -> dict[str, pa.Table]:
    """The lists of every customer with a purchase, similar products, and audiences, as of a day.

    Args:
        model: fitted on the day's training day.
        inputs: `interactions`, `returned` and `product_features` as of the day, and `exposures` where the shop has them.

    Returns:
        `recommendations` (by customer, list, rank; each of `for_you` and `discover` is full where the catalogue allows it,
        `buy_again` holds at most what was bought), `similar_products`, `audiences`, and the `reasons` that they name.

    Raises:
        NotEnoughDataError: there are no purchases.
        DataError: a frame or a column is missing.
    """
    with single_thread():
        scorer, rules = prepare_day(model, inputs)
        explainer = Explainer.of(scorer, rules)
        named = {
            "recommendations": _lists(model, scorer, rules, explainer),
            "audiences": find_audiences(scorer, rules, explainer),
        }
        told = reasons_table(explainer.reasons, named)
        return {**told, "similar_products": _similar_products(model, scorer)}


def prepare_day(model: Recommendations, inputs: MiningInputs) -> tuple[Scorer, Rules]:
    """The day's history with what was learned, and the day's rules."""
    history = History.of(read_interactions(inputs), np.datetime64(inputs.day, "D"))
    rules = Rules.of(inputs, history, model.config)
    catalogue = Catalogue.of(inputs, history.products)
    scorer = Scorer.of(history, catalogue, model.learned, model.config, rules.is_shown)
    return scorer.with_rankers(model.rankers), rules


def _lists(model: Recommendations, scorer: Scorer, rules: Rules, explainer: Explainer) -> pa.Table:
    parts, forbidden = [], rules.forbidden
    for part in scorer.blocks(len(scorer.history.customers)):
        rows = np.arange(part.start, part.stop)
        is_ranked = RANKER in model.champions.values()
        pool = scorer.pool(scorer.block(rows, "for_you", forbidden)) if is_ranked else None
        for which in LISTS:
            block = scorer.block(rows, which, forbidden)
            scored = score_candidates(scorer, model.champions[which], block, which, rules, pool)
            parts.append(_list(model, which, (scored, block), scorer, (rules, explainer)))
    table = pa.concat_tables(parts)
    return table.sort_by([("customer", "ascending"), ("list", "ascending"), ("rank", "ascending")]).combine_chunks()


def _list(
    model: Recommendations, which: str, found: tuple[Scored, Block], scorer: Scorer, tools: tuple[Rules, Explainer]
) -> pa.Table:
    (scored, block), (rules, explainer), method = found, tools, model.champions[which]
    listed = make_lists(scorer, scored, block, scorer.config.list_size, rules)
    shares = method_shares(method, scored, listed, scorer.rankers.get(which))
    ranking = listed.ranking
    customers = block.rows[ranking.row]
    codes, weights = explainer.explain_entries(customers, ranking.column, shares).columns()
    columns = {
        "customer": scorer.history.customers[customers],
        "list": np.full(len(customers), which, dtype=object),
        "rank": ranking.rank + 1,
        "product": scorer.history.products[ranking.column],
        "score": ranking.score,
        "source": entry_sources(method, listed),
        REASON_CODES: codes,
        REASON_WEIGHTS: weights,
    }
    return pa.table(columns, schema=RECOMMENDATIONS)


def entry_sources(method: str, listed: Listed) -> npt.NDArray[np.object_]:
    """(n_entries,) the method that put each entry there: the list's own, `popular` or `pinned`."""
    source = np.where(listed.is_filler, POPULAR, method)
    return np.where(listed.is_pinned, PINNED, source).astype(object)


def _similar_products(model: Recommendations, scorer: Scorer) -> pa.Table:
    place = positions(scorer.history.products, model.learned.products)
    row, column = place[model.similar.row], place[model.similar.column]
    shown = scorer.is_shown
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
