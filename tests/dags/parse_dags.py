"""Prints, as one line of JSON, what Airflow makes of a folder of DAG files: its DAGs, errors, and the cost of parsing."""

import json
import sys
import time
from pathlib import Path

from airflow.dag_processing.dagbag import BundleDagBag
from airflow.serialization.serialized_objects import DagSerialization

folder = Path(sys.argv[1])
before = set(sys.modules)
bag = BundleDagBag(str(folder), bundle_path=folder, bundle_name="dags", collect_dags=False)
seconds = {}
ignored = (folder / ".airflowignore").read_text(encoding="utf-8").split()
for path in sorted(path for path in folder.glob("*.py") if path.name not in ignored):
    began = time.perf_counter()
    bag.process_file(str(path))
    seconds[path.name] = time.perf_counter() - began

dags = {}
for dag_id, dag in bag.dags.items():
    DagSerialization.to_dict(dag)
    dags[dag_id] = {
        "file": Path(dag.fileloc).name,
        "doc": dag.doc_md,
        "tags": sorted(dag.tags),
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "start": str(dag.start_date),
        "end": str(dag.end_date),
        "schedule": repr(dag.schedule),
        "params": {name: dag.params.get_param(name).dump()["schema"] for name in dag.params},
        "tasks": {
            task.task_id: {
                "upstream": sorted(task.upstream_task_ids),
                "doc": task.doc_md,
                "pool": task.pool,
                "owner": task.owner,
                "retries": task.retries,
                "backoff": task.retry_exponential_backoff,
                "policy": type(task.retry_policy).__name__,
                "timeout": task.execution_timeout and task.execution_timeout.total_seconds(),
                "rule": str(task.trigger_rule),
                "outlets": [outlet.uri for outlet in task.outlets],
                "callbacks": len(task.on_failure_callback or ()),
                "arguments": [repr(value) for value in task.op_args],
            }
            for task in dag.tasks
        },
    }
heavy = {"pandas", "numpy", "pyarrow", "sklearn", "scipy", "duckdb"} & (set(sys.modules) - before)
result = {"dags": dags, "errors": bag.import_errors, "seconds": seconds, "heavy": sorted(heavy)}
sys.stdout.write(f"{json.dumps(result)}\n")
