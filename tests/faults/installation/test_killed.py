"""Each server and each part of Airflow is killed while a day runs; `start`, and the day ends green, the same as ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from faults.installation.conftest import DAYS
from harness.installations import shopmine, states
from shopmine.local.processes import Processes

if TYPE_CHECKING:
    from faults.installation.night import Night

pytestmark = [pytest.mark.airflow, pytest.mark.slow, pytest.mark.servers]


def test_the_shops_own_mariadb_then_the_dag_processor_then_the_triggerer(night: Night) -> None:
    with night.day(DAYS[0]) as run:
        with run.amid("collect.shop"):
            night.kill("mariadb")
        assert "MariaDB runs" in night.start()
        with run.amid("prepare"):
            night.kill("airflow-dag-processor")
            night.kill("airflow-triggerer")
        said = night.start()
        assert "Airflow DAG processor runs" in said
        assert "Airflow triggerer runs" in said


def test_the_shops_own_mongodb_then_the_api_server(night: Night) -> None:
    with night.day(DAYS[1]) as run:
        with run.amid("collect.behaviour"):
            night.kill("mongodb")
        assert "MongoDB runs" in night.start()
        with run.amid("features"):
            night.kill("airflow-api-server")
        assert "Airflow UI and API runs" in night.start()


def test_postgresql_which_holds_the_staging_database_and_airflows(night: Night) -> None:
    with night.day(DAYS[2]) as run:
        with run.amid("segments.fit"):
            night.kill("postgres")
        assert "PostgreSQL runs" in night.start()


def test_the_scheduler_with_a_task_under_way(night: Night) -> None:
    with night.day(DAYS[3]) as run:
        with run.amid("publish"):
            night.kill("airflow-scheduler")
        assert "Airflow scheduler runs" in night.start()


def test_a_worker_with_its_task_and_one_that_has_nothing_to_do(night: Night) -> None:
    with night.day(DAYS[4]) as run:
        with run.amid("prepare") as process:
            process.parent().kill()
            process.kill()
        with run.amid("segments.fit"):
            night.kill_idle_workers()
        assert states(night.installation)["airflow-scheduler"] == "lost a worker"
        assert "a worker of it was killed, starting it anew" in night.start()


def test_everything_at_once(night: Night) -> None:
    with night.day(DAYS[5]) as run:
        with run.amid("recommendations.fit"):
            night.kill_everything()
        night.start()


def test_afterwards_all_runs_and_stop_leaves_no_process(night: Night) -> None:
    assert set(states(night.installation).values()) == {"running"}
    shopmine(night.installation, "stop")
    assert Processes(night.installation.home).strays() == []
