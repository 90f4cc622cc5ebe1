"""The whole of one machine, as its user runs it: `demo` from nothing, a component that dies, another day, the end."""

import json
import os
import signal
from collections.abc import Iterator
from datetime import date

import httpx
import pytest

from harness.installations import attempt, mode_of, own_installation, shopmine, shops_of, states
from integration.local.airflow_ui import Ui, web_ui
from shopmine.errors import NotFoundError, SourceUnavailableError
from shopmine.local.airflow import Airflow
from shopmine.local.airflow_api import AirflowApi
from shopmine.local.installation import Installation
from shopmine.local.processes import Processes

pytestmark = [pytest.mark.airflow, pytest.mark.slow, pytest.mark.servers]

DAG = "demo.daily"


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    with own_installation() as found:
        yield found


@pytest.fixture
def ui(installation: Installation) -> Iterator[Ui]:
    """The web UI in a browser in the shop's zone, signed in with the generated login."""
    with web_ui(installation, zone="Asia/Shanghai") as found:
        found.sign_in("admin", json.loads(installation.login_file.read_text())["admin"])
        found.page.get_by_role("link", name="Dags").wait_for()
        yield found


def releases(installation: Installation, first: str, last: str) -> list[str]:
    """Day, number, hash and moment of the releases of some days, in the order of the days."""
    columns = "day, release, content_hash, created_at"
    query = f"SELECT {columns} FROM published.releases WHERE day BETWEEN '{first}' AND '{last}' ORDER BY day, release"
    return shopmine(installation, "sql", "--csv", query).splitlines()[1:]


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


def test_a_backfill_runs_each_day_of_its_range_once(installation: Installation) -> None:
    assert "success" in shopmine(installation, "backfill", "demo", "2025-06-26", "2025-06-27")
    found = shopmine(
        installation, "sql", "--csv", "SELECT day FROM published.releases WHERE day < '2025-06-28' ORDER BY 1"
    )
    assert found.splitlines()[1:] == ["2025-06-26", "2025-06-27"]


def test_the_web_ui_lets_in_nobody_with_another_password(installation: Installation) -> None:
    with web_ui(installation, zone="Asia/Shanghai") as stranger:
        stranger.sign_in("admin", "a guess")
        stranger.page.get_by_text("Invalid credentials").wait_for()
        stranger.open(f"dags/{DAG}")
        stranger.page.get_by_label("Password").wait_for()


def test_a_day_is_run_twice_from_the_web_ui_and_the_second_run_changes_nothing(
    installation: Installation, ui: Ui
) -> None:
    day = "2025-06-28"
    runs, kept = [], []
    for _ in range(2):
        runs.append(ui.trigger(DAG, date.fromisoformat(day)))
        ui.wait_for_success(DAG, runs[-1])
        kept.append(releases(installation, day, day))
    assert runs[0] != runs[1]
    assert kept[0] == kept[1]
    assert len(kept[0]) == 1
    for run in runs:
        assert all(ui.grid(DAG, run))
        event = ui.asset_event(DAG, run)
        assert [event["day"], str(event["release"])] == kept[0][0].split(",")[:2]
    _holds_no_secret(installation, ui.everything_of(DAG, runs[0]))
    rendered = ui.text_of(f"dags/{DAG}/runs/{runs[0]}/tasks/collect.shop/rendered_templates", "op_args")
    _holds_no_secret(installation, rendered)


def test_a_week_is_backfilled_from_the_web_ui_and_seen_there(installation: Installation, ui: Ui) -> None:
    ui.backfill(DAG, date(2025, 6, 10), date(2025, 6, 16), says="7 runs will be triggered")
    ui.wait_for_success(DAG, "backfill__2025-06-1", 7)
    days = [row.split(",")[0] for row in releases(installation, "2025-06-10", "2025-06-16")]
    assert days == [f"2025-06-{day}" for day in range(10, 17)]
    assert "Missing Runs" in ui.text_of(f"dags/{DAG}/backfills", "2025-06-16 23:59:59")


def test_the_web_ui_says_what_a_dag_is_who_owns_it_and_what_to_do(ui: Ui) -> None:
    shown = ui.text_of(f"dags/{DAG}", "impact:tier1")
    assert all(word in shown for word in ("shop-data", "shop:demo", "daily 每日"))
    ui.page.get_by_role("button", name="Dag Docs").click()
    ui.page.get_by_text("docs/runbooks/daily.md").wait_for()


def _holds_no_secret(installation: Installation, text: str) -> None:
    stored = json.loads((installation.home / "secrets.json").read_text())
    shops = stored.pop("demo_databases").values()
    secrets = {
        *stored.values(),
        *(value for shop in shops for name, value in shop.items() if name not in {"shop", "files"}),
    }
    assert [name for name, value in stored.items() if value in text] == []
    assert not any(secret in text for secret in secrets)


def test_an_unknown_dag_is_named_and_an_absent_airflow_too(installation: Installation) -> None:
    api = Airflow(installation).api()
    with pytest.raises(NotFoundError, match=r"no DAG 'nope\.daily' after 0 s; is shops/nope\.toml there"):
        api.wait_for_dag("nope.daily", seconds=0)
    api.close()
    absent = AirflowApi("http://127.0.0.1:1", user="admin", password="none")
    with pytest.raises(
        SourceUnavailableError, match=r"does not answer at http://127\.0\.0\.1:1; see \./shopmine status"
    ):
        absent.health()


def test_a_failed_run_says_which_task_and_why_and_its_status_is_1(installation: Installation) -> None:
    file = shops_of(installation) / "demo.toml"
    kept = file.read_text()
    file.write_text(kept.replace('connection = "demo_mysql"', 'connection = "demo_gone"'))
    done = attempt(installation, "run", "demo", "2025-06-24")
    file.write_text(kept)
    assert done.returncode == 1
    assert "error: the run of demo for 2025-06-24 ended as failed:" in done.stderr
    assert "collect.shop: ConfigError: the connection 'demo_gone' is not set" in done.stderr


def test_a_new_connection_restarts_airflow_with_it(installation: Installation) -> None:
    with (installation.home / "connections.env").open("a") as file:
        file.write("AIRFLOW_CONN_MINE_MYSQL=mysql://me:mysecret@127.0.0.1:1/mine\n")
    said = shopmine(installation, "start")
    assert said.count("settings changed, starting it anew") == 4
    assert "mysecret" not in said
    assert "settings changed" not in shopmine(installation, "start")


def test_upgrade_of_a_running_installation_leaves_it_running(installation: Installation) -> None:
    assert "both databases are of this version" in shopmine(installation, "upgrade")
    assert set(states(installation).values()) == {"running"}


def test_stop_leaves_no_process_and_a_second_stop_has_nothing_to_do(installation: Installation) -> None:
    assert "Airflow scheduler" in shopmine(installation, "stop")
    assert Processes(installation.home).strays() == []
    assert shopmine(installation, "stop") == "nothing was running\n"
