"""An installation's files: made once, private, kept, and clear about what is wrong with them."""

import json
import os
import socket
import threading
from pathlib import Path

import pytest

from harness.installations import mode_of
from shopmine.errors import ConfigError
from shopmine.local.installation import PORTS, Installation, read_variables
from shopmine.local.layout import file_lock, home_from_environment, write_private
from shopmine.local.ports import choose_port, is_free
from shopmine.local.postgres import PostgresServer


def test_ports_and_secrets_are_chosen_once_and_secrets_are_private(tmp_path: Path) -> None:
    first, second = Installation.load(tmp_path / "home"), Installation.load(tmp_path / "home")
    assert [first.port(name) for name in PORTS] == [second.port(name) for name in PORTS]
    assert len({first.port(name) for name in PORTS}) == len(PORTS)
    assert first.environment() == second.environment()
    assert first.secret("postgres_admin") != first.secret("mariadb_admin")
    for name in ("secrets.json", "config.json", "connections.env"):
        assert mode_of(tmp_path / "home" / name) == "0o600"


def test_two_installations_share_no_port_and_no_secret(tmp_path: Path) -> None:
    first, second = Installation.load(tmp_path / "one"), Installation.load(tmp_path / "two")
    assert not {first.port(name) for name in PORTS} & {second.port(name) for name in PORTS}
    assert first.secret("airflow_fernet_key") != second.secret("airflow_fernet_key")


def test_many_at_once_make_one_installation(tmp_path: Path) -> None:
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(Installation.load(tmp_path / "home").secret("airflow_admin")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_a_secret_that_a_newer_version_needs_is_added_and_the_others_stay(tmp_path: Path) -> None:
    installation = Installation.load(tmp_path)
    stored = json.loads((tmp_path / "secrets.json").read_text())
    kept = dict(stored)
    del stored["serving_token"]
    (tmp_path / "secrets.json").write_text(json.dumps(stored))
    Installation.load(tmp_path)
    assert installation.secret("serving_token") != kept["serving_token"]
    assert installation.secret("postgres_admin") == kept["postgres_admin"]


def test_lost_secrets_are_not_replaced_while_data_depends_on_them(tmp_path: Path) -> None:
    Installation.load(tmp_path)
    (tmp_path / "postgres").mkdir()
    (tmp_path / "secrets.json").unlink()
    with pytest.raises(ConfigError, match=r"secrets\.json is gone but its servers' data is there; restore the file"):
        Installation.load(tmp_path)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    Installation.load(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ConfigError, match=r"can't read .*config\.json"):
        Installation.load(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigError, match=r"can't make the folder .*; set SHOPMINE_HOME to a folder of yours"):
        Installation.load(tmp_path / "home")


def test_the_users_own_connections_are_read_and_win(tmp_path: Path) -> None:
    installation = Installation.load(tmp_path)
    lines = ["# mine", "", "AIRFLOW_CONN_MYSHOP_MYSQL=mysql://u:p%40@db:3306/shop", "export A_B='x=y'"]
    lines += ["AIRFLOW__CORE__PARALLELISM=8"]
    (tmp_path / "connections.env").write_text("\n".join([*lines, "AIRFLOW_CONN_SHOPMINE_STAGING=postgresql://h/d"]))
    assert installation.environment()["A_B"] == "x=y"
    assert installation.environment()["AIRFLOW__CORE__PARALLELISM"] == "8"
    assert installation.connections()["myshop_mysql"].password == "p@"
    assert installation.connections()["shopmine_staging"].host == "h"


def test_a_bad_line_of_connections_is_named_without_its_text(tmp_path: Path) -> None:
    file = tmp_path / "connections.env"
    file.write_text("A=1\nmysql://user:secret@host\n")
    with pytest.raises(ConfigError, match=r"connections\.env line 2 is not NAME=VALUE") as raised:
        read_variables(file)
    assert "secret" not in str(raised.value)


def test_airflow_listens_on_this_machine_only_and_uses_its_own_folders(tmp_path: Path) -> None:
    settings = Installation.load(tmp_path).environment()
    assert settings["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert settings["AIRFLOW_HOME"] == str(tmp_path.resolve() / "airflow")
    assert all("sqlite" not in value for value in settings.values())
    for name in ("AIRFLOW__CORE__DAGS_FOLDER", "AIRFLOW__CORE__PLUGINS_FOLDER", "PYTHONPATH", "SHOPMINE_SHOPS"):
        assert Path(settings[name]).is_absolute()


def test_the_home_is_taken_from_the_environment(tmp_path: Path) -> None:
    assert home_from_environment({"SHOPMINE_HOME": str(tmp_path)}) == tmp_path.resolve()
    assert home_from_environment({}).name == ".shopmine"


def test_a_taken_port_is_not_free_and_not_chosen() -> None:
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        assert not is_free(stranger.getsockname()[1])
    first = choose_port(set())
    assert choose_port({first}) != first


def test_a_lock_held_by_another_is_reported_after_the_wait(tmp_path: Path) -> None:
    with (
        file_lock(tmp_path / "lock"),
        pytest.raises(ConfigError, match=r"another command holds .*lock since 0 s"),
        file_lock(tmp_path / "lock", wait_seconds=0),
    ):
        pytest.fail("the second holder got in")


def test_a_private_file_is_replaced_whole(tmp_path: Path) -> None:
    write_private(tmp_path / "file", "one")
    (tmp_path / "file").chmod(0o644)
    write_private(tmp_path / "file", "two")
    assert (tmp_path / "file").read_text() == "two"
    assert mode_of(tmp_path / "file") == "0o600"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_user_without_a_name_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    with pytest.raises(ConfigError, match=r"number 54321 has no name .* useradd --uid 54321 shopmine"):
        PostgresServer(Installation.load(tmp_path / "home")).launch()
