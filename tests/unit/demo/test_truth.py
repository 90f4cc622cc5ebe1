"""What the generator says that it planted is in its tables: looked for by other means than those that planted it."""

from collections import Counter, defaultdict
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import StandardScaler

from shopmine.demo.generator import DemoData

SALE, RETURN = 1, 2


@pytest.fixture(scope="module")
def sales(small: DemoData) -> pd.DataFrame:
    """Sold lines with member, day, product as catalogued, category and amount."""
    return sold_lines(small)


def sold_lines(data: DemoData) -> pd.DataFrame:
    lines = data.tables["sale_order_line"].to_pandas(types_mapper=None)
    orders = data.tables["sale_order"].select(["order_no", "member_id"]).to_pandas()
    goods = data.tables["goods"].select(["sku", "category"]).to_pandas()
    lines = lines[lines.line_type == SALE].merge(orders, on="order_no")
    lines["sku"] = lines["sku"].str.strip().str.upper()
    lines = lines.merge(goods, on="sku")
    lines["day"] = lines["created_at"].dt.normalize()
    lines["amount"] = lines["price"].astype(float) * lines["quantity"] - lines["discount"].astype(float)
    return lines


@pytest.mark.parametrize("is_late_in", [False, True], ids=["at first", "after the late changes"])
def test_every_order_agrees_to_the_cent_but_for_the_declared_faults(tiny: DemoData, is_late_in: bool) -> None:
    tables = {name: tiny.tables[name].to_pylist() for name in ("sale_order_line", "payment", "refund")}
    slip: dict[str, Decimal] = defaultdict(Decimal)
    if is_late_in:
        for name, rows in tiny.late.rows.items():
            if name in tables:
                tables[name] = tables[name] + rows.to_pylist()
        quantity = {(r["order_no"], r["line_no"]): r["quantity"] for r in tables["sale_order_line"]}
        for change in tiny.late.corrections:
            more = (change.price - change.price_before) * quantity[change.order_no, change.line_no]
            slip[change.order_no] += change.paid - change.paid_before - more
    difference: dict[str, Decimal] = defaultdict(Decimal)
    for order, value in slip.items():
        difference[order] += value
    for row in tables["sale_order_line"]:
        difference[row["order_no"]] -= row["quantity"] * row["price"] - row["discount"]
    for row in tables["payment"]:
        difference[row["order_no"]] += row["amount"]
    for row in tables["refund"]:
        difference[row["order_no"]] -= row["amount"]
    assert {order: value for order, value in difference.items() if value} == dict(tiny.truth.payment_faults)
    assert len(tiny.truth.payment_faults) == 3


def test_refunds_are_the_lines_that_came_back(tiny: DemoData) -> None:
    back: Counter[str] = Counter()
    for row in tiny.tables["sale_order_line"].to_pylist():
        if row["line_type"] == RETURN:
            assert row["quantity"] < 0
            back[row["order_no"]] -= row["quantity"] * row["price"] - row["discount"]
    refunds = {row["order_no"]: row["amount"] for row in tiny.tables["refund"].to_pylist()}
    assert refunds == dict(back)
    assert len(refunds) > 50


def test_bundles_are_bought_together_far_above_chance(tiny: DemoData, small: DemoData) -> None:
    for data, n_pairs, least in ((tiny, 5, 5), (small, 30, 20)):
        baskets: dict[str, set[str]] = defaultdict(set)
        for order, product in sold_lines(data)[["order_no", "sku"]].itertuples(index=False):
            baskets[product].add(order)
        n_orders = len(set().union(*baskets.values()))
        assert len(data.truth.bundles) >= n_pairs
        for a, b in data.truth.bundles:
            both = len(baskets[a] & baskets[b])
            assert 0.4 < both / len(baskets[a]) < 0.7, (a, b)
            assert both * n_orders / len(baskets[a]) / len(baskets[b]) > least, (a, b)


def test_churners_ordered_and_then_never_again(small: DemoData, sales: pd.DataFrame) -> None:
    last = sales.groupby(sales["member_id"].astype(str))["day"].max()
    stops = pd.Series(small.truth.churners).astype("datetime64[us]")
    seen = last.reindex(stops.index).dropna()
    assert len(seen) > 0.99 * len(stops) > 1_000
    assert (seen <= stops[seen.index]).all()
    regulars = [c for c, kind in small.truth.archetypes.items() if kind == "regular" and c not in small.truth.churners]
    still = last.reindex(regulars) > sales["day"].max() - pd.Timedelta(days=120)
    assert still.mean() > 0.95


def test_weekdays_and_festivals_show(small: DemoData) -> None:
    days = small.tables["sale_order"]["created_at"].to_pandas().dt.normalize()
    per_day = days.value_counts().sort_index()
    festivals = pd.DatetimeIndex(small.truth.festivals)
    usual = per_day.drop(festivals)
    week = usual.groupby(usual.index.day_of_week).mean()
    expected = np.array(small.truth.weekdays)
    np.testing.assert_allclose(week / week.mean(), expected / expected.mean(), atol=0.06)
    assert per_day[pd.Timestamp("2024-11-11")] == per_day.max() > 2.5 * usual.median()
    assert per_day[festivals].mean() > 1.5 * usual.mean()


def test_the_trial_moves_the_persuadable_only(small: DemoData) -> None:
    orders = small.tables["sale_order"].to_pandas()
    within = orders[(orders.created_at >= "2025-04-22") & (orders.created_at < "2025-05-05")]
    n_orders = within.groupby(within["member_id"].astype(str)).size()
    truth = small.truth

    def effect(group: set[str] | frozenset[str]) -> float:
        treated, control = (
            n_orders.reindex(sorted(group & arm), fill_value=0) for arm in (truth.treated, truth.control)
        )
        return float(treated.mean() - control.mean())

    assert not truth.treated & truth.control
    assert abs(effect(truth.persuadable) - truth.trial_effect) < 0.05
    assert abs(effect((truth.treated | truth.control) - truth.persuadable)) < 0.03
    touches = small.tables["campaign_touch"].to_pandas()
    sent = touches[(touches["campaign_code"] == truth.trial) & (touches["kind"] == "sent")]
    assert set(sent["member_id"].astype(str)) == truth.treated


def test_coupons_name_their_orders(tiny: DemoData) -> None:
    used = [row for row in tiny.tables["coupon"].to_pylist() if row["order_no"]]
    orders = {row["order_no"]: row for row in tiny.tables["sale_order"].to_pylist()}
    assert len(used) > 30
    for row in used:
        order = orders[row["order_no"]]
        assert (order["member_id"], order["campaign_code"]) == (row["member_id"], row["campaign_code"])
    redeemed = [row for row in tiny.tables["campaign_touch"].to_pylist() if row["kind"] == "redeemed"]
    assert len(redeemed) == len(used) == sum(order["campaign_code"] is not None for order in orders.values())


def test_faulty_products_come_back_and_are_badly_reviewed(small: DemoData, sales: pd.DataFrame) -> None:
    lines = small.tables["sale_order_line"].to_pandas()
    back = lines[lines.line_type == RETURN]["sku"].str.strip().str.upper().value_counts()
    sold = sales["sku"].value_counts()
    rating = small.tables["review"].to_pandas().groupby("sku")["rating"].mean()
    is_faulty = sold.index.isin(small.truth.faulty_products)
    share = back.reindex(sold.index, fill_value=0) / sold
    assert share[is_faulty].mean() > 5 * share[~is_faulty].mean()
    assert rating.reindex(sold.index[is_faulty]).mean() < 2.5 < 3.8 < rating.reindex(sold.index[~is_faulty]).mean()


def test_archetypes_can_be_told_apart_by_behaviour(small: DemoData, sales: pd.DataFrame) -> None:
    per_member = sales.groupby("member_id")
    behaviour = pd.DataFrame(
        {
            "orders": per_member["order_no"].nunique(),
            "spend": per_member["amount"].sum(),
            "recency": (sales["day"].max() - per_member["day"].max()).dt.days,
        }
    )
    category = sales.pivot_table(index="member_id", columns="category", values="amount", aggfunc="sum", fill_value=0)
    taste = category.div(category.to_numpy().sum(axis=1), axis=0)
    frame = np.hstack([StandardScaler().fit_transform(np.log1p(behaviour)), 2 * taste.reindex(behaviour.index)])
    found = KMeans(5, n_init=3, random_state=0).fit_predict(frame)
    planted = [small.truth.archetypes[str(member)] for member in behaviour.index]
    assert adjusted_rand_score(planted, found) > 0.7
    medians = behaviour.groupby(planted).median()
    assert medians["orders"].idxmax() == "regular"
    assert medians["spend"].idxmax() == "premium"
    assert medians["recency"].idxmax() == "occasional"


@pytest.mark.parametrize("is_new_only", [False, True], ids=["all", "new"])
def test_neighbours_foretell_the_next_purchases_better_than_popularity(tiny: DemoData, is_new_only: bool) -> None:
    sales = sold_lines(tiny)
    cut = sales["day"].max() - pd.Timedelta(days=14)
    members, products = (pd.Index(sorted(sales[c].unique())) for c in ("member_id", "sku"))

    def matrix(rows: pd.DataFrame) -> np.ndarray:
        codes = members.get_indexer(rows["member_id"]), products.get_indexer(rows["sku"])
        return sparse.csr_array((np.ones(len(rows)), codes), shape=(len(members), len(products))).toarray() > 0

    before, after = matrix(sales[sales["day"] <= cut]), matrix(sales[sales["day"] > cut])
    wanted = after & ~before if is_new_only else after
    asked = np.flatnonzero(before.any(axis=1) & wanted.any(axis=1))
    counts = before.sum(axis=0)
    together = before.T.astype(float) @ before
    np.fill_diagonal(together, 0)
    likeness = together / np.sqrt(np.outer(counts, counts) + 1e-9)

    def recall(scores: np.ndarray) -> float:
        hidden = np.where(before & is_new_only, -1.0, scores)[asked]
        top = np.argsort(-hidden, axis=1, kind="stable")[:, :10]
        hits = np.take_along_axis(wanted[asked], top, axis=1).sum(axis=1)
        return float(np.mean(hits / np.minimum(10, wanted[asked].sum(axis=1))))

    popular = recall(np.broadcast_to(counts.astype(float), before.shape))
    assert len(asked) > 100
    assert recall(before @ likeness) > 2 * popular
