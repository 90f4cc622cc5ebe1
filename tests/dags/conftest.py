"""An Airflow of these tests' own, set up before anything imports Airflow, and the DAG files parsed once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.shared_servers import FOLDER

ROOT = Path(__file__).resolve().parents[2]
DAGS = ROOT / "dags"
sys.path.append(str(DAGS))

SHOP = """
title = "Two Sources"
timezone = "Europe/London"
currency = "GBP"
first_day = 2024-01-01
last_day = 2024-12-31
owner = "night-shift"

[sources.store]
kind = "mysql"
connection = "two_mysql"
[sources.web]
kind = "mongodb"
connection = "two_mongo"
[sinks.back]
kind = "mysql"
connection = "two_mysql"
tables = ["customers"]
"""


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Airflow reads its settings when it is imported: its home lies in the folder of this run, and goes with it."""
    os.environ.setdefault("AIRFLOW_HOME", str(config.stash[FOLDER] / f"airflow-{os.getpid()}"))
    os.environ.setdefault("AIRFLOW__CORE__LOAD_EXAMPLES", "False")


@pytest.fixture(scope="session")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two shops that can be read and one that cannot."""
    folder = tmp_path_factory.mktemp("shops")
    (folder / "two.toml").write_text(SHOP, encoding="utf-8")
    plain = SHOP.replace("last_day = 2024-12-31\n", "").split("[sinks")[0].replace("Europe/London", "Asia/Shanghai")
    (folder / "other.toml").write_text(plain, encoding="utf-8")
    (folder / "broken.toml").write_text("title = ", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def parsed(shops: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What Airflow makes of the DAG files, parsed as its DAG processor does, in a process of its own."""
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow")),
        "PYTHONPATH": str(ROOT / "include"),
        "SHOPMINE_SHOPS": str(shops),
    }
    command = [sys.executable, str(Path(__file__).with_name("parse_dags.py")), str(DAGS)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
    return json.loads(done.stdout.splitlines()[-1])
