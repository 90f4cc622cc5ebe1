"""Shows a shop's file that cannot be read as an Airflow import error of its own: the web UI names it on its start page.

It makes no DAG. The other shops go on; an import error in `daily.py` itself would keep Airflow from scheduling them all.
"""

import wiring

if BROKEN := wiring.read_shops()[1]:
    raise ValueError("; ".join(f"shops/{file} has no DAGs: {reason}" for file, reason in BROKEN.items()))
