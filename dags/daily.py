"""
### {title} ({shop}): the daily run 每日运行

Collects, prepares and mines one day of the shop and publishes its results as one release.

* **Can it wait?** Until morning: the last release stays in place, complete, until the next one is published.
* **Is it idempotent?** Yes. Clear any task, run a day again, run days in any order or side by side.
* **When it fails:** docs/runbooks/daily.md. A model that fails leaves its last good results in place (marked stale), the
  others go on and the run shows red. A gate that fails publishes nothing.
* **Another day:** trigger it with `day` (and `known_at`), or `./shopmine run {shop} DAY`; many: `./shopmine backfill`.
"""

from datetime import timedelta

from airflow.sdk import DAG, CronDataIntervalTimetable, TaskGroup, chain

import steps
import wiring
from shopmine.mining.registry import MODELS


def daily(shop: wiring.ShopFile) -> DAG:
    with DAG(
        dag_id=f"{shop.name}.daily",
        dag_display_name=f"{shop.title}: daily 每日",
        schedule=CronDataIntervalTimetable("0 0 * * *", timezone=shop.timezone),
        start_date=shop.start_date,
        catchup=False,
        max_active_runs=2,
        dagrun_timeout=timedelta(hours=30),
        default_args=wiring.task_defaults(shop, runbook="daily"),
        params=wiring.RUN_PARAMS,
        tags=[f"shop:{shop.name}", "impact:tier1", "daily"],
        doc_md=(__doc__ or "").format(title=shop.title, shop=shop.name),
    ) as dag:
        with TaskGroup("collect") as collected:
            for source in shop.sources:
                steps.collect.override(task_id=source)(shop.name, source)
        featured = steps.features()
        published = steps.publish.override(outlets=[wiring.release_asset(shop.name)])(shop.name)
        closed = steps.close_run()
        chain(steps.open_run(shop.name), collected, steps.prepare(), featured)
        for model in MODELS:
            with TaskGroup(model.name, tooltip=f"{model.title_en} {model.title_zh}"):
                chain(featured, steps.fit(model.name), steps.apply(model.name), published)
        with TaskGroup("sinks"):
            for sink in shop.sinks:
                chain(published, steps.write_sink.override(task_id=sink)(shop.name, sink), closed)
        published >> closed
    return dag


for _shop in wiring.read_shops()[0]:
    globals()[f"{_shop.name}_daily"] = daily(_shop)
