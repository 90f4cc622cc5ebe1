"""The tasks of the DAGs: each calls one function of the package. What a task is about stands in its docstring.

Arguments are names (of a shop, a source, a model, a sink); results are ids and small counts. The run's number is what
`open_run` returned; it is looked up, not passed, so that the graph shows the order of the steps and nothing else.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import TriggerRule, get_current_context, task

import wiring


@task(execution_timeout=timedelta(minutes=10))
def open_run(shop: str) -> int:
    """Waits until the shop may be read (`read_delay_minutes`), then opens the run for its day."""
    from shopmine.config.days import utc_now
    from shopmine.config.shops import load_shop
    from shopmine.staging.runs import open_run

    context, settings, now = get_current_context(), load_shop(shop), utc_now()
    wiring.wait_until_readable(settings, context, now)
    day, known_at = wiring.run_day(settings, context, now), wiring.run_known_at(context)
    started_by = f"airflow {context['run_id']}"
    with wiring.staging() as database:
        config = settings.model_dump(mode="json")
        return open_run(database, shop=shop, day=day, known_at=known_at, started_by=started_by, config=config).run


@task(pool="sources", execution_timeout=timedelta(hours=6))
def collect(shop: str, source: str) -> dict[str, int]:
    """Reads from one source the days that are missing or may have changed, in one consistent snapshot."""
    from shopmine.collect.tasks import collect_source
    from shopmine.config.shops import load_shop

    settings = load_shop(shop)
    key = [settings.key_connection] if settings.hashes_personal() else []
    connections = wiring.connections(settings.sources[source].connection, may_lack=key)
    with wiring.current_run() as (database, run):
        return collect_source(database, run, source, connections)


@task(execution_timeout=timedelta(hours=6))
def prepare() -> dict[str, int]:
    """Freezes the list of batches that the run reads, turns new ones into clean rows or quarantine, checks the day."""
    from shopmine.prepare.tasks import prepare

    with wiring.current_run() as (database, run):
        return prepare(database, run)


@task
def features() -> dict[str, int]:
    """Builds the features of customers and products, and who bought what, as of the day."""
    from shopmine.features.tasks import build_features

    with wiring.current_run() as (database, run):
        return build_features(database, run)


@task(pool="fits")
def fit(model: str) -> int:
    """Fits the model as of its training day, unless that has been done already, and evaluates it."""
    from shopmine.mining.tasks import fit_model

    with wiring.current_run() as (database, run):
        return fit_model(database, run, model)


@task
def apply(model: str) -> int:
    """Applies the fitted model to the day."""
    from shopmine.mining.tasks import apply_model

    with wiring.current_run() as (database, run):
        return apply_model(database, run, model)


@task(trigger_rule=TriggerRule.ALL_DONE_MIN_ONE_SUCCESS, execution_timeout=timedelta(hours=1))
def publish(shop: str) -> int:
    """Checks the results as a whole, then makes them visible in one step. Runs when at least one model succeeded."""
    from shopmine.publish.tasks import publish
    from shopmine.staging.runs import load_run

    with wiring.current_run() as (database, run):
        release = publish(database, run)
        day = load_run(database, run).day
    asset = wiring.release_asset(shop)
    get_current_context()["outlet_events"][asset].extra = {"release": release, "day": day.isoformat()}
    return release


@task(pool="sources")
def write_sink(shop: str, sink: str) -> dict[str, int]:
    """Writes the release back into one of the shop's own stores."""
    from shopmine.config.shops import load_shop
    from shopmine.publish.tasks import write_sink

    connections = wiring.connections(load_shop(shop).sinks[sink].connection)
    with wiring.current_run() as (database, run):
        return write_sink(database, run, sink, connections)


@task(trigger_rule=TriggerRule.ALL_DONE, execution_timeout=timedelta(minutes=10), on_failure_callback=None)
def close_run() -> None:
    """Records how the run ended, and fails when a task of it failed: so the run shows red, whatever was published."""
    from airflow.sdk.exceptions import AirflowFailException

    from shopmine.staging.runs import finish_run

    failed, stopped = wiring.failed_tasks(get_current_context())
    if wiring.run_number() is not None:
        with wiring.current_run() as (database, run):
            finish_run(database, run, "failed" if failed else "finished")
    if failed:
        raise AirflowFailException(f"failed: {', '.join(failed)}; not started because of that: {len(stopped)} tasks")


@task(execution_timeout=timedelta(minutes=10))
def change_release(shop: str) -> str:
    """Does what the parameters ask for; the log says what differs or what is shown now."""
    from shopmine.publish.compare import render_comparison
    from shopmine.publish.tasks import compare, pointer_lease
    from shopmine.staging.leases import hold_lease
    from shopmine.staging.releases import approve, set_current

    action, release, other = wiring.release_choice(get_current_context())
    with wiring.staging() as database:
        if action == "compare":
            wiring.log.info("%s", render_comparison(compare(database, shop, release, other)))
            return action
        with hold_lease(database, pointer_lease(shop), wait_seconds=120) as lease:
            if action == "rollback":
                shown = set_current(database, shop, release, pin=True, lease=lease)
            else:
                shown = approve(database, shop, release, lease)
    wiring.log.info("%s shows release %s of %s from now on", shop, shown.release, shown.day)
    return action


@task(pool="sources")
def refresh_sinks(shop: str) -> dict[str, dict[str, int]]:
    """Writes the release that is shown now back into the shop's own stores; skipped when only comparing."""
    from airflow.sdk.exceptions import AirflowSkipException

    from shopmine.config.shops import load_shop
    from shopmine.publish.tasks import refresh_sinks

    if get_current_context()["params"]["action"] == "compare":
        raise AirflowSkipException("comparing changes nothing")
    connections = wiring.connections(*{sink.connection for sink in load_shop(shop).sinks.values()})
    with wiring.staging() as database:
        return refresh_sinks(database, shop, connections)
