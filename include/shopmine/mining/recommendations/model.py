"""The fitted recommendations: what was learned, and which method won each list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
from scipy import sparse

from shopmine.columns import PRODUCT
from shopmine.mining.contract import StoredModel, text_array
from shopmine.mining.recommendations.config import RecommendationsConfig
from shopmine.mining.recommendations.scoring import Learned
from shopmine.mining.recommendations.selection import Ranking


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendations:
    """Fitted recommendations.

    Attributes:
        config: what they were fitted with.
        day: training day.
        learned: over the products of the training day.
        similar: similar products of each product, as codes of `learned.products`.
        champions: list -> the method that won it on the last days before the training day.
        metrics: rows of `published.metrics`: that comparison; none where the history is too short for one.
    """

    config: RecommendationsConfig
    day: date
    learned: Learned
    similar: Ranking
    champions: Mapping[str, str]
    metrics: pa.Table

    def stored(self) -> StoredModel:
        """The model as frames and JSON."""
        weights = self.learned.speaks_for.tocoo()
        n_factors = self.learned.factors.shape[1]
        factors = pa.FixedSizeListArray.from_arrays(pa.array(self.learned.factors.ravel()), max(n_factors, 1))
        products = {PRODUCT: self.learned.products.tolist()} | ({"factors": factors} if n_factors else {})
        frames = {
            "products": pa.table(products),
            "speaks_for": pa.table(
                {
                    "bought": weights.row.astype(np.int32),
                    "candidate": weights.col.astype(np.int32),
                    "weight": weights.data,
                }
            ),
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
        meta: dict[str, Any] = {"config": asdict(self.config) | {"methods": list(self.config.methods)}}
        meta |= {"day": self.day.isoformat(), "champions": dict(self.champions)}
        return StoredModel(frames=frames, meta=meta)

    @classmethod
    def from_stored(cls, stored: StoredModel) -> Recommendations:
        """The inverse of `stored`."""
        meta: Any = stored.meta
        return cls(
            config=RecommendationsConfig(**meta["config"] | {"methods": tuple(meta["config"]["methods"])}),
            day=date.fromisoformat(meta["day"]),
            learned=_learned(stored.frames["products"], stored.frames["speaks_for"]),
            similar=_similar(stored.frames["similar"]),
            champions=meta["champions"],
            metrics=stored.frames["metrics"],
        )


def _learned(products: pa.Table, weights: pa.Table) -> Learned:
    ids = text_array(products[PRODUCT])
    entries = (weights["weight"].to_numpy(), (weights["bought"].to_numpy(), weights["candidate"].to_numpy()))
    factors = np.zeros((len(ids), 0), dtype=np.float32)
    if "factors" in products.column_names:
        flat = products["factors"].combine_chunks().flatten().to_numpy()
        factors = flat.reshape(len(ids), -1).astype(np.float32)
    speaks_for = sparse.csr_matrix(entries, shape=(len(ids), len(ids)))
    return Learned(products=ids, speaks_for=speaks_for, factors=factors)


def _similar(frame: pa.Table) -> Ranking:
    row, column, rank, score = (frame[name].to_numpy() for name in ("product", "similar", "rank", "score"))
    return Ranking(row=row, column=column, rank=rank, score=score)
