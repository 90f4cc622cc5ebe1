"""From scored candidates to a list: the shop's rules, the cut, and what fills up a list that is short.

Rules come before the cut, so that a product that falls out makes room for the next one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from shopmine.mining.recommendations.candidates import best_pairs
from shopmine.mining.recommendations.config import FUSION, RANKER
from shopmine.mining.recommendations.selection import Ranking

if TYPE_CHECKING:
    from shopmine.mining.recommendations.candidates import Candidates
    from shopmine.mining.recommendations.ranker import Features
    from shopmine.mining.recommendations.rules import Rules
    from shopmine.mining.recommendations.scoring import Block, Pool, Scorer

Codes = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """Lists of a block of customers, by row, then rank.

    Attributes:
        ranking: the entries.
        is_filler: (n_entries,) whether popularity alone put it there, because the method had no more to propose.
        is_pinned: (n_entries,) whether the shop put it there.
    """

    ranking: Ranking
    is_filler: npt.NDArray[np.bool_]
    is_pinned: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """Candidates of a block of customers with their scores.

    Attributes:
        raw: (n_pairs,) the method's own score; at most 0 means nothing speaks for it.
        score: (n_pairs,) after exposures and the shop's weights, before what depends on the rest of the list.
        votes: of the vote: method -> (n_pairs,) points; else empty.
        features: of the ranking stage: (n, n_features), also of pairs that are no candidates of this list; else without columns.
        described: (n_pairs,) row of `features` of each candidate.
    """

    pairs: Candidates
    raw: Scores
    score: Scores
    votes: Mapping[str, Scores]
    features: Features
    described: Codes

    def place(self, row: Codes, column: Codes) -> Codes:
        """(n,) where among the candidates each pair is; 0 for one that is none, such as what fills up."""
        width = int(max(self.pairs.column.max(initial=0), column.max(initial=0))) + 1
        keys, wanted = self.pairs.row * width + self.pairs.column, row * width + column
        found = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
        return np.where(keys[found] == wanted, found, 0) if len(keys) else found


def score_candidates(
    scorer: Scorer, method: str, block: Block, which: str, rules: Rules | None = None, pool: Pool | None = None
) -> Scored:
    """The candidates of a method for a list, and their scores.

    Args:
        scorer: of the day.
        method: any; the ranking stage only where it was learned for this list.
        block: the customers.
        which: the list.
        rules: the shop's; none leaves the scores as they are.
        pool: of the same customers, for the ranking stage; made where it is not given.
    """
    votes: dict[str, Scores] = {}
    if method == RANKER:
        pool = pool or scorer.pool(block)
        kept = pool.kept(which)
        pairs, features, raw = pool.pairs.only(kept), pool.features, pool.score(scorer.rankers[which], kept)
        place = np.flatnonzero(kept)
    else:
        pairs, votes = scorer.votes(block) if method == FUSION else (scorer.propose(method, block), {})
        features, place = np.zeros((len(pairs.row), 0), dtype=np.float32), np.arange(len(pairs.row))
        raw = sum(votes.values(), start=np.zeros(len(pairs.row))) if votes else scorer.score(method, pairs, block)
    score = raw if rules is None else raw * rules.factors(pairs, block)
    return Scored(pairs=pairs, raw=raw, score=score, votes=votes, features=features, described=place)


def make_lists(scorer: Scorer, scored: Scored, block: Block, k: int, rules: Rules | None = None) -> Listed:
    """The `k` best candidates of each customer, with what is pinned first and what is popular where there are too few.

    Scores fall with the rank: a pinned product has the score of the best one; a filler the last score of the method times
    its share of the highest popularity (without any entry of the method, that share).
    """
    pairs, score = scored.pairs, scored.score
    if rules is not None:
        score = rules.spread_out(pairs, score)
    best = best_pairs(pairs, score, k)
    if rules is not None and len(rules.pinned) and not block.is_only_bought:
        best, pinned = _with_pinned(best, rules.pinned_pairs(block), k)
    else:
        pinned = np.zeros(len(best.row), dtype=bool)
    return _filled(
        scorer, Listed(ranking=best, is_filler=np.zeros(len(best.row), bool), is_pinned=pinned), block, k, rules
    )


def _with_pinned(best: Ranking, pinned: Candidates, k: int) -> tuple[Ranking, npt.NDArray[np.bool_]]:
    """Pinned products first, each once, with the score of the best one."""
    top = np.full(pinned.n_rows, 1.0)
    first = best.rank == 0
    top[best.row[first]] = best.score[first]
    width = int(max(best.column.max(initial=0), pinned.column.max(initial=0))) + 1
    is_rest = ~np.isin(best.row * width + best.column, pinned.row * width + pinned.column)
    row = np.concatenate([pinned.row, best.row[is_rest]])
    column = np.concatenate([pinned.column, best.column[is_rest]])
    score = np.concatenate([top[pinned.row], best.score[is_rest]])
    is_pinned = np.concatenate([np.ones(len(pinned.row), bool), np.zeros(int(is_rest.sum()), bool)])
    place = np.concatenate([np.arange(len(pinned.row)), best.rank[is_rest] + len(pinned.row)])
    order = np.lexsort((place, row))
    row, column, score, is_pinned = row[order], column[order], score[order], is_pinned[order]
    rank = np.arange(len(row)) - np.searchsorted(row, row, side="left")
    kept = rank < k
    return Ranking(row=row[kept], column=column[kept], rank=rank[kept], score=score[kept]), is_pinned[kept]


def _filled(scorer: Scorer, listed: Listed, block: Block, k: int, rules: Rules | None) -> Listed:
    ranking, n_rows = listed.ranking, len(block.rows)
    n_best = np.bincount(ranking.row, minlength=n_rows)
    rows, columns = _fillers(scorer, listed, block, k, rules)
    if not len(rows):
        return listed
    floor = np.ones(n_rows)
    floor[ranking.row] = ranking.score  # Entries come by rank, so the last one of a row stays.
    share = scorer.popularity[columns] / (1 + scorer.popularity.max(initial=0.0))
    rank = np.arange(len(rows)) - np.searchsorted(rows, rows, side="left") + n_best[rows]
    joined = Ranking(
        row=np.concatenate([ranking.row, rows]),
        column=np.concatenate([ranking.column, columns]),
        rank=np.concatenate([ranking.rank, rank]),
        score=np.concatenate([ranking.score, floor[rows] * share]),
    )
    order = np.lexsort((joined.rank, joined.row))
    is_filler = np.concatenate([listed.is_filler, np.ones(len(rows), bool)])[order]
    is_pinned = np.concatenate([listed.is_pinned, np.zeros(len(rows), bool)])[order]
    sorted_ranking = Ranking(
        row=joined.row[order], column=joined.column[order], rank=joined.rank[order], score=joined.score[order]
    )
    return Listed(ranking=sorted_ranking, is_filler=is_filler, is_pinned=is_pinned)


def _fillers(scorer: Scorer, listed: Listed, block: Block, k: int, rules: Rules | None) -> tuple[Codes, Codes]:
    """Row and product of what fills up each short list: the most popular of what it may hold, at most so many a category."""
    ranking, skipped = listed.ranking, block.skipped
    starts = np.searchsorted(ranking.row, np.arange(len(block.rows) + 1))
    order = np.lexsort((np.arange(len(scorer.popularity)), -scorer.popularity))
    order = order[scorer.popularity[order] > 0]
    found: list[tuple[int, int]] = []
    for row in np.flatnonzero(np.diff(starts) < k).tolist():
        has = ranking.column[starts[row] : starts[row + 1]]
        out = {*has.tolist(), *skipped.indices[skipped.indptr[row] : skipped.indptr[row + 1]].tolist()}
        choice = _own(scorer, block, row) if block.is_only_bought else order
        found += [(row, column) for column in _first(choice, out, k - len(has), (has, rules))]
    pairs = np.array(found, dtype=np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _own(scorer: Scorer, block: Block, row: int) -> Codes:
    """What the customer bought and may be shown, the most popular first."""
    start, end = scorer.bought.indptr[block.rows[row]], scorer.bought.indptr[block.rows[row] + 1]
    bought = scorer.bought.indices[start:end].astype(np.int64)
    return np.asarray(bought[np.lexsort((bought, -scorer.popularity[bought]))])


def _first(order: Codes, out: set[int], n: int, rest: tuple[Codes, Rules | None]) -> list[int]:
    """The first `n` of an order that are not out and for which their category has room."""
    has, rules = rest
    room = None if rules is None else rules.room(has)
    found: list[int] = []
    for column in order.tolist():
        if len(found) == n:
            break
        if column not in out and (room is None or room(column)):
            found.append(column)
    return found
