"""`drill`: the fault kit for a user, on a scratch copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from shopmine.errors import ShopmineError

if TYPE_CHECKING:
    from shopmine.drill.experiments import Outcome
    from shopmine.drill.plan import Skipped

_COLUMNS = ("point or trouble", "action", "result", "invariants", "seconds")


class DrillFailedError(ShopmineError):
    """Something that must always hold did not hold."""


@click.command()
@click.option(
    "--all", "is_whole", is_flag=True, help="Every point with every action, 200 random kills: an hour or more."
)
@click.option("--kills", type=click.IntRange(min=0), help="Kills at random moments; default: 3, with --all 200.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the random kills.")
def drill(*, is_whole: bool, kills: int | None, seed: int) -> None:
    """Break a small shop on purpose, on a scratch copy, and check that nothing wrong is ever shown or kept.

    A day is killed, stopped, made to fail, cut off from its database and left without disk at named points, then run to
    its end; readers look all the time. Uses databases of its own on this installation's servers and deletes them; no shop
    of yours is touched. Exit status 1 when an invariant does not hold.
    """
    from shopmine.cli.output import print_table
    from shopmine.drill.experiments import Drill, Outcome
    from shopmine.drill.plan import short_plan, whole_plan
    from shopmine.drill.scratch import Servers, scratch_shop
    from shopmine.local.installation import Installation
    from shopmine.local.running import start_databases

    installation = Installation.load()
    start_databases(installation, say=click.echo)
    servers = Servers(
        postgres=installation.database_url("postgres", user="postgres"),
        mysql=installation.mysql_url(),
        mongo=installation.mongo_url(),
    )
    click.echo("making a scratch shop and running its day once without a fault")
    done: list[Outcome | Skipped] = []
    with scratch_shop(servers) as scratch:
        made = Drill(scratch)
        n_kills = kills if kills is not None else (200 if is_whole else 3)
        for experiment in (whole_plan if is_whole else short_plan)(made, n_kills=n_kills, seed=seed):
            done.append(experiment())
            click.echo(_line(done[-1]))
    print_table(_COLUMNS, [_row(found) for found in done])
    violated = [found for found in done if isinstance(found, Outcome) and found.violations]
    for found in violated:
        click.echo(f"{found.what} ({found.action}):\n  " + "\n  ".join(found.violations), err=True)
    if violated:
        raise DrillFailedError(
            f"{len(violated)} of {len(done)} experiments broke an invariant; please report the lines above"
        )
    looks = sum(found.n_looks for found in done if isinstance(found, Outcome))
    click.echo(f"all invariants held in {len(done)} experiments; readers looked {looks:,} times and saw nothing torn")


def _row(found: Outcome | Skipped) -> tuple[object, ...]:
    from shopmine.drill.plan import Skipped

    if isinstance(found, Skipped):
        return (found.what, "-", f"skipped: {found.why}", "-", None)
    told = f"{len(found.violations)} broken" if found.violations else "hold"
    return (found.what, found.action, found.result, told, round(found.seconds, 1))


def _line(found: Outcome | Skipped) -> str:
    what, action, result, told, _seconds = _row(found)
    return f"  {what}: {action}: {result}: {told}"


commands: list[click.Command] = [drill]
