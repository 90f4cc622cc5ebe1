"""Why a product is, or is not, on a customer's lists: each method's rank and score, the ranking, the vote, and the rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from shopmine.errors import NotFoundError
from shopmine.mining.recommendations.application import entry_sources, prepare_day
from shopmine.mining.recommendations.candidates import best_pairs
from shopmine.mining.recommendations.config import ALS, FUSION, LISTS, PERSONAL, POPULAR, RANKER
from shopmine.mining.recommendations.explain import Explainer
from shopmine.mining.recommendations.history import positions
from shopmine.mining.recommendations.lists import make_lists, score_candidates
from shopmine.mining.recommendations.shares import method_shares
from shopmine.mining.threads import single_thread

if TYPE_CHECKING:
    from shopmine.mining.contract import MiningInputs
    from shopmine.mining.recommendations.lists import Scored
    from shopmine.mining.recommendations.model import Recommendations
    from shopmine.mining.recommendations.rules import Rules
    from shopmine.mining.recommendations.scoring import Block, Scorer


def explain_pair(model: Recommendations, inputs: MiningInputs, customer: str, product: str) -> dict[str, Any]:
    """Trace one product for one customer through every stage, by the same functions that make the lists.

    Args:
        model: fitted on the day's training day.
        inputs: as for `apply_recommendations`.
        customer: its id.
        product: its id.

    Returns:
        `customer`, `product`, `day`, `name`; `rules`: list -> why the product may not be there, or None; `methods`:
        method -> `{"score", "rank"}` among all that may be shown (rank None: not among its `n_candidates` best); `lists`:
        list -> `{"method", "rank", "score", "removed_by", "reasons", "candidate_rank", "raw_score", "factor"}` (rank None:
        not among the `list_size` best; `candidate_rank` None: no method proposed it; `factor`: what exposures and the
        shop's weights make of the raw score), and of the ranking stage `adds`: group -> what it adds to the log-odds.

    Raises:
        NotFoundError: the customer bought nothing up to the day, or nobody bought the product.
    """
    with single_thread():
        scorer, rules = prepare_day(model, inputs)
        row, column = _codes(scorer, customer, product, inputs)
        block = scorer.block(np.array([row]), "for_you")
        return {
            "customer": customer,
            "product": product,
            "name": rules.names[column],
            "day": inputs.day.isoformat(),
            "rules": {which: _removed_by(scorer, rules, row, column, which) for which in LISTS},
            "methods": {method: _standing(scorer, method, block, column) for method in _methods(scorer)},
            "lists": {which: _entry(model, scorer, rules, (row, column), which) for which in LISTS},
        }


def _codes(scorer: Scorer, customer: str, product: str, inputs: MiningInputs) -> tuple[int, int]:
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
    return row, column


def _methods(scorer: Scorer) -> list[str]:
    factors = [ALS] if scorer.customers.shape[1] else []
    ranking = [RANKER] if "for_you" in scorer.rankers else []
    return [PERSONAL, *sorted(scorer.sources), *factors, POPULAR, FUSION, *ranking]


def _standing(scorer: Scorer, method: str, block: Block, column: int) -> dict[str, Any]:
    if method in (FUSION, RANKER):
        scored = score_candidates(scorer, method, block, "for_you")
        ranking = best_pairs(scored.pairs, scored.raw, len(scored.raw))
    else:
        ranking = scorer.top(method, block)
    place = np.flatnonzero(ranking.column == column)
    if not len(place):
        return {"score": 0.0, "rank": None}
    return {"score": float(ranking.score[place[0]]), "rank": int(ranking.rank[place[0]]) + 1}


def _removed_by(scorer: Scorer, rules: Rules, row: int, column: int, which: str) -> str | None:
    if (why := rules.why_forbidden(row, column)) is not None:
        return why
    is_bought = scorer.history.counts[row, column] > 0
    if which == "discover" and is_bought:
        return "bought_before"
    return "never_bought" if which == "buy_again" and not is_bought else None


def _entry(model: Recommendations, scorer: Scorer, rules: Rules, pair: tuple[int, int], which: str) -> dict[str, Any]:
    row, column = pair
    method = model.champions[which]
    block = scorer.block(np.array([row]), which, rules.forbidden)
    scored = score_candidates(scorer, method, block, which, rules)
    listed = make_lists(scorer, scored, block, scorer.config.list_size, rules)
    told = {
        "method": method,
        "rank": None,
        "score": None,
        "removed_by": _removed_by(scorer, rules, row, column, which),
        "reasons": [],
        **_candidate(model, scored, column, which),
    }
    place = np.flatnonzero(listed.ranking.column == column)
    if not len(place):
        is_candidate = told["candidate_rank"] is not None
        limit = scorer.config.max_per_category
        if told["removed_by"] is None and is_candidate and limit and told["candidate_rank"] <= scorer.config.list_size:
            told["removed_by"] = "enough_of_its_category"
        return told
    index = int(place[0])
    shares = method_shares(method, scored, listed, scorer.rankers.get(which))
    own = {name: share[[index]] for name, share in shares.items()}
    explainer = Explainer.of(scorer, rules)
    named = explainer.explain_entries(np.array([row]), np.array([column]), own)
    return told | {
        "method": str(entry_sources(method, listed)[index]),
        "rank": int(listed.ranking.rank[index]) + 1,
        "score": float(listed.ranking.score[index]),
        "reasons": named.told(explainer.reasons),
    }


def _candidate(model: Recommendations, scored: Scored, column: int, which: str) -> dict[str, Any]:
    """Where a product stands among the candidates of a list, before the cut."""
    place = np.flatnonzero(scored.pairs.column == column)
    if not len(place):
        return {"candidate_rank": None, "raw_score": None, "factor": None, "adds": {}}
    index = place[0]
    raw, score = float(scored.raw[index]), float(scored.score[index])
    ahead = (scored.score > score) | ((scored.score == score) & (scored.pairs.column < column))
    adds: dict[str, float] = {}
    if model.champions[which] == RANKER:
        added = model.rankers[which].contributions(scored.features[scored.described[[index]]])
        adds = {name: float(values[0]) for name, values in added.items()}
    factor = score / raw if raw else 1.0
    return {"candidate_rank": int(ahead.sum()) + 1, "raw_score": raw, "factor": factor, "adds": adds}
