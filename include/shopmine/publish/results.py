"""The results of all models as one set of published tables; what a model could not give is carried over. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from shopmine.columns import DAY, METRIC, MODEL, PRODUCT, RANK, VALUE
from shopmine.errors import DataError
from shopmine.prepare.gates import WARN, Check
from shopmine.staging.tables_published import PUBLISHED

if TYPE_CHECKING:
    import pandas as pd

    from shopmine.publish.gates import Catalogue

METRICS: Final = "metrics"
STALE_DAYS: Final = "stale_days"
# Tables with one row a key to which several models add columns of their own.
_JOINED: Final = {"customers": "customer"}
_PRODUCT_COLUMNS: Final = {"recommendations": PRODUCT, "audiences": PRODUCT, "similar_products": "similar"}
_RANKED_WITHIN: Final = {
    "recommendations": ["customer", "list"],
    "audiences": [PRODUCT],
    "similar_products": [PRODUCT],
}


_GATE_COLUMNS: Final = frozenset(
    {"customer", "segment", "parents", "recency_days", "product", "similar", "list", "rank", "entity", "key"}
    | {"model", "metric", "value", "low", "high", "baseline", "is_champion"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOutcome:
    """What a run has of one model.

    Attributes:
        model: its name.
        tables: published table -> rows: of this day, or carried over; its metrics among them.
        reason: why there is no result of this day; None when there is.
        carried_from: the release that the rows were taken from, and its day.
        stale_days: age of carried rows in days.
    """

    model: str
    tables: Mapping[str, pa.Table] = field(default_factory=dict)
    reason: str | None = None
    carried_from: tuple[int, date] | None = None
    stale_days: int = 0

    @property
    def is_fresh(self) -> bool:
        """Whether the rows are of this day."""
        return self.reason is None


def merge_results(outcomes: Sequence[ModelOutcome], day: date) -> dict[str, pa.Table]:
    """One set of tables out of all models' results.

    Rows are put one after the other; for `customers` the models' columns are joined by customer. What a model of this
    day says counts before what another carries over. A model that carries adds the metric `stale_days`.

    Raises:
        DataError: two models of this day give the same column of a joined table.
    """
    ordered = sorted(outcomes, key=lambda outcome: not outcome.is_fresh)
    parts: dict[str, list[tuple[ModelOutcome, pa.Table]]] = {}
    for outcome in ordered:
        for name, table in {**outcome.tables, **_with_stale_metric(outcome, day)}.items():
            parts.setdefault(name, []).append((outcome, table))
    return {
        name: _join(found, _JOINED[name])
        if name in _JOINED
        else pa.concat_tables([table for _, table in found], promote_options="permissive")
        for name, found in parts.items()
    }


def _with_stale_metric(outcome: ModelOutcome, day: date) -> dict[str, pa.Table]:
    if outcome.carried_from is None:
        return {}
    row = {MODEL: outcome.model, METRIC: STALE_DAYS, VALUE: float(outcome.stale_days), DAY: day}
    stale = pa.Table.from_pylist([row])
    old = outcome.tables.get(METRICS)
    if old is None:
        return {METRICS: stale}
    kept = old.filter(pc.not_equal(old[METRIC], STALE_DAYS))
    return {METRICS: pa.concat_tables([kept, stale], promote_options="permissive")}


def _join(parts: Sequence[tuple[ModelOutcome, pa.Table]], key: str) -> pa.Table:
    joined: pa.Table | None = None
    for outcome, table in parts:
        if joined is None:
            joined = table
            continue
        twice = sorted(set(table.column_names) & set(joined.column_names) - {key})
        if twice and outcome.is_fresh:
            raise DataError(f"model {outcome.model} gives columns {twice} of customers that another model gives too")
        joined = joined.join(table.drop_columns(twice), keys=key, join_type="full outer")
    if joined is None:
        raise DataError("there is nothing to join")
    return joined


def model_checks(outcomes: Sequence[ModelOutcome], day: date) -> list[Check]:
    """One row a model: is its result of this day, and if not, why and what stands in for it."""
    return [_model_check(outcome, day) for outcome in outcomes]


def _model_check(outcome: ModelOutcome, day: date) -> Check:
    actual = f"results of {day}"
    if outcome.carried_from is not None:
        release, from_day = outcome.carried_from
        actual = f"stale: results of release {release} ({from_day}), {outcome.stale_days} days old"
    elif not outcome.is_fresh:
        actual = "no results"
    return Check(
        check_name=f"mined_{outcome.model}",
        expected=f"results of {day}",
        actual=actual,
        passed=outcome.is_fresh,
        detail=outcome.reason or "",
        level=WARN,
    )


def drop_hidden(table: str, rows: pa.Table, catalogue: Catalogue | None) -> pa.Table:
    """Carried rows without products that must not be shown by now; the ranks close up."""
    column = _PRODUCT_COLUMNS.get(table)
    if column is None or catalogue is None:
        return rows
    is_hidden = catalogue.hides(rows[column].to_pandas())
    if not is_hidden.any():
        return rows
    kept = rows.filter(pa.array(~is_hidden))
    ranks = kept.select([*_RANKED_WITHIN[table], RANK]).to_pandas()
    closed = ranks.groupby(_RANKED_WITHIN[table])[RANK].rank(method="first").astype("int64")
    return kept.set_column(kept.column_names.index(RANK), RANK, pa.array(closed))


def checks_table(checks: Sequence[Check], day: date) -> pa.Table:
    """The checks as rows of `published.checks`; a check that only warns says so in `detail`."""
    rows = [
        {
            DAY: day,
            "check_name": check.check_name,
            "expected": check.expected,
            "actual": check.actual,
            "passed": check.passed,
            "detail": f"warns only; {check.detail}".rstrip("; ")
            if check.level == WARN and not check.passed
            else check.detail,
        }
        for check in checks
    ]
    schema = [(DAY, pa.date32()), *((name, pa.string()) for name in ("check_name", "expected", "actual"))]
    return pa.Table.from_pylist(rows, pa.schema([*schema, ("passed", pa.bool_()), ("detail", pa.string())]))


def gate_frame(table: str, rows: pa.Table) -> pd.DataFrame:
    """The columns of a table that gates look at, as a pandas frame: no JSON, which is most of the bytes."""
    looked_at = {*PUBLISHED[table].key, *_GATE_COLUMNS}
    frame: pd.DataFrame = rows.select([name for name in rows.column_names if name in looked_at]).to_pandas()
    return frame
