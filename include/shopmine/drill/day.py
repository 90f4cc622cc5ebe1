"""A shop's day without Airflow: the same functions of the package in the order of `dags/daily.py`, called directly."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING

from shopmine.collect.tasks import collect_source
from shopmine.config.shops import Shop, load_shop
from shopmine.features.tasks import build_features
from shopmine.mining.registry import MODELS
from shopmine.mining.tasks import apply_model, fit_model
from shopmine.prepare.tasks import prepare
from shopmine.publish.tasks import publish, write_sink
from shopmine.staging.releases import Release, find_release
from shopmine.staging.runs import finish_run, load_run, open_run

if TYPE_CHECKING:
    from shopmine.config.connections import Connections
    from shopmine.staging.database import Database

Watch = Callable[[str], AbstractContextManager[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One task of a day; `run` takes the number of the run."""

    name: str
    run: Callable[[int], object]


def day_stages(db: Database, shop: Shop, connections: Connections) -> list[Stage]:
    """The tasks of a day of the shop, named as in its DAG, in an order that the DAG allows."""
    found: list[tuple[str, Callable[[int], object]]] = [
        (f"collect.{name}", partial(_collect, db, name, connections)) for name in shop.sources
    ]
    found += [("prepare", partial(prepare, db)), ("features", partial(build_features, db))]
    for model in (entry.name for entry in MODELS):
        found += [
            (f"{model}.fit", partial(_mine, fit_model, db, model)),
            (f"{model}.apply", partial(_mine, apply_model, db, model)),
        ]
    found.append(("publish", partial(publish, db)))
    found += [(f"sinks.{name}", partial(_sink, db, name, connections)) for name in shop.sinks]
    return [Stage(name=name, run=run) for name, run in found]


def run_day(  # noqa: PLR0913 - the two last are for those who watch
    db: Database,
    shop: str,
    day: date,
    connections: Connections,
    known_at: datetime | None = None,
    *,
    watch: Watch = nullcontext,
    started_by: str = "test",
) -> Release:
    """Run all of a day and give its release; what fails is raised and ends the run as failed.

    Args:
        db: the staging database.
        shop: name of the shop; its file lies in $SHOPMINE_SHOPS.
        day: the shop's day.
        connections: by id, all that the shop needs.
        known_at: as known then; None: as now known, sources are read.
        watch: called with each stage's name; the stage runs within what it gives.
        started_by: days that run side by side need names of their own: a run left running by a name is abandoned.
    """
    run = open_run(db, shop=shop, day=day, known_at=known_at, started_by=f"{started_by} {day}", config={}).run
    return run_stages(db, run, connections, watch=watch)


def run_stages(db: Database, run: int, connections: Connections, *, watch: Watch = nullcontext) -> Release:
    """All tasks of a run that is open, or of one that ended amid them: what was done is found done.

    Args:
        db: the staging database.
        run: its number.
        connections: by id, all that the shop needs.
        watch: called with each stage's name; the stage runs within what it gives.
    """
    shop, release = load_run(db, run).shop, 0
    try:
        for stage in day_stages(db, load_shop(shop), connections):
            with watch(stage.name):
                done = stage.run(run)
            if stage.name == "publish" and isinstance(done, int):
                release = done
    except BaseException:
        finish_run(db, run, "failed")
        raise
    finish_run(db, run, "finished")
    return find_release(db, shop, release)


def _collect(db: Database, source: str, connections: Connections, run: int) -> object:
    return collect_source(db, run, source, connections)


def _mine(verb: Callable[[Database, int, str], int], db: Database, model: str, run: int) -> object:
    return verb(db, run, model)


def _sink(db: Database, sink: str, connections: Connections, run: int) -> object:
    return write_sink(db, run, sink, connections)
