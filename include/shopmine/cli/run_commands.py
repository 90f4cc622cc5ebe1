"""`run` and `backfill`: a shop's days through Airflow, followed to their end."""

from __future__ import annotations

import time
from datetime import date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import click

from shopmine.cli.context import DAY, airflow_api, within_data
from shopmine.errors import ConfigError, ShopmineError, SourceUnavailableError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from shopmine.local.airflow_api import AirflowApi, DagRun, TaskState

_POLL_SECONDS: Final = 2.0
_DAG_SECONDS: Final = 60.0
_RUNBOOK: Final = "docs/runbooks/daily.md"


class RunFailedError(ShopmineError):
    """A run ended without success; what was published before is still there."""


class _Instant(click.ParamType[datetime]):
    name = "instant"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            instant = datetime.fromisoformat(str(value))
        except ValueError:
            instant = None
        if instant is None or instant.tzinfo is None:
            self.fail(f"{value!r} is not an instant with an offset; write 2026-01-31T02:00:00+08:00", param, ctx)
        return instant


_known_at = click.option(
    "--known-at", type=_Instant(), help="Use only what was known at this instant; no source is read."
)
_timeout = click.option(
    "--timeout", type=click.IntRange(min=1), default=24 * 60, show_default=True, help="Minutes to wait for the end."
)


@click.command()
@click.argument("shop")
@click.argument("day", type=DAY)
@_known_at
@_timeout
def run(shop: str, day: date, known_at: datetime | None, timeout: int) -> None:
    """Run SHOP's DAY (YYYY-MM-DD) through Airflow and wait; the exit status tells how it ended."""
    from shopmine.config.shops import load_shop

    within_data(shop, day)
    dag, zone = f"{shop}.daily", load_shop(shop).zone
    with airflow_api() as api:
        api.wait_for_dag(dag, seconds=_DAG_SECONDS)
        started = api.trigger(dag, day, zone, _conf(known_at))
        click.echo(f"{dag} {day}: {started.run}")
        api.outlast(_show_line)
        ended = api.follow(dag, started.run, seconds=timeout * 60, on_change=partial(_show_task, api, started))
        if ended.state != "success":
            raise RunFailedError(f"the run of {shop} for {day} ended as {ended.state}:{_failures(api, ended)}")
    click.echo(f"{shop} {day}: success; look at it with ./shopmine releases {shop}")


@click.command()
@click.argument("shop")
@click.argument("first", metavar="FROM", type=DAY)
@click.argument("last", metavar="TO", type=DAY)
@_known_at
@_timeout
def backfill(shop: str, first: date, last: date, known_at: datetime | None, timeout: int) -> None:
    """Run all of SHOP's days FROM … TO (both included) by Airflow's own backfill, also those that ran before."""
    from shopmine.config.shops import load_shop

    if first > last:
        raise ConfigError(f"FROM {first} is after TO {last}; give the earlier day first")
    within_data(shop, first, last)
    dag, zone = f"{shop}.daily", load_shop(shop).zone
    deadline = time.monotonic() + timeout * 60
    with airflow_api() as api:
        api.wait_for_dag(dag, seconds=_DAG_SECONDS)
        # A configuration that lacked `day` would leave that of an older manual run in place.
        number = api.create_backfill(dag, (first, last), zone, conf={"day": None, **_conf(known_at)})
        click.echo(f"{dag}: backfill {number}, {(last - first).days + 1} days")
        api.outlast(_show_line)
        _follow_backfill(api, number, deadline, (dag, first, last, zone))
        missing = _unsuccessful(api, dag, (first, last), zone)
    if missing:
        lines = "".join(f"\n  {day}: {why}" for day, why in missing)
        raise RunFailedError(f"{len(missing)} of {(last - first).days + 1} days did not succeed:{lines}")
    click.echo(f"{shop} {first} to {last}: success; look at it with ./shopmine releases {shop}")


def _conf(known_at: datetime | None) -> dict[str, Any]:
    return {"known_at": known_at.isoformat() if known_at else None}


def _show_line(line: str) -> None:
    click.echo(f"  {line}")


def _show_task(api: AirflowApi, run_: DagRun, task: TaskState) -> None:
    took = f" ({task.seconds:.1f} s)" if task.seconds is not None and task.state in {"success", "failed"} else ""
    again = f", try {task.tries}" if task.tries > 1 else ""
    why = f": {api.task_error(run_.dag, run_.run, task)}" if task.state == "up_for_retry" else ""
    _show_line(f"{task.task}: {task.state}{took}{again}{why}")


def _failures(api: AirflowApi, ended: DagRun) -> str:
    """What each failed task said; those that never began because of it are only named."""
    lines = []
    for task in api.tasks(ended.dag, ended.run):
        if task.state == "failed":
            said = api.task_error(ended.dag, ended.run, task)
            lines.append(f"\n  {task.task}: {said or 'failed without a word; see its log in Airflow'}")
        elif task.state == "upstream_failed":
            lines.append(f"\n  {task.task}: did not run")
    return f"{''.join(lines)}\n  what to do: {_RUNBOOK}" if lines else " see it in Airflow"


def _follow_backfill(api: AirflowApi, number: int, deadline: float, days: tuple[str, date, date, ZoneInfo]) -> None:
    """Wait for the backfill and for runs that were under way before it; show each day as it ends."""
    dag, first, last, zone = days
    shown: set[tuple[str, str]] = set()
    while True:
        is_done = api.is_backfill_done(number)
        runs = api.runs(dag, (first, last), zone)
        for found in runs:
            if found.state in {"success", "failed"} and (found.run, found.state) not in shown:
                shown.add((found.run, found.state))
                click.echo(f"  {_day(found, zone)}: {found.state}")
        if is_done and all(found.state in {"success", "failed"} for found in runs):
            return
        if time.monotonic() > deadline:
            raise SourceUnavailableError(f"backfill {number} of {dag} has not ended in time; it goes on in Airflow")
        time.sleep(_POLL_SECONDS)


def _day(found: DagRun, zone: ZoneInfo) -> str:
    return found.logical_date.astimezone(zone).date().isoformat() if found.logical_date else "?"


def _unsuccessful(api: AirflowApi, dag: str, days: tuple[date, date], zone: ZoneInfo) -> list[tuple[str, str]]:
    """The days of the range whose newest run did not succeed, with the reason."""
    by_day = {_day(found, zone): found for found in api.runs(dag, days, zone)}
    wanted = [(days[0] + timedelta(days=n)).isoformat() for n in range((days[1] - days[0]).days + 1)]
    found: list[tuple[str, str]] = []
    for day in wanted:
        run_ = by_day.get(day)
        if run_ is None:
            found.append((day, "Airflow made no run; is the day over, and inside first_day … last_day?"))
        elif run_.state != "success":
            found.append((day, f"{run_.state}{_failures(api, run_)}"))
    return found


commands: list[click.Command] = [run, backfill]
