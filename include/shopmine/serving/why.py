"""Why a product is, or is not, on a customer's lists: what is published, and the pair's trace through the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shopmine.columns import LIST, PRODUCT
from shopmine.errors import NotFoundError, ShopmineError
from shopmine.mining.tasks import explain_recommendation
from shopmine.serving.lookups import PublishedRelease, product_names, read_customer, read_product, read_rows
from shopmine.serving.reports import LISTS, Report, provenance, rights_of

if TYPE_CHECKING:
    import sqlalchemy as sa

    from shopmine.staging.database import Database


def why_report(db: Database, at: PublishedRelease, customer: str, product: str) -> Report:
    """What is published of the pair counts; the trace adds what removed it and where it stood at each stage.

    Returns:
        `customer`, `product`, `name`, `lists` (list -> rank, score, method, reasons, removed_by), `methods` (method ->
        rank, score before the shop's rules), `note` (why there is no trace), `release`.

    Raises:
        NotFoundError: nothing knows the customer or the product, or a right hides the person.
    """
    with db.snapshot() as connection:
        _check_visible(connection, at, customer)
        read_product(connection, at, product)
        published = {
            row[LIST]: row for row in read_rows(connection, at, "recommendations", customer=customer, product=product)
        }
        if not published and not read_rows(connection, at, "recommendations", customer=customer, limit=1):
            read_customer(connection, at, customer)
        name = product_names(connection, at.shop, [product]).get(product)
        origin = provenance(connection, at)
    trace, note = _trace(db, at, customer, product)
    lists = {which: _entry(published.get(which), trace.get("lists", {}).get(which)) for which in LISTS}
    return {
        "customer": customer,
        PRODUCT: product,
        "name": name,
        "lists": lists,
        "methods": trace.get("methods", {}),
        "note": note,
        "release": origin,
    }


def _check_visible(connection: sa.Connection, at: PublishedRelease, customer: str) -> None:
    if claimed := rights_of(connection, at.shop, customer):
        told = ", ".join(f"{kind} since {since:%Y-%m-%d %H:%M} UTC" for kind, since in claimed.items())
        raise NotFoundError(f"nothing is recommended to customer {customer!r}: it is their own right ({told})")


def _trace(db: Database, at: PublishedRelease, customer: str, product: str) -> tuple[dict[str, Any], str | None]:
    """The trace, or none and why: what is published stands without it."""
    try:
        return explain_recommendation(db, at.run, customer, product), None
    except ShopmineError as error:
        return {}, f"No trace through the model: {error}."


def _entry(published: dict[str, Any] | None, traced: dict[str, Any] | None) -> dict[str, Any]:
    found = dict(traced or {"method": None, "removed_by": None})
    if published is None:
        return {**found, "rank": None, "score": None, "reasons": []}
    shown = {name: published[name] for name in ("rank", "score", "reasons")}
    return {**found, **shown, "method": published["source"], "removed_by": None}
