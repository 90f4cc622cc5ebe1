"""`rollback`, `approve`, `opt-out`, `forget`: what changes what is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

import click

from shopmine.cli.context import known_connections, staging_database
from shopmine.cli.output import print_json, show_pairs
from shopmine.errors import NotFoundError, ShopmineError

if TYPE_CHECKING:
    from shopmine.publish.rights_tasks import Receipt
    from shopmine.staging.database import Database
    from shopmine.staging.leases import Lease
    from shopmine.staging.releases import Release

_WAIT_SECONDS: Final = 120.0


class NotForgottenError(ShopmineError):
    """A person is hidden everywhere, but something of the person is left."""


@click.command()
@click.argument("shop")
@click.argument("release", type=int)
def rollback(shop: str, release: int) -> None:
    """Show an earlier RELEASE of SHOP again, in one step, and pin it: later releases wait for `approve`."""
    from shopmine.staging.releases import set_current

    then = f"{shop} is pinned: new releases wait until ./shopmine approve {shop} RELEASE"
    _show(shop, lambda db, lease: set_current(db, shop, release, pin=True, lease=lease), then)


@click.command()
@click.argument("shop")
@click.argument("release", type=int)
def approve(shop: str, release: int) -> None:
    """Make RELEASE of SHOP the current one and end the pinning: later releases become current again."""
    from shopmine.staging.releases import approve as approve_release

    then = f"{shop} is not pinned: the next release becomes current by itself"
    _show(shop, lambda db, lease: approve_release(db, shop, release, lease), then)


def _show(shop: str, move: Callable[[Database, Lease], Release], then: str) -> None:
    """Move a shop's pointer, say so, and write what is shown now into the sinks."""
    from shopmine.publish.tasks import pointer_lease
    from shopmine.staging.leases import hold_lease
    from shopmine.staging.releases import current_release

    with staging_database() as db:
        before = current_release(db, shop)
        with hold_lease(db, pointer_lease(shop), wait_seconds=_WAIT_SECONDS) as lease:
            now = move(db, lease)
        click.echo(_moved(before, now))
        click.echo(then)
        _refresh_sinks(db, shop)


def _refresh_sinks(db: Database, shop: str) -> None:
    from shopmine.publish.tasks import refresh_sinks

    for sink, tables in refresh_sinks(db, shop, known_connections()).items():
        click.echo(f"written to sink {sink}: " + ", ".join(f"{n} {table}" for table, n in tables.items()))


def _moved(before: Release | None, now: Release) -> str:
    was = "none" if before is None else f"release {before.release} ({before.day})"
    return f"{now.shop}: {was} -> release {now.release} ({now.day}), visible from now on"


@click.command("opt-out")
@click.argument("shop")
@click.argument("customer")
@click.option("--keep-profile", is_flag=True, help="Only no lists and audiences; the profile stays.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def opt_out(shop: str, customer: str, *, keep_profile: bool, as_json: bool) -> None:
    """CUSTOMER of SHOP wants no personal results: holds at once, in every release; prints the receipt."""
    from shopmine.publish.rights_tasks import opt_out as record

    kind = "no_personalisation" if keep_profile else "no_profiling"
    with staging_database() as db:
        _check_customer(db, shop, customer)
        _finish(db, record(db, shop, customer, kind), as_json=as_json)


@click.command()
@click.argument("shop")
@click.argument("customer")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def forget(shop: str, customer: str, *, yes: bool, as_json: bool) -> None:
    """Remove CUSTOMER of SHOP from batches, canonical tables, artifacts, releases and sinks; prints and keeps a receipt."""
    from shopmine.publish.rights_tasks import forget as delete

    with staging_database() as db:
        _check_customer(db, shop, customer)
        if not yes:
            click.confirm(f"Delete {customer!r} of {shop} from everything? It cannot be undone", abort=True, err=True)
        receipt = delete(db, shop, customer, known_connections())
        _finish(db, receipt, as_json=as_json)
    if not receipt.is_complete:
        left = ", ".join(f"{n} of {name}" for name, n in receipt.remaining.items())
        raise NotForgottenError(
            f"{customer!r} is hidden everywhere from now on, but this is left: {left}. Run forget again when no run of the"
            " shop is under way; lines of others that name the person must be corrected at the source"
        )


def _check_customer(db: Database, shop: str, customer: str) -> None:
    """Refuse a mistyped id: a right for nobody would look like one that holds."""
    from shopmine.serving.lookups import find_release, read_customer
    from shopmine.serving.reports import customer_exists, rights_of

    with db.snapshot() as connection:
        if customer_exists(connection, shop, customer) or rights_of(connection, shop, customer):
            return
        try:
            read_customer(connection, find_release(connection, shop), customer)
        except NotFoundError as error:
            raise NotFoundError(f"{error}; nothing was recorded") from None


def _finish(db: Database, receipt: Receipt, *, as_json: bool) -> None:
    """Take the person out of the sinks too; the receipt is printed also when a sink does not answer."""
    from shopmine.publish.tasks import remove_from_sinks

    removed: dict[str, dict[str, int]] = {}
    try:
        removed = remove_from_sinks(db, receipt.shop, receipt.customer, known_connections())
    finally:
        if as_json:
            print_json({**asdict(receipt), "is_complete": receipt.is_complete, "sinks": removed})
        else:
            click.echo("\n".join([*_receipt_lines(receipt), *_sink_lines(removed)]))


def _receipt_lines(receipt: Receipt) -> list[str]:
    shown = {view: f"{n} -> {receipt.after[view]}" for view, n in receipt.before.items()}
    return [
        f"Receipt: {receipt.kind} of {receipt.customer!r}, shop {receipt.shop}, since {receipt.at.isoformat()}",
        "rows of the person shown by each view, before -> now:",
        *show_pairs(shown),
        *(["rows deleted:", *show_pairs(receipt.deleted)] if receipt.deleted else []),
    ]


def _sink_lines(removed: dict[str, dict[str, int]]) -> list[str]:
    nothing = "holds nothing about persons"
    told = {sink: ", ".join(f"{n} from {table}" for table, n in tables.items()) for sink, tables in removed.items()}
    return [f"rows deleted from sink {sink}: {what or nothing}" for sink, what in told.items()]


commands: list[click.Command] = [rollback, approve, opt_out, forget]
