"""Key figures of a day, counted by hand."""

from datetime import date
from decimal import Decimal

import pandas as pd

from shopmine.publish.statistics import ABOUT_STATISTICS, UNKNOWN, DayFacts, day_statistics

DAY = date(2011, 12, 9)


def lines(*rows) -> pd.DataFrame:
    columns = ["order_id", "customer", "product", "quantity", "amount", "kind", "country"]
    typed = [(o, c, p, Decimal(q), Decimal(a), k, n) for o, c, p, q, a, k, n in rows]
    return pd.DataFrame(typed, columns=columns)


FACTS = DayFacts(
    lines=lines(
        ("1", "ann", "A", 2, "0.10", "sale", "UK"),
        ("1", "ann", "B", 1, "0.20", "sale", "UK"),
        ("2", None, "A", 1, "0.05", "sale", None),
        ("3", "bob", "A", -1, "-0.05", "return", "UK"),
        ("2", None, "POST", 1, "3.00", "service", "UK"),
    ),
    earlier_customers=frozenset({"bob"}),
    orders=pd.DataFrame({"order_id": ["1", "2", "3"], "store": ["north", None, "north"]}),
    products=pd.DataFrame({"product": ["A", "B"], "category": ["cups", None]}),
    payments=pd.DataFrame({"method": ["card", "card"], "amount": [Decimal("0.10"), Decimal("0.20")]}),
    events=pd.DataFrame({"type": ["view", "view", "cart"]}),
    attributes=("country",),
)


def test_every_figure_of_a_day() -> None:
    found = day_statistics(FACTS, DAY)
    assert set(found["day"]) == {DAY}
    values = {(row.metric, row.key): row.value for row in found.itertuples()}
    assert values == {
        ("orders", None): 2,
        ("customers", None): 1,
        ("new_customers", None): 1,
        ("revenue", None): Decimal("0.35"),
        ("returns", None): Decimal("0.05"),
        ("net_revenue", None): Decimal("3.3"),
        ("units", None): 4,
        ("average_order_value", None): Decimal("0.175"),
        ("return_share", None): Decimal("0.142857"),
        ("revenue_by_store", "north"): Decimal("0.3"),
        ("revenue_by_store", UNKNOWN): Decimal("0.05"),
        ("orders_by_store", "north"): 1,
        ("orders_by_store", UNKNOWN): 1,
        ("revenue_by_category", "cups"): Decimal("0.15"),
        ("revenue_by_category", UNKNOWN): Decimal("0.2"),
        ("revenue_by_country", "UK"): Decimal("0.3"),
        ("revenue_by_country", UNKNOWN): Decimal("0.05"),
        ("payments_by_method", "card"): Decimal("0.3"),
        ("events_by_type", "cart"): 1,
        ("events_by_type", "view"): 2,
    }
    assert set(found["metric"]) == set(ABOUT_STATISTICS)


def test_row_order_changes_nothing_and_the_input_stays_as_it_was() -> None:
    shuffled = DayFacts(lines=FACTS.lines.sample(frac=1.0, random_state=7), attributes=("country",))
    before = FACTS.lines.copy(deep=True)
    plain = DayFacts(lines=FACTS.lines, attributes=("country",))
    pd.testing.assert_frame_equal(day_statistics(plain, DAY), day_statistics(shuffled, DAY), check_exact=True)
    pd.testing.assert_frame_equal(FACTS.lines, before)


def test_a_day_without_data_has_zero_totals_and_nothing_else() -> None:
    found = day_statistics(DayFacts(lines=lines()), DAY)
    assert set(found["value"]) == {0}
    assert set(found["metric"]) == {
        "orders", "customers", "new_customers", "revenue", "returns", "net_revenue", "units",
    }  # fmt: skip
