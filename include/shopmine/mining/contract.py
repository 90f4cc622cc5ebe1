"""What every model takes and gives, so that `tasks.py` needs to know none of them by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shopmine.errors import DataError

JSON: TypeAlias = bool | int | float | str | Sequence["JSON"] | Mapping[str, "JSON"] | None

METRICS: Final = pa.schema(
    [
        ("model", pa.string()),
        ("metric", pa.string()),
        ("value", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("baseline", pa.float64()),
        ("is_champion", pa.bool_()),
        ("day", pa.date32()),
    ]
)
"""Columns of `published.metrics`; `low` and `high` bound a 95 % interval, `day` is the training day."""


class NotEnoughDataError(DataError):
    """The data is right but too little to mine: the model is skipped with this reason, and nothing failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MiningInputs:
    """What a model may see of a day.

    Attributes:
        day: the shop's local day; no row in `frames` is later.
        frames: feature frames by name; never modified.
    """

    day: date
    frames: Mapping[str, pa.Table]

    def frame(self, name: str, columns: Iterable[str]) -> pa.Table:
        """The named frame, cut to `columns`.

        Raises:
            DataError: there is no such frame, or it lacks a column.
        """
        if name not in self.frames:
            raise DataError(
                f"there is no frame {name!r} to mine, only {sorted(self.frames)}; check that features ran for {self.day}"
            )
        frame = self.frames[name]
        if missing := set(columns) - set(frame.column_names):
            raise DataError(f"{name} lack {sorted(missing)}; they have {sorted(frame.column_names)}")
        return frame.select(list(columns))


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredModel:
    """A fitted model as an artifact holds it: Arrow frames and JSON; reading it back gives an equal model."""

    frames: Mapping[str, pa.Table]
    meta: Mapping[str, JSON]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One figure of how good a model is; `baseline` is the same figure of the trivial answer."""

    model: str
    metric: str
    value: float
    low: float | None = None
    high: float | None = None
    baseline: float | None = None
    is_champion: bool | None = None


def metrics_table(metrics: Iterable[Metric], day: date) -> pa.Table:
    """Figures as rows of `published.metrics`, in the order of model and metric."""
    rows = [
        {"model": m.model, "metric": m.metric, "value": m.value, "low": m.low, "high": m.high}
        | {"baseline": m.baseline, "is_champion": m.is_champion, "day": day}
        for m in sorted(metrics, key=lambda m: (m.model, m.metric))
    ]
    return pa.Table.from_pylist(rows, schema=METRICS)


def rows_until(frame: pa.Table, day: date) -> pa.Table:
    """The rows whose `day` is not after `day`."""
    return frame.filter(pc.less_equal(frame["day"], pa.scalar(day, pa.date32())))


def text_array(values: Any) -> np.ndarray[Any, np.dtype[np.object_]]:
    """A text column as an object array of str, whatever string type the frame uses."""
    return np.array(values.to_pylist(), dtype=object)
