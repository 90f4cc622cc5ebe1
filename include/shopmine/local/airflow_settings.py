"""Airflow's settings for one machine, as environment variables: no file of Airflow's own has to be edited."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from shopmine.local.layout import CHECKOUT

if TYPE_CHECKING:
    from shopmine.local.installation import Installation


def airflow_settings(installation: Installation) -> dict[str, str]:
    """AIRFLOW_HOME and every AIRFLOW__SECTION__KEY that differs from Airflow's defaults.

    A new shop's DAGs are not paused: a shop is switched on by putting its file into the folder, and a run that a
    person asks for must not wait for a second switch. `catchup` is off, so that starts no history.
    """
    sections = {**_services(installation), **_loops_and_logs(installation)}
    settings = {
        f"AIRFLOW__{section.upper()}__{key.upper()}": value
        for section, keys in sections.items()
        for key, value in keys.items()
    }
    return {"AIRFLOW_HOME": str(installation.airflow_home), **settings}


def _services(installation: Installation) -> dict[str, dict[str, str]]:
    """Where Airflow's parts and their database are, and the secrets between them."""
    url = f"http://127.0.0.1:{installation.port('airflow')}"
    return {
        "core": {
            "dags_folder": str(CHECKOUT / "dags"),
            "plugins_folder": str(CHECKOUT / "plugins"),
            "load_examples": "False",
            "dags_are_paused_at_creation": "False",
            "executor": "LocalExecutor",
            # A worker costs 150 MB; one more than cores, since a task also waits for its databases.
            "parallelism": str(max(2, (os.cpu_count() or 1) + 1)),
            "default_timezone": "utc",
            "fernet_key": installation.secret("airflow_fernet_key"),
            "simple_auth_manager_users": "admin:admin",
            "simple_auth_manager_passwords_file": str(installation.login_file),
            "execution_api_server_url": f"{url}/execution/",
            "hostname_callable": "socket.gethostname",
            "min_serialized_dag_update_interval": "5",
        },
        "database": {
            "sql_alchemy_conn": installation.database_url("airflow", driver="postgresql+psycopg"),
            "sql_alchemy_conn_async": installation.database_url("airflow", driver="postgresql+asyncpg"),
        },
        "api": {
            "host": "127.0.0.1",
            "port": str(installation.port("airflow")),
            "base_url": url,
            "workers": "1",
            "secret_key": installation.secret("airflow_secret_key"),
        },
        "api_auth": {"jwt_secret": installation.secret("airflow_jwt_secret")},
    }


def _loops_and_logs(installation: Installation) -> dict[str, dict[str, str]]:
    """How often Airflow looks for work, and where it writes."""
    return {
        "scheduler": {
            "scheduler_idle_sleep_time": "0.3",
            # A killed worker's task is noticed, and tried again, within about a minute.
            "task_instance_heartbeat_timeout": "60",
            "task_instance_heartbeat_timeout_detection_interval": "10",
            "orphaned_tasks_check_interval": "60",
        },
        "dag_processor": {
            "min_file_process_interval": "15",
            "refresh_interval": "60",
            "parsing_processes": "1",
            "dag_bundle_storage_path": str(installation.airflow_home / "bundles"),
        },
        "logging": {
            "base_log_folder": str(installation.logs / "tasks"),
            "dag_processor_child_process_log_directory": str(installation.logs / "dag-processing"),
            "colored_console_log": "False",
        },
    }
