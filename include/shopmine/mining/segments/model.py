"""The fitted segments: a scaling, centroids in it, and what each segment is called."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shopmine.errors import DataError
from shopmine.mining.contract import MiningInputs, StoredModel, text_array
from shopmine.mining.segments.config import SegmentsConfig

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Identity of one segment: `segment` is its stable id, `parents` the ids it was split from or that merged into it."""

    segment: str
    name_en: str
    name_zh: str
    born_day: date
    parents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Segments:
    """Fitted segments.

    Attributes:
        config: what they were fitted with.
        day: training day.
        shift, scale: (n_features,) mean and standard deviation after the transform; a constant feature has scale 1.
        centroids: (n_clusters, n_features) in the scaled space.
        temperature: T of the membership softmax(−d²/T): twice the mean squared distance a feature.
        stability: mean adjusted Rand index of the chosen number over the resamples.
        n_customers_chosen: customers when the number of segments was chosen last.
        n_ids: so many ids were ever given; none is given again.
        segments: one entry a centroid, in their order.
    """

    config: SegmentsConfig
    day: date
    shift: Matrix
    scale: Matrix
    centroids: Matrix
    temperature: float
    stability: float
    n_customers_chosen: int
    n_ids: int
    segments: tuple[Segment, ...]

    def scaled(self, values: Matrix) -> Matrix:
        """(n, n_features) raw feature values in the model's scaled space."""
        return (transformed(values, self.config.transform) - self.shift) / self.scale

    def memberships(self, values: Matrix) -> Matrix:
        """(n, n_clusters) probability of each segment given raw feature values; rows add up to 1."""
        distance = squared_distances(self.scaled(values), self.centroids)
        weight = np.exp(-(distance - distance.min(axis=1, keepdims=True)) / self.temperature)
        return np.asarray(weight / weight.sum(axis=1, keepdims=True))

    def stored(self) -> StoredModel:
        """The model as frames and JSON."""
        k, d = self.centroids.shape
        identities = [asdict(s) | {"parents": list(s.parents)} for s in self.segments]
        frames = {
            "scaling": pa.table({"feature": list(self.config.features), "shift": self.shift, "scale": self.scale}),
            "centroids": pa.table(
                {
                    "cluster": np.repeat(np.arange(k), d),
                    "feature": list(self.config.features) * k,
                    "value": self.centroids.ravel(),
                }
            ),
            "identities": pa.Table.from_pylist(identities, schema=_IDENTITIES),
        }
        meta: dict[str, Any] = {"config": asdict(self.config) | {"features": list(self.config.features)}}
        meta |= {"day": self.day.isoformat(), "temperature": self.temperature, "stability": self.stability}
        meta |= {"n_customers_chosen": self.n_customers_chosen, "n_ids": self.n_ids}
        return StoredModel(frames=frames, meta=meta)

    @classmethod
    def from_stored(cls, stored: StoredModel) -> Segments:
        """The inverse of `stored`."""
        meta: Any = stored.meta
        config = SegmentsConfig(**meta["config"] | {"features": tuple(meta["config"]["features"])})
        scaling, centroids = stored.frames["scaling"], stored.frames["centroids"]
        identities = stored.frames["identities"].to_pylist()
        return cls(
            config=config,
            day=date.fromisoformat(meta["day"]),
            shift=scaling["shift"].to_numpy(),
            scale=scaling["scale"].to_numpy(),
            centroids=centroids["value"].to_numpy().reshape(-1, len(config.features)),
            temperature=meta["temperature"],
            stability=meta["stability"],
            n_customers_chosen=meta["n_customers_chosen"],
            n_ids=meta["n_ids"],
            segments=tuple(Segment(**row | {"parents": tuple(row["parents"])}) for row in identities),
        )


_IDENTITIES = pa.schema(
    [
        ("segment", pa.string()),
        ("name_en", pa.string()),
        ("name_zh", pa.string()),
        ("born_day", pa.date32()),
        ("parents", pa.list_(pa.string())),
    ]
)


def transformed(values: Matrix, transform: str) -> Matrix:
    """Raw values after the config's transform; values below 0 (more returned than bought) count as 0 for `log1p`."""
    return np.log1p(np.maximum(values, 0.0)) if transform == "log1p" else values


def squared_distances(points: Matrix, centroids: Matrix) -> Matrix:
    """(n, k) squared Euclidean distances."""
    return np.asarray(((points[:, None, :] - centroids[None, :, :]) ** 2).sum(axis=2))


def feature_values(inputs: MiningInputs, config: SegmentsConfig) -> tuple[npt.NDArray[np.object_], Matrix]:
    """Customers in the order of their ids, and (n_customers, n_features) values of the config's features.

    Raises:
        DataError: a feature is missing, is no number or has nulls.
    """
    frame = inputs.frame("customer_features", ("customer", *config.features)).sort_by("customer")
    for name in config.features:
        if frame[name].null_count:
            raise DataError(
                f"customer feature {name!r} is null for {frame[name].null_count} of {frame.num_rows} customers; "
                "segments need a value for each: take it out of models.segments.features"
            )
    columns = [frame[name].cast(pa.float64()).to_numpy() for name in config.features]
    return text_array(frame["customer"]), np.column_stack(columns)
