"""`demo`: from nothing to a published release of a ready-made shop and a running UI."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from shopmine.errors import ConfigError, ShopmineError

if TYPE_CHECKING:
    from shopmine.local.airflow_api import AirflowApi, DagRun, TaskState
    from shopmine.local.installation import Installation

_SIZES: Final = ("tiny", "small", "medium")
_DAG_SECONDS: Final = 120.0
_RUN_SECONDS: Final = 6 * 3600.0
Say = Callable[[str], None]


@click.command()
@click.option("--shop", default="demo", show_default=True, help="A ready-made shop (shops/examples).")
@click.option("--size", type=click.Choice(_SIZES), default="tiny", show_default=True, help="Of the generated shop.")
@click.option(
    "--data", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Folder with the shop's data."
)
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="Day to mine; default: the last day of the data.")
def demo(shop: str, size: str, data: Path | None, day: object) -> None:
    """From nothing to a published release and a running UI: servers, data, Airflow, one day. Can be repeated."""
    from shopmine.local.airflow import Airflow
    from shopmine.local.installation import Installation
    from shopmine.local.running import start_airflow, start_databases

    say, installation = elapsed_lines(), Installation.load()
    start_databases(installation, say=say)
    last_day = load_shop_data(installation, shop, size=size, data=data, say=say)
    place_shop_file(shop, size=size, folder=Path(os.environ["SHOPMINE_SHOPS"]), say=say)
    start_airflow(installation, say=say)
    chosen = day.date() if hasattr(day, "date") else last_day
    airflow = Airflow(installation)
    api = airflow.api()
    try:
        run_day(api, shop, chosen, say=say)
    finally:
        api.close()
    say("done")
    show_release(installation, shop, chosen)
    click.echo(f"\nUI: {airflow.url}  user: admin  password: in {installation.login_file}")
    click.echo(f"next: ./shopmine releases {shop} · ./shopmine show {shop} segment 1 · ./shopmine stop")


def load_shop_data(installation: Installation, shop: str, *, size: str, data: Path | None, say: Say) -> date:
    """Make the shop's databases and fill them; the last day of its data."""
    from shopmine.demo.loading import demo_shops, load_demo

    if shop not in demo_shops():
        raise ConfigError(f"there is no ready-made shop {shop!r}; there are {demo_shops()}")
    files = installation.home / "files" / shop
    files.mkdir(parents=True, exist_ok=True)
    installation.add_demo_databases(shop, files)
    say(f"loading the data of {shop}")
    folder = data or (Path(os.environ["SHOPMINE_DATA"]) if "SHOPMINE_DATA" in os.environ else None)
    connections = installation.connections()
    loaded = load_demo(shop, size=size, data=folder, connections=connections, files_dir=files)
    say(f"{shop} holds {sum(loaded.n_rows.values()):,} rows in {len(loaded.n_rows)} tables, up to {loaded.last_day}")
    return loaded.last_day


def place_shop_file(shop: str, *, size: str, folder: Path, say: Say) -> None:
    """Copy the shop's example file into the folder of shops, over an older copy but never over a person's changes."""
    from shopmine.demo.loading import shop_file

    target, wanted = folder / f"{shop}.toml", shop_file(shop, size=size)
    present = target.read_text(encoding="utf-8") if target.exists() else None
    if present is not None and present not in {shop_file(shop, size=other) for other in _SIZES}:
        say(f"{target} has been changed; it stays as it is")
    elif present != wanted:
        folder.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f".{shop}.new")
        beside.write_text(wanted, encoding="utf-8")
        beside.replace(target)
        say(f"the shop's file is {target}")


def run_day(api: AirflowApi, shop: str, day: date, *, say: Say) -> None:
    """Run the shop's daily DAG for a day and wait.

    Raises:
        ShopmineError: the run failed; with what each failed task said.
    """
    from shopmine.config.shops import load_shop

    dag, zone = f"{shop}.daily", load_shop(shop).zone
    say(f"waiting for Airflow to read {dag}")
    api.wait_for_dag(dag, seconds=_DAG_SECONDS)
    started = api.trigger(dag, day, zone)
    say(f"running {dag} for {day}")
    api.outlast(say)
    ended = api.follow(dag, started.run, seconds=_RUN_SECONDS, on_change=lambda task: _say_task(task, say))
    if ended.state != "success":
        raise ShopmineError(
            f"the run of {shop} for {day} {ended.state}:\n{_failures(api, ended)}\nsee ./shopmine status"
        )


def show_release(installation: Installation, shop: str, day: date) -> None:
    """Print what the newest release of the day holds."""
    import sqlalchemy as sa

    from shopmine.cli.output import print_table
    from shopmine.staging.database import Database

    newest = "SELECT release, content_hash FROM published.releases WHERE shop = :shop AND day = :day ORDER BY release DESC LIMIT 1"
    segments = "SELECT segment, name_en, name_zh, customers, round(100 * share) FROM published.all_segments WHERE shop = :shop AND release = :release ORDER BY segment"
    count = "SELECT count(*), count(DISTINCT customer) FROM published.all_recommendations WHERE shop = :shop AND release = :release"
    database = Database(installation.database_url("shopmine"))
    try:
        with database.snapshot() as connection:
            found = connection.execute(sa.text(newest), {"shop": shop, "day": day}).one_or_none()
            if found is None:
                raise ShopmineError(f"the run of {shop} for {day} ended well but there is no release of that day")
            at = {"shop": shop, "release": found.release}
            rows = connection.execute(sa.text(segments), at).all()
            n_recommendations, n_customers = connection.execute(sa.text(count), at).one()
    finally:
        database.close()
    click.echo(f"\nrelease {found.release} of {shop} for {day} ({found.content_hash[:12]})")
    print_table(["segment", "name", "名称", "customers", "%"], [tuple(row) for row in rows])
    click.echo(f"{n_recommendations:,} recommendations for {n_customers:,} customers")


def elapsed_lines() -> Say:
    """Prints lines for a person who waits, each with the seconds since the beginning."""
    began = time.monotonic()
    return lambda line: click.echo(f"[{time.monotonic() - began:6.1f} s] {line}")


def _say_task(task: TaskState, say: Say) -> None:
    if task.state in {"running", "scheduled", "queued"}:
        return
    took = f" in {task.seconds:.1f} s" if task.seconds else ""
    say(f"  {task.task}: {task.state}{took}{f' (try {task.tries})' if task.tries > 1 else ''}")


def _failures(api: AirflowApi, run: DagRun) -> str:
    failed = [task for task in api.tasks(run.dag, run.run) if task.state == "failed"]
    return "\n".join(
        f"  {task.task}: {api.task_error(run.dag, run.run, task) or 'see its log in the UI'}" for task in failed
    )


commands: list[click.Command] = [demo]
