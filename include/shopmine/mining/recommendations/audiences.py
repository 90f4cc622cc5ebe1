"""Audiences 目标用户: the best customers for each product, by the score that ranks its customers' own lists."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shopmine.mining.recommendations.candidates import Candidates
from shopmine.mining.recommendations.config import ALS, FUSION, PERSONAL, POPULAR, RANKER
from shopmine.mining.recommendations.scoring import best_pairs
from shopmine.mining.recommendations.selection import Ranking
from shopmine.mining.recommendations.shares import raising_shares

if TYPE_CHECKING:
    from shopmine.mining.recommendations.explain import Explainer
    from shopmine.mining.recommendations.lists import Scored
    from shopmine.mining.recommendations.rules import Rules
    from shopmine.mining.recommendations.scoring import Block, Scorer

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
Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Audiences:
    """Collects the best customers of each product block by block.

    Scores are compared raw: scaled per customer everybody would look equally keen. No customer appears in more than `max_audiences`
    audiences: where there would be more, the highest scores stay.

    Attributes:
        scorer, rules, explainer: of the day.
        method: whose scores count: the list's own where customers can be compared by it, else ALS, else ItemCF.
        found: the best of each block: rows are products, columns customers.
        shares: of the same entries: which method speaks for them.
    """

    scorer: Scorer
    rules: Rules
    explainer: Explainer
    method: str
    found: list[Ranking] = field(default_factory=list)
    shares: list[dict[str, npt.NDArray[np.float64]]] = field(default_factory=list)

    @classmethod
    def of(cls, scorer: Scorer, rules: Rules, explainer: Explainer, champion: str) -> Audiences:
        """Audiences by the method of the list `for_you`."""
        method = champion
        if champion in (FUSION, PERSONAL, POPULAR):
            method = ALS if scorer.customers.shape[1] else "itemcf"
        return cls(scorer=scorer, rules=rules, explainer=explainer, method=method)

    def add(self, scored: Scored, block: Block) -> None:
        """Look at the candidates of some customers; `scored` counts where it is by the audiences' method."""
        pairs, score, features = scored.pairs, scored.score, scored.features
        if self.method != RANKER:
            pairs = self.scorer.propose(self.method, block)
            raw = self.scorer.score(self.method, pairs, block)
            score, features = raw * self.rules.factors(pairs, block), features[:0]
        turned = Candidates.of(pairs.column, pairs.row, (len(self.rules.names), len(block.rows)))
        order = np.lexsort((pairs.row, pairs.column))
        best = best_pairs(turned, score[order], _SPARE * self.scorer.config.n_audience)
        shares = {self.method: np.ones(len(best.row))}
        if self.method == RANKER:
            width = len(self.rules.names)
            place = np.searchsorted(pairs.row * width + pairs.column, best.column * width + best.row)
            shares = raising_shares(self.scorer.rankers["for_you"], features[place])
        self.found.append(Ranking(row=best.row, column=block.rows[best.column], rank=best.rank, score=best.score))
        self.shares.append(shares)

    def table(self) -> pa.Table:
        """A table of schema `AUDIENCES` in the order of its key."""
        joined = Ranking.concatenate(self.found)
        names = sorted({name for part in self.shares for name in part})
        chosen = self._cap(joined)
        product, customer = joined.row[chosen], joined.column[chosen]
        total = np.zeros(len(chosen))
        shares = {}
        for name in names:
            parts = [
                part.get(name, np.zeros(len(best.row))) for part, best in zip(self.shares, self.found, strict=True)
            ]
            shares[name] = np.concatenate(parts)[chosen]
            total += shares[name]
        shares = {name: share / np.where(total > 0, total, 1.0) for name, share in shares.items()}
        shares[POPULAR] = shares.get(POPULAR, 0.0) + np.where(total > 0, 0.0, 1.0)
        order = np.lexsort((product, customer))
        told = self.explainer.explain_entries(
            customer[order], product[order], {name: share[order] for name, share in shares.items()}
        )
        back = np.empty(len(order), dtype=np.int64)
        back[order] = np.arange(len(order))
        columns = {
            "product": self.scorer.history.products[product],
            "rank": np.arange(len(product)) - np.searchsorted(product, product, side="left") + 1,
            "customer": self.scorer.history.customers[customer],
            "score": joined.score[chosen],
            "reasons": told.take(pa.array(back)),
        }
        return pa.table(columns, schema=AUDIENCES)

    def _cap(self, found: Ranking) -> Codes:
        """Which entries stay, by product, then score: the best scores first, each customer at most `max_audiences` times."""
        order = np.lexsort((found.column, found.row, -found.score))
        config = self.scorer.config
        left = [config.max_audiences] * len(self.scorer.history.customers)
        room = [config.n_audience] * len(self.rules.names)
        kept = []
        rows, columns = found.row[order].tolist(), found.column[order].tolist()
        for index, row, column in zip(order.tolist(), rows, columns, strict=True):
            if left[column] and room[row]:
                left[column] -= 1
                room[row] -= 1
                kept.append(index)
        chosen = np.array(kept, dtype=np.int64)
        return chosen[np.lexsort((found.column[chosen], -found.score[chosen], found.row[chosen]))]
