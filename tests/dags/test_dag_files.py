"""Every DAG file: light, short, documented, owned; and the exact graph of the daily DAG."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "dags").glob("*.py"))
NOT_DAGS = {"wiring.py", "steps.py"}
LIGHT = {"airflow.sdk", "pendulum", "wiring", "steps", "shopmine.mining.registry"}


def eager_imports(path: Path) -> set[str]:
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return {name for name in found if name.split(".")[0] not in sys.stdlib_module_names}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_dag_file_imports_only_light_modules_at_its_top(path: Path) -> None:
    assert eager_imports(path) <= LIGHT


@pytest.mark.parametrize("path", [path for path in FILES if path.name not in NOT_DAGS], ids=lambda path: path.name)
def test_a_dag_file_is_short_and_its_docstring_opens_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 80
    assert ast.get_docstring(ast.parse(text))


def test_parsing_is_quick_and_loads_nothing_heavy(parsed: dict[str, Any]) -> None:
    assert parsed["heavy"] == []
    assert max(parsed["seconds"].values()) < 0.5, parsed["seconds"]


def test_a_broken_shop_file_is_an_import_error_of_its_own_and_the_others_go_on(parsed: dict[str, Any]) -> None:
    assert set(parsed["errors"]) == {"shop_files.py"}
    assert "shops/broken.toml has no DAGs: Invalid value (at" in parsed["errors"]["shop_files.py"]
    assert {"two.daily", "other.daily"} <= set(parsed["dags"])


def test_every_dag_and_task_says_what_it_is_who_owns_it_and_what_to_do(parsed: dict[str, Any]) -> None:
    for dag_id, dag in parsed["dags"].items():
        runbook = re.search(r"docs/runbooks/\w+\.md", dag["doc"])
        assert runbook, f"{dag_id} names its runbook"
        assert (ROOT / runbook.group()).is_file(), runbook.group()
        shop = dag_id.split(".")[0]
        assert f"shop:{shop}" in dag["tags"], dag_id
        assert any(tag.startswith("impact:") for tag in dag["tags"]), dag_id
        assert not dag["catchup"], dag_id
        for name, task in dag["tasks"].items():
            assert task["doc"], f"{dag_id} / {name}"
            assert task["owner"] == "night-shift", f"{dag_id} / {name}"
            assert task["timeout"], f"{dag_id} / {name}"
            assert task["callbacks"] == (name != "close_run"), f"{dag_id} / {name}: one notice a failure"
            assert task["policy"] == "ExceptionRetryPolicy", f"{dag_id} / {name}"
            assert "://" not in " ".join(task["arguments"]), "tasks get names, never addresses"


def test_the_daily_graph_is_exactly_this(parsed: dict[str, Any]) -> None:
    from shopmine.mining.registry import MODELS

    names = [model.name for model in MODELS]
    upstream = {task: set(values["upstream"]) for task, values in parsed["dags"]["two.daily"]["tasks"].items()}
    assert upstream == {
        "open_run": set(),
        "collect.store": {"open_run"},
        "collect.web": {"open_run"},
        "prepare": {"collect.store", "collect.web"},
        "features": {"prepare"},
        **{f"{name}.fit": {"features"} for name in names},
        **{f"{name}.apply": {f"{name}.fit"} for name in names},
        "publish": {f"{name}.apply" for name in names},
        "sinks.back": {"publish"},
        "close_run": {"publish", "sinks.back"},
    }
    tasks = parsed["dags"]["two.daily"]["tasks"]
    assert tasks["publish"]["rule"].endswith("ALL_DONE_MIN_ONE_SUCCESS"), "one failed model does not stop the others"
    assert tasks["close_run"]["rule"].endswith("ALL_DONE"), "a run is always closed"
    assert {name for name, task in tasks.items() if task["pool"] == "fits"} == {f"{name}.fit" for name in names}
    assert {name for name, task in tasks.items() if task["pool"] == "sources"} == {
        "collect.store",
        "collect.web",
        "sinks.back",
    }
    assert tasks["publish"]["outlets"] == ["shopmine://two/release"]


def test_the_day_runs_from_midnight_to_midnight_of_the_shop(parsed: dict[str, Any]) -> None:
    two, other = parsed["dags"]["two.daily"], parsed["dags"]["other.daily"]
    assert two["schedule"] == "CronDataIntervalTimetable(expression='0 0 * * *', timezone='Europe/London')"
    assert two["start"] == "2024-01-01 00:00:00+00:00"
    # An end date would let a run that somebody asks for today, for a day of the past, end green without any task.
    assert two["end"] == other["end"] == "None"
    assert other["start"] == "2023-12-31 16:00:00+00:00" or other["start"].startswith("2024-01-01 00:00:00+08:00")
    assert set(two["params"]) == {"day", "known_at"}
