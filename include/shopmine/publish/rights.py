"""What persons objected to, applied to frames. Pure; the rights themselves are read by `tasks`, always as of now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa

from shopmine.columns import CUSTOMER
from shopmine.staging.rights import is_tombstone, tombstone
from shopmine.staging.tables_published import PUBLISHED

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """Who objected to what; holds as of now, whatever the day of the release.

    Attributes:
        persons: kind of right (`no_personalisation`, `no_profiling`, `deletion`) -> customers who claimed it; for those
            who were deleted their tombstones (`staging.rights.tombstone`).
        shop: whose customers.
    """

    persons: Mapping[str, frozenset[str]] = field(default_factory=dict)
    shop: str = ""

    @property
    def n_persons(self) -> int:
        """How many persons claimed any right."""
        return len(frozenset[str]().union(*self.persons.values()))

    def forbidden(self, table: str) -> frozenset[str]:
        """Customers who must not be in this published table."""
        kinds = PUBLISHED[table].hidden_by
        return frozenset[str]().union(*(self.persons.get(kind, frozenset()) for kind in kinds))

    def filter(self, tables: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
        """The tables without the rows that rights forbid; tables without such rows are the same objects."""
        return {name: self._filter_table(name, table) for name, table in tables.items()}

    def _filter_table(self, name: str, table: pa.Table) -> pa.Table:
        columns = [column for column in (CUSTOMER, "entity", "key") if column in table.column_names]
        leaks = self.leaks(name, table.select(columns).to_pandas())
        return table if leaks is None or not leaks.any() else table.filter(pa.array(~leaks))

    def leaks(self, table: str, frame: pd.DataFrame) -> pd.Series[bool] | None:
        """Which rows of a table are about a person who must not be in it; None when the table names no person."""
        forbidden = self.forbidden(table)
        if not forbidden or frame.empty:
            return None
        if CUSTOMER in frame.columns:
            return self._are_in(frame[CUSTOMER], forbidden)
        return (frame["entity"] == CUSTOMER) & self._are_in(frame["key"], forbidden)

    def _are_in(self, keys: pd.Series[str], forbidden: frozenset[str]) -> pd.Series[bool]:
        found = keys.isin(forbidden)
        if not any(is_tombstone(key) for key in forbidden):
            return found
        return found | keys.isin({key for key in keys.dropna().unique() if tombstone(self.shop, key) in forbidden})
