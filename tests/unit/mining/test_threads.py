"""Pinned threads: also for a library that was not loaded before."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CODE = """
from shopmine.mining.threads import single_thread
with single_thread("sklearn.cluster", "implicit.cpu.als"):
    import numpy, sklearn.cluster, implicit.cpu.als
    from threadpoolctl import threadpool_info
    print(sorted({(pool["user_api"], pool["num_threads"]) for pool in threadpool_info()}))
"""


def test_every_pool_has_one_thread_from_the_first_use_on() -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3] / "include"), "OMP_NUM_THREADS": "3"}
    done = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[('blas', 1), ('openmp', 1)]"
