"""The rules that were found, as they are published."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Final

import pyarrow as pa

from shopmine.mining.baskets.config import BasketsConfig
from shopmine.mining.contract import StoredModel

RULES: Final = pa.schema(
    [
        ("antecedent", pa.list_(pa.string())),
        ("consequent", pa.list_(pa.string())),
        ("support_count", pa.int64()),
        ("confidence", pa.float64()),
        ("lift", pa.float64()),
        ("q_value", pa.float64()),
        ("holds_later", pa.bool_()),
        ("level", pa.string()),
        ("support", pa.float64()),
        ("leverage", pa.float64()),
        ("conviction", pa.float64()),
        ("confidence_low", pa.float64()),
        ("expected_count", pa.float64()),
        ("p_value", pa.float64()),
        ("later_count", pa.int64()),
        ("later_lift", pa.float64()),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Baskets:
    """Rules of a training day.

    Attributes:
        config: what they were found with.
        day: training day.
        rules: schema `RULES`; by level, then what chance explains least first.
        n_baskets: level -> baskets that the rules were found in.
        min_counts: level -> baskets that a rule needed in the end.
        notes: what a person should know: budgets that were met, levels that were left out.
    """

    config: BasketsConfig
    day: date
    rules: pa.Table
    n_baskets: dict[str, int]
    min_counts: dict[str, int]
    notes: tuple[str, ...] = ()

    def stored(self) -> StoredModel:
        """The model as frames and JSON."""
        meta: dict[str, Any] = {"config": asdict(self.config) | {"levels": list(self.config.levels)}}
        meta |= {"day": self.day.isoformat(), "n_baskets": self.n_baskets, "min_counts": self.min_counts}
        return StoredModel(frames={"rules": self.rules}, meta=meta | {"notes": list(self.notes)})

    @classmethod
    def from_stored(cls, stored: StoredModel) -> Baskets:
        """The inverse of `stored`."""
        meta: Any = stored.meta
        return cls(
            config=BasketsConfig(**meta["config"] | {"levels": tuple(meta["config"]["levels"])}),
            day=date.fromisoformat(meta["day"]),
            rules=stored.frames["rules"],
            n_baskets=dict(meta["n_baskets"]),
            min_counts=dict(meta["min_counts"]),
            notes=tuple(meta["notes"]),
        )
