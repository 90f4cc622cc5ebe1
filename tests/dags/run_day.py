"""Runs one day of a DAG in this process, as `airflow dags test` does, and prints each task's state as one line of JSON."""

import json
import sys
from datetime import datetime
from pathlib import Path

from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db

folder, dag_id, logical_date, conf = sys.argv[1:5]
DagBundlesManager().sync_bundles_to_db()
bag = BundleDagBag(folder, bundle_path=Path(folder), bundle_name="dags-folder")
sync_bag_to_db(bag, "dags-folder", None)
run = bag.dags[dag_id].test(logical_date=datetime.fromisoformat(logical_date), run_conf=json.loads(conf))
states = {ti.task_id: str(ti.state) for ti in run.get_task_instances()}
sys.stdout.write(f"{json.dumps({'run': str(run.state), 'tasks': states})}\n")
