"""`sql`, `show`, `why`, `releases`, `compare`: what is there; nothing is changed."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Any

import click

from shopmine.cli.context import DAY, staging_database
from shopmine.cli.output import print_csv, print_json, print_table, show_value
from shopmine.cli.query import DEFAULT_ROWS, TIMEOUT_SECONDS, run_query
from shopmine.errors import ConfigError, NotFoundError

_as_json = click.option("--json", "as_json", is_flag=True, help="For programs.")
_day = click.option("--day", type=DAY, help="The newest release of this day; default: the current release.")
_release = click.option("--release", type=int, help="This release.")


@click.command()
@click.argument("query")
@click.option("--csv", "as_csv", is_flag=True, help="CSV with a header instead of a table.")
@_as_json
@click.option(
    "--limit", type=click.IntRange(min=1), default=DEFAULT_ROWS, show_default=True, help="Print at most so many rows."
)
def sql(query: str, *, as_csv: bool, as_json: bool, limit: int) -> None:
    """Run one read-only QUERY on the staging database (schemas raw, clean, work, published)."""
    with staging_database() as db:
        answer = run_query(db, query, max_rows=limit)
    if as_json:
        print_json([dict(zip(answer.columns, row, strict=True)) for row in answer.rows])
    elif as_csv:
        print_csv(answer.columns, answer.rows)
    else:
        print_table(answer.columns, answer.rows)
    if answer.is_cut:
        click.echo(f"only the first {limit} rows are shown; --limit N shows more", err=True)
    elif not as_csv and not as_json:
        click.echo(f"{len(answer.rows)} rows (limit {limit}, at most {TIMEOUT_SECONDS} s)", err=True)


@click.command()
@click.argument("shop")
@click.argument("kind", type=click.Choice(["customer", "product", "segment"]))
@click.argument("id", metavar="ID")
@_day
@_release
@_as_json
def show(shop: str, kind: str, id: str, day: date | None, release: int | None, *, as_json: bool) -> None:  # noqa: A002
    """Show what is published about a customer, product or segment of SHOP."""
    from shopmine.cli.show_text import render_customer, render_product, render_segment
    from shopmine.serving.lookups import find_release
    from shopmine.serving.reports import customer_report, product_report, segment_report

    make, render = {
        "customer": (customer_report, render_customer),
        "product": (product_report, render_product),
        "segment": (segment_report, render_segment),
    }[kind]
    _check_one(day, release)
    with staging_database() as db, db.snapshot() as connection:
        report = make(connection, find_release(connection, shop, release=release, day=day), id)
    if as_json:
        print_json(report)
    else:
        click.echo(render(report))


@click.command()
@click.argument("shop")
@click.argument("customer")
@click.argument("product")
@_day
@_release
@_as_json
def why(shop: str, customer: str, product: str, day: date | None, release: int | None, *, as_json: bool) -> None:
    """Say why PRODUCT is, or is not, recommended to CUSTOMER of SHOP: rank and score at each stage, or the rule."""
    from shopmine.cli.show_text import render_why
    from shopmine.serving.lookups import find_release
    from shopmine.serving.why import why_report

    _check_one(day, release)
    with staging_database() as db:
        with db.snapshot() as connection:
            at = find_release(connection, shop, release=release, day=day)
        report = why_report(db, at, customer, product)
    if as_json:
        print_json(report)
    else:
        click.echo(render_why(report))


@click.command()
@click.argument("shop")
@_as_json
def releases(shop: str, *, as_json: bool) -> None:
    """List the releases of SHOP, newest first, and which one is shown."""
    from shopmine.config.shops import load_shop
    from shopmine.staging.releases import is_pinned, list_releases

    with staging_database() as db:
        found = list_releases(db, shop)
        pinned = is_pinned(db, shop)
    if not found:
        load_shop(shop)
        raise NotFoundError(f"shop {shop!r} has no release yet; make one with ./shopmine run {shop} DAY")
    if as_json:
        print_json({"is_pinned": pinned, "releases": [asdict(release) for release in found]})
        return
    columns = ("release", "day", "known_at", "created_at", "state", "run", "rows", "content")
    rows: list[tuple[Any, ...]] = [
        (
            f"{release.release}{' *' if release.is_current else ''}",
            release.day,
            release.known_at,
            f"{release.created_at:%Y-%m-%d %H:%M:%SZ}",
            release.state,
            release.run,
            sum(release.n_rows.values()),
            release.content_hash[:12],
        )
        for release in found
    ]
    print_table(columns, rows)
    click.echo(f"* is shown{'; pinned: later ones wait for ./shopmine approve' if pinned else ''}")


@click.command()
@click.argument("shop")
@click.argument("old", type=int, metavar="R1")
@click.argument("new", type=int, metavar="R2")
@_as_json
def compare(shop: str, old: int, new: int, *, as_json: bool) -> None:
    """Show what differs between releases R1 and R2 of SHOP: segments, recommendations, metrics, figures, checks."""
    from shopmine.publish.compare import render_comparison
    from shopmine.publish.tasks import compare as compare_stored

    with staging_database() as db:
        comparison = compare_stored(db, shop, old, new)
    if as_json:
        print_json(comparison.as_dict())
    else:
        click.echo(render_comparison(comparison))


def _check_one(day: date | None, release: int | None) -> None:
    if day is not None and release is not None:
        raise ConfigError(f"--day {show_value(day)} and --release {release} exclude each other; give one")


commands: list[click.Command] = [sql, show, why, releases, compare]
