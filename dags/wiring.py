"""What every DAG file needs: the shops there are, a run's day, connections, and what happens when a task fails.

No DAG is made here (see `.airflowignore`). Only the standard library and Airflow are imported at the top: this module
is loaded at every parse. The package itself is imported inside the functions that run in a task.
"""

from __future__ import annotations

import json
import logging
import os
import re
import tomllib
import urllib.request
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from zoneinfo import ZoneInfo

import pendulum
from airflow.sdk import Asset, ExceptionRetryPolicy, Param, RetryAction, RetryRule, WeightRule, get_current_context

if TYPE_CHECKING:
    from shopmine.config.connections import Connection
    from shopmine.config.shops import Shop
    from shopmine.staging.database import Database

T = TypeVar("T")
log = logging.getLogger("shopmine.dags")

STAGING = "shopmine_staging"
SHOPS_FOLDER = Path(os.environ.get("SHOPMINE_SHOPS") or Path(__file__).resolve().parents[1] / "shops")
RUNBOOKS = "docs/runbooks"

# Only what may pass by itself is tried again; a deliberate error is final and says what to do. Anything else (a killed
# worker, a bug) follows `retries`: every task is idempotent.
RETRY_POLICY = ExceptionRetryPolicy(
    rules=[
        RetryRule("shopmine.errors.SourceUnavailableError", RetryAction.RETRY, reason="the server may come back"),
        RetryRule("shopmine.errors.ShopmineError", RetryAction.FAIL, reason="running it again would not help"),
    ]
)

RUN_PARAMS = {
    "day": Param(
        None,
        type=["null", "string"],
        format="date",
        title="Day 日期",
        description="The shop's day to mine (YYYY-MM-DD). Empty: the run's own day, else the last complete day.",
    ),
    "known_at": Param(
        None,
        type=["null", "string"],
        format="date-time",
        title="Known at 数据时点",
        description="Use only what was known at this instant (ISO 8601 with offset); no source is read. Empty: now.",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopFile:
    """What the shape of a shop's DAGs depends on; everything else of the file is read and checked inside the tasks."""

    name: str
    title: str
    owner: str
    timezone: str
    first_day: date
    sources: tuple[str, ...]
    sinks: tuple[str, ...]

    @property
    def start_date(self) -> pendulum.DateTime:
        """Midnight of the first day, in the shop's zone."""
        return pendulum.datetime(self.first_day.year, self.first_day.month, self.first_day.day, tz=self.timezone)


def read_shops(folder: Path = SHOPS_FOLDER) -> tuple[list[ShopFile], dict[str, str]]:
    """The shops of the folder by name, and beside them the files that cannot be used, each with the reason."""
    shops: list[ShopFile] = []
    broken: dict[str, str] = {}
    for path in sorted(folder.glob("*.toml")):
        try:
            shops.append(_read_shop(path))
        except (OSError, ValueError) as error:
            broken[path.name] = str(error)
    return shops, broken


def _read_shop(path: Path) -> ShopFile:
    values = tomllib.loads(path.read_text(encoding="utf-8"))
    return ShopFile(
        name=_name(path.stem),
        title=_of_type(str, values, "title", path.stem),
        owner=_of_type(str, values, "owner", "shop-data"),
        timezone=_zone(_of_type(str, values, "timezone")),
        first_day=_of_type(date, values, "first_day"),
        sources=tuple(_name(name) for name in _of_type(dict, values, "sources")),
        sinks=tuple(_name(name) for name in _of_type(dict, values, "sinks", {})),
    )


def _of_type(kind: type[T], values: Mapping[str, object], key: str, default: T | None = None) -> T:
    value = values.get(key, default)
    if not isinstance(value, kind) or isinstance(value, datetime):
        raise ValueError(f"{key} = {value!r} is not a {kind.__name__}; docs/configure.md says how it is written")
    return value


def _name(name: str) -> str:
    if not re.fullmatch("[a-z][a-z0-9_]*", name):
        raise ValueError(f"the name {name!r} must be made of a-z, 0-9 and _ and begin with a letter")
    return name


def _zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (KeyError, ValueError, OSError):
        raise ValueError(f"timezone = {name!r} is not known; write one like 'Asia/Shanghai'") from None


def task_defaults(shop: ShopFile, runbook: str) -> dict[str, Any]:
    """`default_args` of a DAG: owner, retries with growing pauses, a time limit, and what a failure says.

    Tasks weigh more the later they stand, so a day that has begun is finished before the next one gets the workers.
    """
    return {
        "owner": shop.owner,
        "retries": 4,
        "retry_delay": timedelta(seconds=float(os.environ.get("SHOPMINE_RETRY_SECONDS") or 30)),
        "retry_exponential_backoff": 3.0,
        "max_retry_delay": timedelta(minutes=30),
        "retry_policy": RETRY_POLICY,
        "execution_timeout": timedelta(hours=3),
        "weight_rule": WeightRule.UPSTREAM,
        "on_failure_callback": FailureNotice(runbook),
    }


class FailureNotice:
    """Says in the task's log, and to SHOPMINE_ALERT_URL if that is set, what failed and which runbook helps."""

    def __init__(self, runbook: str) -> None:
        self.runbook = runbook

    def __call__(self, context: Mapping[str, Any]) -> None:
        """Called by Airflow when a task has failed for good."""
        ti, error = context["ti"], context.get("exception")
        notice = {
            "dag": ti.dag_id,
            "run": ti.run_id,
            "task": ti.task_id,
            "error": _told(error),
            "runbook": f"{RUNBOOKS}/{self.runbook}.md",
        }
        log.error(
            "%(dag)s / %(task)s of run %(run)s failed and will not be tried again: %(error)s. What to do: %(runbook)s",
            notice,
        )
        if url := os.environ.get("SHOPMINE_ALERT_URL"):
            _post_alert(url, notice)


def _told(error: BaseException | None) -> str:
    """A deliberate error with its text; of any other only the type, as its text may hold rows with persons' data."""
    from shopmine.errors import ShopmineError

    name = type(error).__name__
    return f"{name}: {error}" if isinstance(error, ShopmineError) else f"{name} (its text is in the task's log only)"


def _post_alert(url: str, notice: Mapping[str, str]) -> None:
    if not url.startswith(("https://", "http://")):
        log.error("SHOPMINE_ALERT_URL must start with https:// or http://; the notice was not sent")
        return
    request = urllib.request.Request(  # noqa: S310  the scheme is checked above
        url, data=json.dumps(notice).encode(), headers={"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=10):  # noqa: S310
            log.info("notice sent to SHOPMINE_ALERT_URL")
    except (OSError, ValueError) as error:
        log.error("the notice to SHOPMINE_ALERT_URL was not delivered: %s", type(error).__name__)  # noqa: TRY400


def release_asset(shop: str) -> Asset:
    """What others listen to: updated when a release is made, with `release` and `day` in the event's extra."""
    return Asset(name=f"shopmine_{shop}_release", uri=f"shopmine://{shop}/release")


def run_day(shop: Shop, context: Mapping[str, Any], now: datetime) -> date:
    """The shop's day of a run: `day` of its parameters, else its logical date, else the last complete day.

    A scheduled run, and a manual one that the web UI stamps with the present moment, have the last complete day at most
    (and at most `last_day`). A backfill names its days as `day` does: one that is not over is refused.

    Raises:
        ConfigError: `day` is no date, or the day asked for is not over yet.
    """
    from shopmine.config.days import last_complete_day, local_day
    from shopmine.errors import ConfigError

    zone = shop.zone
    newest = last_complete_day(now, zone)
    if given := context["params"].get("day"):
        try:
            day = date.fromisoformat(given)
        except ValueError:
            raise ConfigError(f"day={given!r} is not a date; write it as YYYY-MM-DD") from None
        return _complete_day(day, newest, shop)
    run, latest = context["dag_run"], min(newest, shop.last_day or newest)
    if run.logical_date is None:
        return latest
    day = local_day(run.logical_date, zone)
    return _complete_day(day, newest, shop) if run.run_type == "backfill" else min(day, latest)


def _complete_day(day: date, newest: date, shop: Shop) -> date:
    from shopmine.errors import ConfigError

    if day > newest:
        raise ConfigError(f"day {day} is not over in {shop.timezone}; the last complete day is {newest}")
    return day


def run_known_at(context: Mapping[str, Any]) -> datetime | None:
    """The instant whose knowledge a run uses, None for the present.

    Raises:
        ConfigError: `known_at` is no instant or has no offset.
    """
    from shopmine.errors import ConfigError

    given = context["params"].get("known_at")
    if not given:
        return None
    try:
        instant = datetime.fromisoformat(given)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise ConfigError(f"known_at={given!r} is not an instant; write it as 2026-01-31T02:00:00+08:00")
    return instant


def release_choice(context: Mapping[str, Any]) -> tuple[str, int, int]:
    """What is asked of a shop's releases: the action, the release, and the one it is compared with.

    Raises:
        ConfigError: there is nothing to compare with.
    """
    from shopmine.errors import ConfigError

    action, release, other = (context["params"][name] for name in ("action", "release", "other"))
    if action == "compare" and other is None:
        raise ConfigError(f"compare needs two releases; set `other` to the one that {release} is compared with")
    return action, release, other


def wait_until_readable(shop: Shop, context: Mapping[str, Any], now: datetime) -> None:
    """Puts a scheduled run back to sleep, without holding a worker, until `read_delay_minutes` after its midnight.

    A scheduled run after the shop's `last_day` is skipped. (With Airflow's own `end_date` a run that a person asks for
    today, for a day of the past, would end green without any task.)
    """
    from airflow.sdk.exceptions import AirflowRescheduleException, AirflowSkipException

    from shopmine.config.days import local_day

    run = context["dag_run"]
    if run.run_type != "scheduled":
        return
    if shop.last_day and local_day(run.logical_date, shop.zone) > shop.last_day:
        raise AirflowSkipException(f"the data of {shop.name} ends on {shop.last_day}; there is no later day to run")
    readable_at = run.data_interval_end + timedelta(minutes=shop.read_delay_minutes)
    if now < readable_at:
        log.info("%s is read from %s on (read_delay_minutes in its file)", shop.name, readable_at.isoformat())
        raise AirflowRescheduleException(readable_at)


def connections(*ids: str, may_lack: Collection[str] = ()) -> dict[str, Connection]:
    """These connections, looked up where Airflow keeps them; they stay in the memory of this task.

    Those that `may_lack` are left out where they are not set: who needs them says better what to do.

    Raises:
        ConfigError: one is not set, or it cannot be read.
    """
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    from shopmine.config.connections import Connection
    from shopmine.errors import ConfigError

    found = {}
    for id_ in (*ids, *may_lack):
        try:
            found[id_] = Connection.parse(id_, BaseHook.get_connection(id_).as_json())
        except AirflowNotFoundException:
            if id_ in may_lack:
                continue
            raise ConfigError(
                f"the connection {id_!r} is not set; set AIRFLOW_CONN_{id_.upper()} or add it under Admin, Connections"
            ) from None
    return found


@contextmanager
def staging() -> Iterator[Database]:
    """The staging database for the length of a task."""
    from shopmine.staging.database import open_database

    database = open_database(connections(STAGING))
    try:
        yield database
    finally:
        database.close()


def run_number() -> Any:
    """What `open_run` returned; None when it opened no run."""
    return get_current_context()["ti"].xcom_pull(task_ids="open_run")


@contextmanager
def current_run() -> Iterator[tuple[Database, int]]:
    """The staging database and the number of the run that `open_run` opened, for the length of a task."""
    with staging() as database:
        yield database, run_number()


def failed_tasks(context: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """The tasks of this run that failed, and those that could not start because of them."""
    ti = context["ti"]
    states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id])[ti.run_id]
    failed, stopped = (
        sorted(task for task, state in states.items() if state == wanted) for wanted in ("failed", "upstream_failed")
    )
    return failed, stopped
