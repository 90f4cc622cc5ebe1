"""Why a product is, or is not, on a customer's lists: each method's rank and score, the vote, and the rules."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from shopmine.errors import NotFoundError
from shopmine.mining.recommendations.application import prepare_day
from shopmine.mining.recommendations.config import FUSION, LISTS, POPULAR
from shopmine.mining.recommendations.explain import Explainer, method_shares
from shopmine.mining.recommendations.history import positions
from shopmine.mining.threads import single_thread

if TYPE_CHECKING:
    from shopmine.mining.contract import MiningInputs
    from shopmine.mining.recommendations.model import Recommendations
    from shopmine.mining.recommendations.rules import Rules
    from shopmine.mining.recommendations.scoring import Scorer


def explain_pair(model: Recommendations, inputs: MiningInputs, customer: str, product: str) -> dict[str, Any]:
    """Trace one product for one customer through every stage, by the same functions that make the lists.

    Args:
        model: fitted on the day's training day.
        inputs: as for `apply_recommendations`.
        customer: its id.
        product: its id.

    Returns:
        `customer`, `product`, `day`, `name`; `rules`: list -> why the product may not be there, or None; `methods`:
        method -> `{"score", "rank"}` over the whole catalogue without rules (rank None: no candidate); `lists`: list ->
        `{"method", "rank", "score", "removed_by", "reasons"}` (rank None: not among the `list_size` best).

    Raises:
        NotFoundError: the customer bought nothing up to the day, or nobody bought the product.
    """
    scorer, rules = prepare_day(model, inputs)
    row, column = (
        int(positions(ids, np.array([wanted], dtype=object))[0])
        for ids, wanted in ((scorer.history.customers, customer), (scorer.history.products, product))
    )
    if row < 0:
        raise NotFoundError(
            f"customer {customer!r} bought no goods up to {inputs.day}; there are only popular products for them"
        )
    if column < 0:
        raise NotFoundError(
            f"product {product!r} was not sold to a known customer up to {inputs.day}; it cannot be recommended yet"
        )
    with single_thread():
        return {
            "customer": customer,
            "product": product,
            "name": rules.names[column],
            "day": inputs.day.isoformat(),
            "rules": {which: _removed_by(scorer, rules, row, column, which) for which in LISTS},
            "methods": {method: _standing(scorer, method, row, column) for method in _methods(scorer)},
            "lists": {which: _entry(model, scorer, rules, (row, column), which) for which in LISTS},
        }


def _methods(scorer: Scorer) -> list[str]:
    factors = ["als"] if scorer.customers.shape[1] else []
    return ["personal", "itemcf", *factors, POPULAR, FUSION]


def _standing(scorer: Scorer, method: str, row: int, column: int) -> dict[str, Any]:
    rows = np.array([row])
    everything = np.ones((1, len(scorer.history.products)), dtype=bool)
    ranking = scorer.rank(method, rows, everything, len(scorer.history.products))
    place = np.flatnonzero(ranking.column == column)
    if not len(place):
        return {"score": 0.0, "rank": None}
    return {"score": float(ranking.score[place[0]]), "rank": int(ranking.rank[place[0]]) + 1}


def _removed_by(scorer: Scorer, rules: Rules, row: int, column: int, which: str) -> str | None:
    if rules.blocked[column] is not None:
        return str(rules.blocked[column])
    if rules.returned[row, column] > 0:
        return "returned_last"
    is_bought = scorer.history.counts[row, column] > 0
    if which == "discover" and is_bought:
        return "bought_before"
    return "never_bought" if which == "buy_again" and not is_bought else None


def _entry(model: Recommendations, scorer: Scorer, rules: Rules, pair: tuple[int, int], which: str) -> dict[str, Any]:
    row, column = pair
    method, rows = model.champions[which], np.array([row])
    allowed = rules.allowed(scorer.history, rows, which)
    ranking, is_filler = scorer.rank_with_popular(method, rows, allowed, scorer.config.list_size)
    place = np.flatnonzero(ranking.column == column)
    removed_by = _removed_by(scorer, rules, row, column, which)
    if not len(place):
        return {"method": method, "rank": None, "score": None, "removed_by": removed_by, "reasons": []}
    index = int(place[0])
    shares = method_shares(scorer, method, rows, allowed, (ranking, is_filler))
    explainer = Explainer.of(scorer, rules.names)
    reasons = explainer.explain_entries(
        rows, np.array([column]), {name: share[[index]] for name, share in shares.items()}
    )
    return {
        "method": POPULAR if is_filler[index] else method,
        "rank": int(ranking.rank[index]) + 1,
        "score": float(ranking.score[index]),
        "removed_by": removed_by,
        "reasons": json.loads(reasons[0]),
    }
