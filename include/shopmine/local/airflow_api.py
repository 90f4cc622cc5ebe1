"""A small client of Airflow's REST API: what `run`, `backfill` and `demo` need of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from shopmine.config.days import day_bounds, utc_now
from shopmine.errors import ConfigError, NotFoundError, SourceUnavailableError

if TYPE_CHECKING:
    import httpx

FINISHED: Final = frozenset({"success", "failed"})
_POLL_SECONDS: Final = 1.0
_SHORT_SECONDS: Final = 5.0
_OUTAGE_SECONDS: Final = 300.0
_SEE: Final = "see ./shopmine status; ./shopmine start starts what died"


@dataclass(frozen=True, slots=True, kw_only=True)
class DagRun:
    """A run of a DAG; `state` is queued, running, success or failed."""

    dag: str
    run: str
    state: str
    logical_date: datetime | None = None
    conf: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskState:
    """A task of a run; `state` None has not begun, `seconds` None has not ended."""

    task: str
    state: str | None
    tries: int
    seconds: float | None = None
    operator_order: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PartHealth:
    """What Airflow's health page says of a part; one that keeps no heartbeat has none."""

    is_healthy: bool
    heartbeat: datetime | None = None


class AirflowApi:
    """Airflow's REST API at `url`; logs in when first used, and again when the token has run out.

    Every call raises SourceUnavailableError when Airflow does not answer, and ConfigError when it refuses.
    """

    def __init__(self, url: str, *, user: str, password: str) -> None:
        self._url = url
        self._login = {"username": user, "password": password}
        self._client: httpx.Client | None = None
        self._patience = _SHORT_SECONDS
        self._say: Callable[[str], None] = lambda _line: None

    def outlast(self, say: Callable[[str], None]) -> None:
        """From now on wait until an Airflow that is started anew answers again, for minutes; `say` is told about it."""
        self._patience, self._say = _OUTAGE_SECONDS, say

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def health(self) -> dict[str, PartHealth]:
        """Health of each part by its name: metadatabase, scheduler, triggerer, dag_processor."""
        parts = self._request("GET", "/api/v2/monitor/health", is_public=True)
        return {name: _part_health(name, part or {}) for name, part in parts.items()}

    def ensure_pool(self, name: str, *, slots: int, about: str) -> None:
        """Make a pool; one that exists keeps the slots that a person gave it."""
        body = {"name": name, "slots": slots, "description": about, "include_deferred": False}
        self._request("POST", "/api/v2/pools", json=body, accept=(409,))

    def wait_for_dag(self, dag: str, *, seconds: float) -> None:
        """Return when Airflow knows the DAG.

        Raises:
            NotFoundError: it did not appear in time; with the import errors of the DAG files, if any.
        """
        deadline = time.monotonic() + seconds
        while self._request("GET", f"/api/v2/dags/{dag}", accept=(404,)).get("dag_id") != dag:
            if time.monotonic() > deadline:
                errors = self.import_errors()
                why = f"; DAG files that can't be read: {'; '.join(errors)}" if errors else ""
                raise NotFoundError(
                    f"Airflow knows no DAG {dag!r} after {seconds:.0f} s; is shops/{dag.split('.', maxsplit=1)[0]}.toml there?{why}"
                )
            time.sleep(_POLL_SECONDS)

    def import_errors(self) -> list[str]:
        """Last line of the error of each DAG file that could not be read."""
        found = self._request("GET", "/api/v2/importErrors")["import_errors"]
        return [f"{error['filename']}: {error['stack_trace'].strip().splitlines()[-1]}" for error in found]

    def trigger(self, dag: str, day: date, zone: ZoneInfo, conf: Mapping[str, Any] | None = None) -> DagRun:
        """Start a run for a shop's day; its configuration holds the day, beside what `conf` adds.

        The run carries the day's interval; when the day has a run already (Airflow keeps one a logical date), the new
        one goes without and finds its day in the configuration.
        """
        start, end = day_bounds(day, zone)
        name = f"manual__{day.isoformat()}__{utc_now().strftime('%Y%m%dT%H%M%S%f')}"
        body = {
            "dag_run_id": name,
            "logical_date": start.isoformat(),
            "data_interval_start": start.isoformat(),
            "data_interval_end": end.isoformat(),
            "conf": {"day": day.isoformat(), **(conf or {})},
        }
        made = self._request("POST", f"/api/v2/dags/{dag}/dagRuns", json=body, accept=(409,))
        if "dag_run_id" not in made:
            without = {**body, "logical_date": None, "data_interval_start": None, "data_interval_end": None}
            made = self._request("POST", f"/api/v2/dags/{dag}/dagRuns", json=without)
        return _dag_run(made)

    def run(self, dag: str, run: str) -> DagRun:
        """One run."""
        return _dag_run(self._request("GET", f"/api/v2/dags/{dag}/dagRuns/{run}"))

    def tasks(self, dag: str, run: str) -> list[TaskState]:
        """The tasks of a run, in the order in which they began; those that have not begun come last."""
        path = f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances"
        found = sorted(
            self._pages(path, "task_instances"), key=lambda task: (task["start_date"] or "9", task["task_id"])
        )
        return [
            TaskState(task=task["task_id"], state=task["state"], tries=task["try_number"], seconds=task["duration"])
            for task in found
        ]

    def follow(
        self,
        dag: str,
        run: str,
        *,
        seconds: float,
        on_change: Callable[[TaskState], None] = lambda _task: None,
    ) -> DagRun:
        """Wait until a run has ended; `on_change` gets each task whose state changed.

        Raises:
            SourceUnavailableError: it has not ended after `seconds`; it goes on by itself.
        """
        deadline = time.monotonic() + seconds
        seen: dict[str, tuple[str | None, int]] = {}
        while True:
            found = self.run(dag, run)
            for task in self.tasks(dag, run):
                if task.state and seen.get(task.task) != (task.state, task.tries):
                    seen[task.task] = (task.state, task.tries)
                    on_change(task)
            if found.state in FINISHED:
                return found
            if time.monotonic() > deadline:
                raise SourceUnavailableError(
                    f"{dag} run {run} has not ended after {seconds:.0f} s; it goes on, see {self._url}"
                )
            time.sleep(_POLL_SECONDS)

    def task_error(self, dag: str, run: str, task: TaskState) -> str:
        """What the log of a failed task's last try says of the failure; "" when it says nothing."""
        path = f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances/{task.task}/logs/{max(task.tries, 1)}"
        content = self._request("GET", path, accept=(404,)).get("content", [])
        events = [event for event in reversed(content) if isinstance(event, dict)]
        # The exception itself says it best; what else was logged as an error comes second.
        raised = (event["error_detail"][-1] for event in events if event.get("error_detail"))
        logged = (str(event.get("event", "")) for event in events if event.get("level") in {"error", "critical"})
        said = (f"{detail.get('exc_type')}: {detail.get('exc_value')}" for detail in raised)
        return next(said, None) or next(logged, "")

    def create_backfill(
        self,
        dag: str,
        days: tuple[date, date],
        zone: ZoneInfo,
        *,
        conf: Mapping[str, Any] | None = None,
        max_active_runs: int = 1,
    ) -> int:
        """Start Airflow's own backfill for all days from the first to the last, also those that ran before; its number."""
        body = {
            "dag_id": dag,
            "from_date": day_bounds(days[0], zone)[0].isoformat(),
            "to_date": day_bounds(days[1], zone)[0].isoformat(),
            "dag_run_conf": dict(conf or {}),
            "reprocess_behavior": "completed",
            "max_active_runs": max_active_runs,
            "run_on_latest_version": True,
        }
        return int(self._request("POST", "/api/v2/backfills", json=body)["id"])

    def is_backfill_done(self, backfill: int) -> bool:
        """Whether every run of a backfill has ended."""
        return self._request("GET", f"/api/v2/backfills/{backfill}")["completed_at"] is not None

    def runs(self, dag: str, days: tuple[date, date], zone: ZoneInfo) -> list[DagRun]:
        """The runs whose logical date is one of the days, by day."""
        bounds = {
            "logical_date_gte": day_bounds(days[0], zone)[0].isoformat(),
            "logical_date_lt": day_bounds(days[1], zone)[1].isoformat(),
            "order_by": "logical_date",
        }
        return [_dag_run(found) for found in self._pages(f"/api/v2/dags/{dag}/dagRuns", "dag_runs", bounds)]

    def _pages(self, path: str, what: str, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            page = self._request("GET", path, params={**(params or {}), "limit": 100, "offset": len(found)})
            found += page[what]
            if len(found) >= page["total_entries"] or not page[what]:
                return found

    def _request(
        self, method: str, path: str, *, accept: Sequence[int] = (), is_public: bool = False, **body: Any
    ) -> dict[str, Any]:
        # Reading again is safe; an order that may have been taken is not repeated.
        patience = self._patience if method == "GET" and not is_public else 0.0
        answer = self._answer(lambda: self._send(method, path, is_public=is_public, **body), patience)
        if answer.is_success or answer.status_code in accept:
            return answer.json() if answer.content else {}
        raise ConfigError(f"Airflow refuses {method} {path}: {answer.status_code} {_detail(answer)}")

    def _answer(self, ask: Callable[[], httpx.Response], patience: float) -> httpx.Response:
        began, has_said = time.monotonic(), False
        while True:
            try:
                return ask()
            except SourceUnavailableError as error:
                waited = time.monotonic() - began
                if waited >= patience:
                    raise
                if waited >= _SHORT_SECONDS and not has_said:
                    self._say(f"waiting: {error}")
                    has_said = True
                time.sleep(_POLL_SECONDS)

    def _send(self, method: str, path: str, *, is_public: bool, **body: Any) -> httpx.Response:
        import httpx

        try:
            answer = self._connected(is_public=is_public).request(method, path, **body)
            if answer.status_code == 401 and not is_public:
                self.close()
                answer = self._connected(is_public=False).request(method, path, **body)
        except httpx.TransportError as error:
            self.close()
            raise SourceUnavailableError(f"Airflow does not answer at {self._url}; {_SEE}") from error
        if answer.is_server_error:
            raise SourceUnavailableError(
                f"Airflow at {self._url} has a trouble of its own ({answer.status_code}); {_SEE}"
            )
        return answer

    def _connected(self, *, is_public: bool) -> httpx.Client:
        import httpx

        if self._client is None:
            self._client = httpx.Client(base_url=self._url, timeout=30.0, trust_env=False)
        if not is_public and "Authorization" not in self._client.headers:
            answer = self._client.post("/auth/token", json=self._login)
            if answer.is_server_error:
                raise SourceUnavailableError(f"Airflow at {self._url} lets nobody in ({answer.status_code}); {_SEE}")
            if not answer.is_success:
                raise ConfigError(
                    f"Airflow at {self._url} refuses the login of {self._login['username']}: {answer.status_code}"
                )
            self._client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return self._client


def _dag_run(found: Mapping[str, Any]) -> DagRun:
    logical = found.get("logical_date")
    return DagRun(
        dag=found["dag_id"],
        run=found["dag_run_id"],
        state=found["state"],
        logical_date=datetime.fromisoformat(logical) if logical else None,
        conf=found.get("conf"),
    )


def _part_health(name: str, part: Mapping[str, Any]) -> PartHealth:
    beat = part.get(f"latest_{name}_heartbeat")
    return PartHealth(
        is_healthy=part.get("status") == "healthy", heartbeat=datetime.fromisoformat(beat) if beat else None
    )


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json().get("detail", ""))[:500]
    except (ValueError, AttributeError):
        return answer.text[:200]
