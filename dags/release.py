"""
### {title} ({shop}): releases 发布管理

Compares two releases, brings an earlier one back, or ends a roll-back. Started by hand; the same as `./shopmine compare`,
`rollback` and `approve`. The result stands in the task's log and on the page *Releases 发布*.

* **Can it wait?** A roll-back is for now: it takes seconds and any reader sees the earlier release from then on.
* **Is it idempotent?** Yes. Rolling back to the release that is shown changes nothing but the pin.
* **When it fails:** docs/runbooks/release.md.
"""

from datetime import timedelta

from airflow.sdk import DAG, Param

import steps
import wiring

PARAMS = {
    "action": Param(
        "compare",
        type="string",
        enum=["compare", "rollback", "approve"],
        title="Action 操作",
        description="compare: say what differs; rollback: show `release` and pin the shop; approve: show it and unpin.",
    ),
    "release": Param(type="integer", minimum=1, title="Release 版本", description="its number"),
    "other": Param(
        None, type=["null", "integer"], title="Compared with 比较对象", description="for compare: the newer release"
    ),
}


def release(shop: wiring.ShopFile) -> DAG:
    with DAG(
        dag_id=f"{shop.name}.release",
        dag_display_name=f"{shop.title}: releases 发布",
        schedule=None,
        start_date=shop.start_date,
        catchup=False,
        max_active_runs=1,
        dagrun_timeout=timedelta(hours=6),
        default_args=wiring.task_defaults(shop, runbook="release"),
        params=PARAMS,
        tags=[f"shop:{shop.name}", "impact:tier1", "release"],
        doc_md=(__doc__ or "").format(title=shop.title, shop=shop.name),
    ) as dag:
        steps.change_release(shop.name) >> steps.refresh_sinks(shop.name)
    return dag


for _shop in wiring.read_shops()[0]:
    globals()[f"{_shop.name}_release"] = release(_shop)
