"""The fitted recommendations: what was learned, and which method won each list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Final

import numpy as np
import pyarrow as pa
from scipy import sparse

from shopmine.columns import PRODUCT
from shopmine.mining.contract import StoredModel, text_array
from shopmine.mining.recommendations.config import RecommendationsConfig
from shopmine.mining.recommendations.ranker import Ranker
from shopmine.mining.recommendations.scoring import Learned
from shopmine.mining.recommendations.selection import Ranking
from shopmine.mining.recommendations.trees import Trees

_WEIGHTS: Final = "weights."
_RANKER: Final = "ranker."


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendations:
    """Fitted recommendations.

    Attributes:
        config: what they were fitted with.
        day: training day.
        learned: over the products of the training day.
        similar: similar products of each product, as codes of `learned.products`.
        rankers: list -> the ranking learned for it; none where there was too little to learn from.
        champions: list -> the method that won it on the last days before the training day.
        metrics: rows of `published.metrics`: that comparison; none where the history is too short for one.
    """

    config: RecommendationsConfig
    day: date
    learned: Learned
    similar: Ranking
    rankers: Mapping[str, Ranker]
    champions: Mapping[str, str]
    metrics: pa.Table

    def stored(self) -> StoredModel:
        """The model as frames and JSON."""
        n_factors = self.learned.factors.shape[1]
        factors = pa.FixedSizeListArray.from_arrays(pa.array(self.learned.factors.ravel()), max(n_factors, 1))
        products = {PRODUCT: self.learned.products.tolist()} | ({"factors": factors} if n_factors else {})
        frames = {
            "products": pa.table(products),
            "similar": pa.table(
                {
                    "product": self.similar.row,
                    "similar": self.similar.column,
                    "rank": self.similar.rank,
                    "score": self.similar.score,
                }
            ),
            "metrics": self.metrics,
        }
        frames |= {f"{_WEIGHTS}{name}": _weights_frame(matrix) for name, matrix in self.learned.weights.items()}
        # Lists may share a ranking: it is stored once, under the first of them.
        owners = {which: self._owner(which) for which in sorted(self.rankers)}
        frames |= {f"{_RANKER}{which}": self.rankers[which].trees.frame() for which in sorted(set(owners.values()))}
        meta: dict[str, Any] = {
            "config": {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self.config).items()}
        }
        meta |= {"day": self.day.isoformat(), "champions": dict(self.champions)}
        meta |= {"rankers": {which: [owner, self.rankers[owner].intercept] for which, owner in owners.items()}}
        return StoredModel(frames=frames, meta=meta)

    def _owner(self, which: str) -> str:
        """The first list that has the same ranking."""
        return next(name for name in sorted(self.rankers) if self.rankers[name] is self.rankers[which])

    @classmethod
    def from_stored(cls, stored: StoredModel) -> Recommendations:
        """The inverse of `stored`."""
        meta: Any = stored.meta
        config: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in meta["config"].items()
        }
        owned = {
            name: Ranker(trees=Trees.from_frame(stored.frames[f"{_RANKER}{name}"]), intercept=intercept)
            for name, intercept in sorted(meta["rankers"].values())
        }
        return cls(
            config=RecommendationsConfig(**config),
            day=date.fromisoformat(meta["day"]),
            learned=_learned(stored.frames),
            similar=_similar(stored.frames["similar"]),
            rankers={which: owned[owner] for which, (owner, _) in meta["rankers"].items()},
            champions=meta["champions"],
            metrics=stored.frames["metrics"],
        )


def _weights_frame(matrix: sparse.csr_matrix) -> pa.Table:
    weights = matrix.tocoo()
    columns = {
        "bought": weights.row.astype(np.int32),
        "candidate": weights.col.astype(np.int32),
        "weight": weights.data,
    }
    return pa.table(columns)


def _learned(frames: Mapping[str, pa.Table]) -> Learned:
    products = frames["products"]
    ids = text_array(products[PRODUCT])
    factors = np.zeros((len(ids), 0), dtype=np.float32)
    if "factors" in products.column_names:
        flat = products["factors"].combine_chunks().flatten().to_numpy()
        factors = flat.reshape(len(ids), -1).astype(np.float32)
    weights = {}
    for name in sorted(frames):
        if name.startswith(_WEIGHTS):
            bought, candidate, weight = (frames[name][key].to_numpy() for key in ("bought", "candidate", "weight"))
            weights[name.removeprefix(_WEIGHTS)] = sparse.csr_matrix(
                (weight, (bought, candidate)), shape=(len(ids), len(ids))
            )
    return Learned(products=ids, weights=weights, factors=factors)


def _similar(frame: pa.Table) -> Ranking:
    row, column, rank, score = (frame[name].to_numpy() for name in ("product", "similar", "rank", "score"))
    return Ranking(row=row, column=column, rank=rank, score=score)
