"""Makes the demo shop: a pure function of size and seed, the same bytes on every machine with the same packages."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shopmine.demo.behaviour import make_behaviour
from shopmine.demo.campaigns import CAMPAIGNS, TRIAL_EFFECT, Trial, make_trial, send_campaigns
from shopmine.demo.catalogue import CATEGORIES, Catalogue, make_catalogue
from shopmine.demo.channels import make_channel_tables
from shopmine.demo.late_changes import LateChanges, hold_back
from shopmine.demo.master_tables import make_campaign_tables, make_goods_table, make_members_table, make_stock_table
from shopmine.demo.members import ARCHETYPES, Members, make_members
from shopmine.demo.orders import make_lines, make_orders
from shopmine.demo.plants import make_plants
from shopmine.demo.reviews import make_reviews
from shopmine.demo.seasons import WEEKDAYS, all_days, is_festival
from shopmine.demo.settlements import FAULTS, make_payments, make_refunds
from shopmine.demo.shop_tables import Sold, make_order_tables, order_numbers
from shopmine.demo.sizes import SEED, DemoSize, find_size
from shopmine.demo.taste import make_taste
from shopmine.demo.truth import Truth


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoData:
    """The generated shop.

    Attributes:
        tables: what the sources hold at first, by name; see `schema` for where each goes.
        late: what happens to them later.
        truth: what was planted.
    """

    tables: Mapping[str, pa.Table]
    late: LateChanges
    truth: Truth


def generate_demo(size: str, *, seed: int = SEED) -> DemoData:
    """Make everything.

    Args:
        size: "tiny", "small" or "medium".
        seed: another seed makes another shop of the same kind.

    Raises:
        ConfigError: there is no such size.
    """
    spec = find_size(size)
    catalogue = make_catalogue(spec, seed)
    members = make_members(spec, seed)
    taste = make_taste(catalogue, members, seed)
    sendings = send_campaigns(spec, members, seed)
    trial = make_trial(spec, members, sendings, seed)
    orders = make_orders(spec, members, sendings, trial, seed)
    lines = make_lines(orders, catalogue, members, taste, seed)
    payments = make_payments(orders, lines, seed)
    refunds = make_refunds(lines, payments)
    plants = make_plants(orders, lines, payments, seed)
    sold = Sold(orders=orders, lines=lines, payments=payments, refunds=refunds, plants=plants)
    tables = {
        "member": make_members_table(members, seed),
        "goods": make_goods_table(catalogue),
        "goods_stock": make_stock_table(catalogue, seed),
        **make_order_tables(sold, catalogue, members, seed),
        **make_campaign_tables(spec, members, sendings, orders),
        **make_behaviour(spec, orders, lines, members, taste, seed),
        "review": make_reviews(orders, lines, members, catalogue, seed),
        **make_channel_tables(spec, catalogue, seed),
    }
    shown, late = hold_back(tables, sold)
    truth = _make_truth(spec, catalogue, members, trial, sold, n_resent=_n_resent(tables["session_item"]))
    return DemoData(tables=shown, late=late, truth=truth)


def _n_resent(items: pa.Table) -> int:
    ids = items["item_id"]
    return len(ids) - len(ids.unique())


def _make_truth(
    size: DemoSize, catalogue: Catalogue, members: Members, trial: Trial, sold: Sold, *, n_resent: int
) -> Truth:
    days = all_days(size)
    number = members.number.astype(str)
    pools = [f"{CATEGORIES[c].name}/{s}" for c, s in zip(catalogue.category, catalogue.style, strict=True)]
    left = np.flatnonzero(members.is_churner)
    return Truth(
        archetypes={n: ARCHETYPES[a].name for n, a in zip(number.tolist(), members.archetype.tolist(), strict=True)},
        styles=dict(zip(catalogue.sku.tolist(), pools, strict=True)),
        bundles=tuple((catalogue.sku[a], catalogue.sku[b]) for a, b in catalogue.bundles.tolist()),
        churners=dict(zip(number[left].tolist(), days[members.stop[left]].tolist(), strict=True)),
        festivals=tuple(days[is_festival(days)].tolist()),
        weekdays=WEEKDAYS,
        trial=CAMPAIGNS[trial.campaign].code,
        treated=frozenset(number[trial.treated].tolist()),
        control=frozenset(number[trial.control].tolist()),
        persuadable=frozenset(number[trial.persuadable].tolist()),
        trial_effect=TRIAL_EFFECT,
        faulty_products=frozenset(catalogue.sku[catalogue.is_faulty].tolist()),
        unlisted_products=frozenset(catalogue.sku[~catalogue.is_listed].tolist()),
        payment_faults=_payment_faults(sold),
        unknown_product_orders=_order_ids(sold, sold.plants.unknown_product),
        nameless_lines=len(sold.plants.nameless),
        untyped_events=2,
        resent_events=n_resent,
        late_orders=_order_ids(sold, sold.plants.late),
        corrected_orders=_order_ids(sold, sold.plants.corrected),
    )


def _order_ids(sold: Sold, orders: npt.NDArray[np.int64]) -> frozenset[str]:
    return frozenset(order_numbers(sold.orders).take(pa.array(orders)).to_pylist())


def _payment_faults(sold: Sold) -> dict[str, Decimal]:
    """The faulty orders' differences; a payment that is missing lacks all that was due."""
    faults = {}
    ids = order_numbers(sold.orders).take(pa.array(sold.plants.faulty)).to_pylist()
    for order_id, order, fault in zip(ids, sold.plants.faulty.tolist(), FAULTS, strict=True):
        due = int(sold.lines.amount_cents[sold.lines.order == order].sum())
        faults[order_id] = Decimal(fault or -due).scaleb(-2)
    return faults
