"""A small release of a made-up shop, with every kind of thing that the page of releases shows."""

from __future__ import annotations

import json
from datetime import date

import pyarrow as pa

from shopmine.staging.database import Database
from shopmine.staging.leases import hold_lease
from shopmine.staging.releases import publish_release
from shopmine.staging.runs import finish_run, open_run, record_step


def publish_a_day(url: str, *, shop: str, day: date, evil: str) -> int:
    """Publishes it and returns its number; `evil` stands wherever text of a source is shown."""
    database = Database(url)
    run = open_run(database, shop=shop, day=day, known_at=None, started_by="a test", config={}).run
    record_step(database, run, "prepare", "done", {"read": 1234, "quarantined": 2, "note": evil})
    with hold_lease(database, f"{shop}/pointer", wait_seconds=5) as lease:
        release = publish_release(
            database, shop=shop, day=day, known_at=None, run=run, key="k", tables=_tables(day, evil), lease=lease
        )
    finish_run(database, run, "finished")
    database.close()
    return release.release


def _tables(day: date, evil: str) -> dict[str, pa.Table]:
    names = [("regulars", "Regulars", "老客户"), ("new", "New customers", "新客户"), ("evil", evil, evil)]
    segments = [
        {
            "segment": segment,
            "name_en": english,
            "name_zh": chinese,
            "customers": 60 - 20 * n,
            "share": 0.5 - 0.2 * n,
            "mean": json.dumps({"orders": 7.25 - n, "spend": 1234.5}),
            "median": json.dumps({"orders": 6 - n, "spend": 980.0}),
            "born_day": day,
        }
        for n, (segment, english, chinese) in enumerate(names)
    ]
    customers = [
        {"customer": customer, "segment": segment, "segment_name_en": segment, "orders": 12, "recency_days": 3}
        for customer, segment in (("anna", "regulars"), ("bob", "new"), (evil, "evil"))
    ]
    reasons = [
        {"reason": 0, "kind": "x", "text_en": "Bought together with green tea", "text_zh": "常与绿茶一起购买"},
        {"reason": 1, "kind": evil},
    ]
    recommended = [
        {
            "customer": customer,
            "list": "for_you",
            "rank": rank,
            "product": f"P{rank} {evil}",
            "score": 1 / rank,
            "source": "item_cf",
            "reason_codes": [0, 1],
            "reason_weights": [6_200, 100],
        }
        for customer in ("anna", "bob", evil)
        for rank in (1, 2)
    ]
    metrics = [
        {"model": "recommendations", "metric": "ndcg@10", "value": 0.377, "low": 0.36, "high": 0.39, "baseline": 0.354}
    ]
    checks = [
        {"day": day, "check_name": "coverage", "expected": ">= 0.9", "actual": "0.97", "passed": True, "detail": evil},
        {"day": day, "check_name": "churn", "expected": "<= 0.5", "actual": "0.61", "passed": False, "detail": "warns"},
    ]
    rows = {
        "segments": segments,
        "customers": customers,
        "recommendations": recommended,
        "reasons": reasons,
        "metrics": [{**row, "day": day, "is_champion": True} for row in metrics],
        "checks": checks,
    }
    return {name: pa.Table.from_pylist(found) for name, found in rows.items()}
