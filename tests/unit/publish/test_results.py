"""Several models' results as one set of tables, and what is carried over."""

from datetime import date

import pandas as pd
import pyarrow as pa
import pytest

from shopmine.errors import DataError
from shopmine.prepare.gates import WARN, Check
from shopmine.publish.gates import Catalogue
from shopmine.publish.results import ModelOutcome, checks_table, drop_hidden, merge_results, model_checks

D = date(2011, 12, 9)


def outcome(model: str, *, stale_days: int = 0, metric: str = "auc", **columns: list) -> ModelOutcome:
    tables = {
        "customers": pa.table({"customer": ["ann", "bob"], **columns}),
        "metrics": pa.table({"model": [model], "metric": [metric], "value": [0.5]}),
    }
    carried = {"reason": "it failed", "carried_from": (3, date(2011, 12, 8))} if stale_days else {}
    return ModelOutcome(model=model, tables=tables, stale_days=stale_days, **carried)


def test_models_add_their_columns_to_one_row_a_customer() -> None:
    churn = ModelOutcome(
        model="churn", tables={"customers": pa.table({"customer": ["bob", "cid"], "churn_probability": [0.2, 0.3]})}
    )
    merged = merge_results([outcome("segments", segment=["s1", "s2"]), churn], D)
    rows = {row["customer"]: (row["segment"], row["churn_probability"]) for row in merged["customers"].to_pylist()}
    assert rows == {"ann": ("s1", None), "bob": ("s2", 0.2), "cid": (None, 0.3)}
    assert merged["metrics"].num_rows == 1


def test_what_is_carried_only_fills_in_and_says_how_old_it_is() -> None:
    old = outcome("segments", stale_days=2, metric="stale_days", segment=["old", "old"], orders=[1, 1])
    merged = merge_results([old, outcome("churn", orders=[5, 6])], D)
    assert merged["customers"].sort_by("customer").to_pydict() == {
        "customer": ["ann", "bob"], "orders": [5, 6], "segment": ["old", "old"],
    }  # fmt: skip
    stale = [row for row in merged["metrics"].to_pylist() if row["metric"] == "stale_days"]
    assert [(row["model"], row["value"], row["day"]) for row in stale] == [("segments", 2.0, D)]
    check = model_checks([old], D)[0]
    assert (check.passed, check.actual) == (False, "stale: results of release 3 (2011-12-08), 2 days old")


def test_two_models_of_this_day_must_not_give_the_same_column() -> None:
    with pytest.raises(
        DataError, match=r"model b gives columns \['orders'\] of customers that another model gives too"
    ):
        merge_results([outcome("a", orders=[1, 2]), outcome("b", orders=[1, 2])], D)


def test_ranks_close_up_when_hidden_products_are_dropped() -> None:
    rows = pa.table(
        {"customer": ["a", "a", "a", "b"], "list": ["x"] * 4, "rank": [1, 2, 3, 1], "product": ["P", "Q", "R", "Q"]}
    )
    listed = pd.DataFrame({"product": ["Q", "R", "Z"], "kind": None, "listed": [True, True, False]})
    kept = drop_hidden("recommendations", rows, Catalogue(products=listed, is_whole=True))
    assert [(row["customer"], row["rank"], row["product"]) for row in kept.to_pylist()] == [
        ("a", 1, "Q"), ("a", 2, "R"), ("b", 1, "Q"),
    ]  # fmt: skip
    assert drop_hidden("recommendations", rows, Catalogue(products=listed)) is rows, "P was never told of"
    assert drop_hidden("recommendations", rows, None) is rows
    assert drop_hidden("segments", rows, Catalogue(products=listed, is_whole=True)) is rows


def test_a_failed_check_that_only_warns_says_so() -> None:
    values = {"check_name": "c", "expected": "e", "actual": "a", "detail": "d", "level": WARN}
    rows = checks_table([Check(passed=False, **values), Check(passed=True, **values)], D).to_pylist()
    assert [row["detail"] for row in rows] == ["warns only; d", "d"]
