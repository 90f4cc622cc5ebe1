"""What was planted into the demo shop: tests look whether the mining finds it again."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """The planted facts. Ids are texts, as `clean` has them.

    Attributes:
        archetypes: customer -> "regular", "premium", "bargain", "parent" or "occasional".
        styles: product -> "category/style": who likes one of a pool likes the others.
        bundles: pairs of products that are bought together far above chance, the leading one first.
        churners: customer -> the last day on which it may have ordered; it never came back.
        festivals: the days of shopping festivals within the data.
        weekdays: how much each weekday sells, Monday first.
        trial: code of the campaign with a control group drawn at random.
        treated, control: the customers of the two groups.
        persuadable: those on whom the trial works, of both groups; the others order as they would have.
        trial_effect: mean number of orders that it adds to one who is persuadable.
        faulty_products: often returned, badly reviewed.
        unlisted_products: were sold, must not be shown any more.
        payment_faults: order -> payments less refunds less lines; all other orders agree to the cent.
        unknown_product_orders: orders with a line whose product (`ZZ99999`) the shop does not have.
        nameless_lines: number of lines without a product: they must be set aside.
        untyped_events: number of events without a type: they must be set aside.
        resent_events: number of events that are there twice.
        late_orders: orders that arrive only with `apply_late_changes`.
        corrected_orders: orders whose first line changes its price then.
    """

    archetypes: Mapping[str, str]
    styles: Mapping[str, str]
    bundles: tuple[tuple[str, str], ...]
    churners: Mapping[str, date]
    festivals: tuple[date, ...]
    weekdays: tuple[float, ...]
    trial: str
    treated: frozenset[str]
    control: frozenset[str]
    persuadable: frozenset[str]
    trial_effect: float
    faulty_products: frozenset[str]
    unlisted_products: frozenset[str]
    payment_faults: Mapping[str, Decimal]
    unknown_product_orders: frozenset[str]
    nameless_lines: int
    untyped_events: int
    resent_events: int
    late_orders: frozenset[str]
    corrected_orders: frozenset[str]
