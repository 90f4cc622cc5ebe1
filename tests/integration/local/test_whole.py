"""The whole of one machine, as its user runs it: `demo` from nothing, a component that dies, another day, the end."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from harness.installations import mode_of, own_installation
from shopmine.local.installation import Installation
from shopmine.local.processes import Processes

pytestmark = [pytest.mark.airflow, pytest.mark.slow, pytest.mark.servers]
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    with own_installation() as found:
        yield found


def shopmine(installation: Installation, *arguments: str) -> str:
    kept = ("PATH", "HOME", "LANG", "SHOPMINE_PROGRAMS", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    shops = installation.home.parent / "shops"
    environment |= {
        "PYTHONPATH": str(ROOT / "include"),
        "SHOPMINE_HOME": str(installation.home),
        "SHOPMINE_SHOPS": str(shops),
    }
    command = [sys.executable, "-m", "shopmine.cli.main", *arguments]
    done = subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, timeout=840, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def states(installation: Installation) -> dict[str, str]:
    found = json.loads(shopmine(installation, "status", "--json"))
    return {component["name"]: component["state"] for component in found["components"]}


def test_demo_goes_from_nothing_to_a_published_release_and_a_running_ui(installation: Installation) -> None:
    said = shopmine(installation, "demo", "--size", "tiny")
    assert "release 1 of demo for 2025-06-30" in said
    assert set(states(installation).values()) == {"running"}
    assert mode_of(installation.login_file) == "0o600"
    ui = f"http://127.0.0.1:{installation.port('airflow')}"
    assert httpx.get(ui).is_success
    assert httpx.get(f"{ui}/api/v2/dags").status_code == 401
    assert httpx.get(f"{ui}/api/v2/connections").status_code == 401


def test_a_second_demo_finds_nothing_to_do_and_the_release_is_the_same(installation: Installation) -> None:
    assert "release 1 of demo for 2025-06-30" in shopmine(installation, "demo", "--size", "tiny")


def test_status_names_the_component_that_died_and_start_restarts_only_that(installation: Installation) -> None:
    processes = Processes(installation.home)
    before = {name: processes.find(name) for name in states(installation)}
    scheduler = before["airflow-scheduler"]
    assert scheduler is not None
    os.kill(scheduler.pid, signal.SIGKILL)
    found = states(installation)
    assert found.pop("airflow-scheduler") == "stopped"
    assert set(found.values()) == {"running"}
    shopmine(installation, "start")
    after = {name: processes.find(name) for name in before}
    assert after.pop("airflow-scheduler") not in {None, before.pop("airflow-scheduler")}
    assert after == before


def test_another_day_runs_through_airflow_and_older_days_do_not_become_current(installation: Installation) -> None:
    assert "success" in shopmine(installation, "run", "demo", "2025-06-29")
    found = shopmine(installation, "sql", "--csv", "SELECT day, is_current FROM published.releases ORDER BY day")
    assert found.splitlines()[1:] == ["2025-06-29,False", "2025-06-30,True"]


def test_upgrade_of_a_running_installation_leaves_it_running(installation: Installation) -> None:
    assert "both databases are of this version" in shopmine(installation, "upgrade")
    assert set(states(installation).values()) == {"running"}


def test_stop_leaves_no_process_and_a_second_stop_has_nothing_to_do(installation: Installation) -> None:
    assert "Airflow scheduler" in shopmine(installation, "stop")
    assert Processes(installation.home).strays() == []
    assert shopmine(installation, "stop") == "nothing was running\n"
