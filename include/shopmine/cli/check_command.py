"""`check`: is a shop's file right, can its sources be read, what would be mapped to what, what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

import click

from shopmine.cli.context import known_connections
from shopmine.cli.output import print_json, print_table
from shopmine.errors import ShopmineError

if TYPE_CHECKING:
    from shopmine.collect.preview import EntityPreview, SourcePreview
    from shopmine.config.connections import Connections
    from shopmine.config.shops import Shop

_ROWS: Final = 3


class CheckFailedError(ShopmineError):
    """Something is wrong with a shop's file or its sources; all of it has been printed."""


@click.command()
@click.argument("shop")
@click.option(
    "--rows", type=click.IntRange(0, 100), default=_ROWS, show_default=True, help="Rows shown of each entity."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of tables.")
def check(shop: str, rows: int, as_json: bool) -> None:
    """Is SHOP's file right, can each source be read, how do a few rows look. Nothing is written; exit status 1 tells a problem."""
    from shopmine.collect.preview import missing_entities, preview_source
    from shopmine.config.shops import load_shop, shops_folder

    settings = load_shop(shop)
    where = str(shops_folder() / f"{shop}.toml")
    connections = known_connections()
    problems = list(_problems_of_parts(settings, where, connections))
    previews = [preview_source(settings, source, connections, rows) for source in settings.sources]
    missing = missing_entities(settings)
    every = [*problems, *(problem for preview in previews for problem in preview.all_problems())]
    if as_json:
        print_json({"shop": shop, "problems": every, "sources": [asdict(p) for p in previews], "missing": missing})
    else:
        click.echo(f"{where}: {settings.title}, {settings.timezone}, {settings.currency}, from {settings.first_day}")
        for preview in previews:
            _show_source(settings, preview)
        click.echo(f"\nnot offered by any source, so not mined: {', '.join(missing) or 'nothing'}")
        for problem in problems:
            click.echo(f"problem: {problem}")
    if every:
        raise CheckFailedError(
            f"{len(every)} problem{'s' if len(every) > 1 else ''} in {shop!r}; mend what is named above"
        )
    if not as_json:
        click.echo("everything is right")


def _problems_of_parts(shop: Shop, where: str, connections: Connections) -> Iterator[str]:
    """What the parts themselves refuse of the settings that they alone understand."""
    from shopmine.mining.registry import model_config
    from shopmine.prepare.gates import PrepareGates
    from shopmine.publish.gates import GatesConfig
    from shopmine.publish.sink_tasks import check_sink

    for name, settings in shop.models.items():
        try:
            model_config(name, settings, where)
        except ShopmineError as error:
            yield str(error)
    for gates in (PrepareGates, GatesConfig):
        try:
            gates.from_settings(shop.gates)
        except ShopmineError as error:
            yield f"{where}: {error}"
    for sink in shop.sinks:
        try:
            check_sink(shop, sink, connections)
        except ShopmineError as error:
            yield f"{where}: sinks.{sink}: {error}"


def _show_source(shop: Shop, preview: SourcePreview) -> None:
    source = shop.sources[preview.source]
    click.echo(f"\nsource {source.name} ({source.kind}, connection {source.connection})")
    for problem in preview.problems:
        click.echo(f"  problem: {problem}")
    for entity in preview.entities:
        _show_entity(shop, preview.source, entity)


def _show_entity(shop: Shop, source: str, entity: EntityPreview) -> None:
    n_rows = "" if entity.n_rows is None else f", about {entity.n_rows:,} rows"
    click.echo(f"\n  {entity.entity}{n_rows}")
    for name in entity.feeds:
        mapped = shop.sources[source].entities[name]
        made = [f"{column} <- {' / '.join(field.sources)}" for column, field in mapped.fields.items() if field.sources]
        made += [column for column, field in mapped.fields.items() if not field.sources]
        made += [f"attributes.{attribute} <- {column}" for attribute, column in mapped.attributes.items()]
        click.echo(f"    {name}: {', '.join(made)}")
        if unmapped := [column for column in mapped.canonical.by_name if column not in mapped.fields]:
            click.echo(f"      not mapped: {', '.join(unmapped)}")
    for problem in entity.problems:
        click.echo(f"    problem: {problem}")
    for hint in entity.hints:
        click.echo(f"    note: {hint}")
    if entity.rows:
        print_table([name for name, _ in entity.columns], entity.rows)


commands = [check]
