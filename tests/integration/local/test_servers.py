"""The real servers of one machine: started, stopped, killed, moved, as root and as an ordinary user."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pymongo
import pymysql
import pytest

from harness.installations import mode_of, own_installation
from shopmine.errors import ConfigError, SourceUnavailableError
from shopmine.local.installation import Installation
from shopmine.local.processes import Processes
from shopmine.local.servers import Servers

pytestmark = [pytest.mark.servers, pytest.mark.slow]
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    with own_installation() as found:
        yield found


@pytest.fixture
def servers(installation: Installation) -> Servers:
    found = Servers(installation, is_durable=False)
    found.start()
    return found


def pids(servers: Servers) -> dict[str, int | None]:
    return {status.name: status.pid for status in servers.status()}


def shop_connections(installation: Installation) -> tuple[Any, Any]:
    known = installation.connections()
    mysql = known["corner_mysql"]
    first = pymysql.connect(
        host=mysql.host, port=mysql.port, user=mysql.user, password=mysql.password, database=mysql.database
    )
    return first, pymongo.MongoClient(installation.connection_variables()["AIRFLOW_CONN_CORNER_MONGO"])


def test_a_demo_shop_gets_databases_of_its_own_and_no_more(servers: Servers, installation: Installation) -> None:
    installation.add_demo_databases("corner", installation.home / "files")
    installation.add_demo_databases("corner")
    mysql, mongo = shop_connections(installation)
    with mysql, mysql.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS t (price DECIMAL(5, 2), name VARCHAR(4))")
        cursor.execute("INSERT INTO t VALUES (1.50, '茶')")
        mysql.commit()
        with pytest.raises(pymysql.err.DataError, match="too long"):
            cursor.execute("INSERT INTO t VALUES (1, 'far too long')")
        with pytest.raises(pymysql.err.OperationalError, match="denied"):
            cursor.execute("SELECT user FROM mysql.user")
    with mongo, mongo.start_session(snapshot=True) as session:
        mongo.corner.t.insert_one({"name": "茶"})
        assert mongo.corner.t.count_documents({}, session=session) in {0, 1}
        with pytest.raises(pymongo.errors.OperationFailure, match="not authorized"):
            mongo.another.t.insert_one({})
    assert installation.connections()["corner_files"].folder == installation.home / "files"


def test_nobody_gets_in_without_a_password(servers: Servers, installation: Installation) -> None:
    for user in ("postgres", "shopmine"):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(f"postgresql://{user}:wrong@127.0.0.1:{installation.port('postgres')}/postgres")
    with pytest.raises(pymysql.err.OperationalError, match="denied"):
        pymysql.connect(host="127.0.0.1", port=installation.port("mariadb"), user="root", password="")
    with (
        pymongo.MongoClient("127.0.0.1", installation.port("mongodb"), directConnection=True) as client,
        pytest.raises(pymongo.errors.OperationFailure, match="requires authentication"),
    ):
        client.list_database_names()


def test_the_staging_user_is_no_superuser_and_cannot_read_airflows_database(
    servers: Servers, installation: Installation
) -> None:
    with psycopg.connect(installation.database_url("shopmine")) as connection:
        assert connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone() == (False,)
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(installation.database_url("airflow", user="shopmine"))


def test_servers_listen_on_this_machine_only_and_their_files_are_private(
    servers: Servers, installation: Installation
) -> None:
    for name, pid in pids(servers).items():
        listening = [c for c in psutil.Process(pid).net_connections() if c.status == psutil.CONN_LISTEN]
        assert {c.laddr.ip for c in listening} == {"127.0.0.1"}, name
        assert mode_of(installation.home / name / "data") == "0o700"
    assert mode_of(installation.home / "secrets.json") == "0o600"
    assert mode_of(installation.home / "mongodb" / "key") == "0o600"
    command_lines = " ".join(" ".join(p.cmdline()) for p in Processes(installation.home).strays())
    stored = (installation.home / "secrets.json").read_text()
    assert not [word for word in command_lines.split() if len(word) > 15 and f'"{word}"' in stored]


def test_a_second_start_changes_nothing_and_stop_leaves_nothing_but_the_data(
    servers: Servers, installation: Installation
) -> None:
    before = pids(servers)
    servers.start()
    assert pids(servers) == before
    with psycopg.connect(installation.database_url("shopmine")) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept AS SELECT 42 AS answer")
    assert servers.stop() == ["PostgreSQL", "MariaDB", "MongoDB"]
    assert {status.state for status in servers.status()} == {"stopped"}
    assert Processes(installation.home).strays() == []
    assert servers.stop() == []
    servers.start()
    with psycopg.connect(installation.database_url("shopmine")) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_after_everything_was_killed_start_recovers(servers: Servers, installation: Installation) -> None:
    for process in Processes(installation.home).strays():
        process.kill()
    servers.start()
    assert {status.state for status in servers.status()} == {"running"}


def test_what_a_start_left_that_died_before_it_took_notes_is_replaced(
    servers: Servers, installation: Installation
) -> None:
    before = pids(servers)
    shutil.rmtree(installation.home / "run")
    servers.start()
    assert not set(before.values()) & set(pids(servers).values())
    assert {process.pid for process in Processes(installation.home).strays()} >= set(pids(servers).values())


def test_a_server_whose_port_was_taken_moves_and_keeps_its_data(servers: Servers, installation: Installation) -> None:
    installation.add_demo_databases("corner")
    _mysql, mongo = shop_connections(installation)
    mongo.corner.moved.insert_one({"_id": 1})
    mongo.close()
    servers.stop()
    said: list[str] = []
    taken = {name: installation.port(name) for name in ("postgres", "mariadb", "mongodb")}
    strangers = {name: socket.create_server(("127.0.0.1", port)) for name, port in taken.items()}

    def say(line: str) -> None:
        said.append(line)
        if line.startswith("MongoDB") and "moved" in line:
            strangers["mongodb"].close()  # MongoDB would wait for this mute stranger's answer

    try:
        Servers(installation, say=say, is_durable=False).start()
    finally:
        for stranger in strangers.values():
            stranger.close()
    assert len([line for line in said if "moved to port" in line]) == 3
    assert not set(taken.values()) & {installation.port(name) for name in taken}
    _mysql, mongo = shop_connections(installation)
    with mongo:
        assert mongo.corner.moved.replace_one({"_id": 1}, {"moved": True}).matched_count == 1


def test_a_server_that_ends_at_once_shows_the_end_of_its_log(servers: Servers, installation: Installation) -> None:
    servers.stop()
    version = installation.home / "postgres" / "data" / "PG_VERSION"
    kept = version.read_text()
    version.write_text("9\n")
    try:
        with pytest.raises(SourceUnavailableError, match=r"PostgreSQL ended at once.*(\n.*)*incompatible") as raised:
            Servers(installation, names=["postgres"]).start()
        assert "postgres.log" in str(raised.value)
    finally:
        version.write_text(kept)
    servers.start()


def test_a_full_disk_is_refused_before_anything_starts(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type(shutil.disk_usage("/"))(10**9, 10**9, 1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    with pytest.raises(ConfigError, match=r"only 1 MB free in .*, 500 MB are needed; make room"):
        Servers(installation).start()


def test_two_installations_run_side_by_side(servers: Servers) -> None:
    with own_installation() as second:
        others = Servers(second, names=["postgres"], is_durable=False)
        others.start()
        assert pids(others)["postgres"] != pids(servers)["postgres"]
        others.stop()
        assert {status.state for status in servers.status()} == {"running"}


@pytest.mark.skipif(os.geteuid() != 0, reason="is an ordinary user already")
def test_postgres_runs_below_a_folder_that_only_root_may_enter() -> None:
    with own_installation() as found:
        found.home.parent.chmod(0o700)
        servers = Servers(found, names=["postgres"], is_durable=False)
        servers.start()
        pid = pids(servers)["postgres"]
        assert psutil.Process(pid).username() == "nobody"
        with psycopg.connect(found.database_url("shopmine")) as connection:
            connection.execute("SELECT 1")
        with psycopg.connect(found.database_url("postgres", user="postgres")) as connection:
            connection.execute("CREATE EXTENSION pg_trgm")


_AS_USER = """
import sys
from pathlib import Path
from shopmine.local.installation import Installation
from shopmine.local.running import stop_all
from shopmine.local.servers import Servers
found = Installation.load(Path(sys.argv[1]))
servers = Servers(found, say=print, is_durable=False)
servers.start()
found.add_demo_databases("corner")
print([status.state for status in servers.status()])
print(stop_all(found))
"""


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root, to become another user")
def test_an_ordinary_user_needs_no_administrator() -> None:
    become = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    usable = [
        python
        for python in (sys.executable, f"/usr/bin/{name}", f"/usr/local/bin/{name}")
        if subprocess.run([*become, python, "-c", ""], capture_output=True, check=False).returncode == 0
    ]
    if not usable:
        pytest.skip(f"no {name} that another user may run")
    folder = Path(subprocess.check_output(["mktemp", "-d"], text=True).strip())
    os.chown(folder, 65534, 65534)
    packages = Path(psycopg.__file__).parents[1]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": f"{ROOT / 'include'}:{packages}"}
    try:
        command = [*become, usable[0], "-c", _AS_USER, str(folder / "home")]
        done = subprocess.run(
            command, env=environment, cwd=folder, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "['running', 'running', 'running']" in done.stdout
        assert "['PostgreSQL', 'MariaDB', 'MongoDB']" in done.stdout
        assert Processes(folder / "home").strays() == []
    finally:
        for process in Processes(folder / "home").strays():
            process.send_signal(signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)
