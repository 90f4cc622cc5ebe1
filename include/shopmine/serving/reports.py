"""All that is published about one customer, product or segment, put together for a person to read.

A report is plain values (for JSON as for text): `release` says where it comes from, the other keys are its sections.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from shopmine.columns import CUSTOMER, PRODUCT, SEGMENT
from shopmine.errors import NotFoundError
from shopmine.serving.lookups import (
    PublishedRelease,
    product_names,
    read_customer,
    read_entity,
    read_product,
    read_rows,
    read_segment,
)
from shopmine.staging.rights import tombstone
from shopmine.staging.tables_work import rights, run_artifacts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Report = dict[str, Any]
N_AUDIENCE: Final = 10
LISTS: Final = ("for_you", "discover", "buy_again")
_PROFILE: Final = (
    "recency_days",
    "orders",
    "spend",
    "churn_probability",
    "will_buy_probability",
    "expected_value",
)


def customer_report(connection: sa.Connection, at: PublishedRelease, customer: str) -> Report:
    """Who a customer is, the segment with its membership, features, and the lists with their reasons.

    Raises:
        NotFoundError: the release has no such customer, or a right hides the person.
    """
    claimed = rights_of(connection, at.shop, customer)
    if hides := {"no_profiling", "deletion"} & claimed.keys():
        since = {kind: claimed[kind] for kind in sorted(hides)}
        told = ", ".join(f"{kind} since {instant:%Y-%m-%d %H:%M} UTC" for kind, instant in since.items())
        raise NotFoundError(f"customer {customer!r} is hidden by their own right ({told})")
    row = read_customer(connection, at, customer)
    return {
        "release": provenance(connection, at),
        "customer": {CUSTOMER: customer, **{name: row[name] for name in _PROFILE if row[name] is not None}},
        "segment": {
            SEGMENT: row["segment"],
            "name_en": row["segment_name_en"],
            "name_zh": row["segment_name_zh"],
            "membership": row["membership"],
            "memberships": row["memberships"],
        },
        "features": row["features"] or {},
        "rights": {kind: instant.isoformat() for kind, instant in claimed.items()},
        "lists": _lists(connection, at, customer),
    }


def product_report(connection: sa.Connection, at: PublishedRelease, product: str) -> Report:
    """What a product is, its similar products, its audience, its rules and forecasts, and on how many lists it stands.

    Raises:
        NotFoundError: nothing knows this product.
    """
    row = read_product(connection, at, product)
    similar = read_rows(connection, at, "similar_products", product=product)
    audience = read_rows(connection, at, "audiences", product=product, limit=N_AUDIENCE)
    rules = read_rows(connection, at, "rules")
    return {
        "release": provenance(connection, at),
        "product": {name: value for name, value in row.items() if value is not None},
        "similar": _named(connection, at, similar, "similar"),
        "audience": audience,
        "on_lists": _on_lists(connection, at, product),
        "rules": [rule for rule in rules if product in (*rule["antecedent"], *rule["consequent"])],
        "forecasts": [row for row in read_rows(connection, at, "forecasts", key=product) if row["series"] == "demand"],
        "sentiments": read_rows(connection, at, "sentiments", product=product),
    }


def segment_report(connection: sa.Connection, at: PublishedRelease, segment: str) -> Report:
    """A segment's size, lineage and typical values.

    Raises:
        NotFoundError: the release has no such segment.
    """
    row = read_segment(connection, at, segment)
    return {
        "release": provenance(connection, at),
        "segment": {name: row[name] for name in ("segment", "name_en", "name_zh", "customers", "share")},
        "lineage": {"born_day": row["born_day"], "parents": row["parents"]},
        "median": row["median"] or {},
        "mean": row["mean"] or {},
    }


def provenance(connection: sa.Connection, at: PublishedRelease) -> Report:
    """Which release an answer comes from, as known when, and by which artifacts it was made."""
    table = run_artifacts.c
    made = connection.execute(sa.select(table.name, table.artifact).where(table.run == at.run).order_by(table.name))
    return {
        "shop": at.shop,
        "release": at.release,
        "day": at.day.isoformat(),
        "known_at": at.known_at.isoformat() if at.known_at else None,
        "created_at": at.created_at.isoformat(),
        "is_current": at.is_current,
        "run": at.run,
        "artifacts": {row.name: row.artifact for row in made},
    }


def rights_of(connection: sa.Connection, shop: str, customer: str) -> Mapping[str, Any]:
    """Kind of right -> since when this person claims it; a person who was deleted is known by the hash of the key."""
    is_person = rights.c.customer.in_([customer, tombstone(shop, customer)])
    query = sa.select(rights.c.kind, rights.c.at).where(rights.c.shop == shop, is_person)
    return {row.kind: row.at for row in connection.execute(query.order_by(rights.c.kind))}


def _lists(connection: sa.Connection, at: PublishedRelease, customer: str) -> dict[str, list[dict[str, Any]]]:
    rows = read_rows(connection, at, "recommendations", customer=customer)
    lists: dict[str, list[dict[str, Any]]] = {}
    for row in _named(connection, at, rows, PRODUCT):
        lists.setdefault(row.pop("list"), []).append({k: v for k, v in row.items() if k != CUSTOMER})
    return {name: lists[name] for name in (*LISTS, *sorted(lists)) if name in lists}


def _named(
    connection: sa.Connection, at: PublishedRelease, rows: Iterable[dict[str, Any]], column: str
) -> list[dict[str, Any]]:
    found = list(rows)
    names = product_names(connection, at.shop, sorted({row[column] for row in found}))
    return [{**row, "name": names.get(row[column])} for row in found]


def _on_lists(connection: sa.Connection, at: PublishedRelease, product: str) -> dict[str, int]:
    view = sa.table(
        "all_recommendations",
        *(sa.column(name) for name in ("shop", "release", "list", PRODUCT)),
        schema="published",
    )
    query = sa.select(view.c.list, sa.func.count().label("n")).group_by(view.c.list).order_by(view.c.list)
    query = query.where(view.c.shop == at.shop, view.c.release == at.release, view.c.product == product)
    return {row.list: int(row.n) for row in connection.execute(query)}


def customer_exists(connection: sa.Connection, shop: str, customer: str) -> bool:
    """Whether any order line, or the customers' list, as now known, is of this person."""
    return any(
        read_entity(connection, shop, entity, limit=1, customer=customer) for entity in ("customers", "order_lines")
    )
