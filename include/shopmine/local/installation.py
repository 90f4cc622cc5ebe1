"""One installation: its state folder, its ports, its generated secrets, its connections and its environment."""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from shopmine.errors import ConfigError
from shopmine.local.layout import CHECKOUT, file_lock, home_from_environment, make_folder, read_json, write_private
from shopmine.local.ports import choose_port

if TYPE_CHECKING:
    from shopmine.config.connections import Connection

PORTS: Final = ("postgres", "mariadb", "mongodb", "airflow", "serving")

_THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def _password() -> str:
    return secrets.token_hex(20)


_SECRETS: Final[Mapping[str, Callable[[], str]]] = {
    "postgres_admin": _password,
    "postgres_airflow": _password,
    "postgres_shopmine": _password,
    "mariadb_admin": _password,
    "mongodb_admin": _password,
    "mongodb_key": lambda: base64.b64encode(secrets.token_bytes(48)).decode(),
    "airflow_admin": lambda: secrets.token_urlsafe(12),
    "airflow_fernet_key": lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    "airflow_jwt_secret": lambda: secrets.token_hex(64),
    "airflow_secret_key": _password,
    "serving_token": _password,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoDatabases:
    """What a demo shop has on this machine: a MariaDB and a MongoDB database named like it, and a folder of files.

    `personal_key` is what its personal columns are hashed with.
    """

    shop: str
    mysql_password: str
    mongo_password: str
    personal_key: str
    files: str | None = None

    @classmethod
    def new(cls, shop: str) -> DemoDatabases:
        """With passwords of its own."""
        return cls(shop=shop, mysql_password=_password(), mongo_password=_password(), personal_key=_password())


class Installation:
    """The installation in one state folder; made on first use, read anew at each access."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.logs = home / "logs"
        self.airflow_home = home / "airflow"
        self.login_file = home / "airflow" / "login.json"
        self.programs = Path(os.environ.get("SHOPMINE_PROGRAMS") or home / "programs")

    @classmethod
    def load(cls, home: Path | None = None) -> Installation:
        """Open the installation in `home` (default: $SHOPMINE_HOME, else `.shopmine`); make what it lacks.

        Raises:
            ConfigError: the folder can't be made or written, or its files were damaged.
        """
        installation = cls((home or home_from_environment()).resolve())
        # Anybody may enter: as root, PostgreSQL runs as another user. What is secret is private file by file.
        make_folder(installation.home)
        make_folder(installation.logs, mode=0o711)
        make_folder(installation.airflow_home, mode=0o700)
        with installation.lock("config"):
            installation._complete()
        return installation

    def lock(self, name: str) -> Any:
        """A lock of this installation across processes: `config` for its files, `servers` for starting and stopping."""
        return file_lock(self.home / f".{name}.lock", what="another ./shopmine command")

    def port(self, name: str) -> int:
        """The remembered port of a component."""
        return int(self._config()["ports"][name])

    def secret(self, name: str) -> str:
        """A generated secret by its name."""
        value = self._secrets()[name]
        if not isinstance(value, str):
            raise ConfigError(f"{self.home / 'secrets.json'}: {name} is not a text")
        return value

    def move_port(self, name: str) -> int:
        """Choose and remember another port for a component whose own is taken by a stranger."""
        with self.lock("config"):
            config = self._config()
            config["ports"][name] = choose_port(set(config["ports"].values()))
            self._write_config(config)
            return int(config["ports"][name])

    def add_demo_databases(self, shop: str, files_dir: Path | None = None) -> None:
        """Make a shop's MariaDB and MongoDB databases with users of their own, and remember its connections.

        Idempotent. The servers must run.
        """
        from shopmine.local.servers import Servers

        with self.lock("config"):
            entry = self._demo_databases().get(shop) or DemoDatabases.new(shop)
            if files_dir is not None:
                entry = replace(entry, files=str(files_dir.resolve()))
            stored = self._secrets()
            stored.setdefault("demo_databases", {})[shop] = asdict(entry)
            write_private(self.home / "secrets.json", json.dumps(stored, indent=1))
        Servers(self).make_demo_databases(entry)

    def database_url(self, database: str, *, user: str | None = None, driver: str = "postgresql") -> str:
        """URL of a database of our PostgreSQL: `airflow` and `shopmine` by their own users, or `user="postgres"`."""
        user = user or database
        password = self.secret("postgres_admin" if user == "postgres" else f"postgres_{user}")
        return f"{driver}://{user}:{password}@127.0.0.1:{self.port('postgres')}/{database}"

    def mysql_url(self, database: str = "", *, user: str = "root", password: str | None = None) -> str:
        """URL of a MariaDB database."""
        password = password or self.secret("mariadb_admin")
        return f"mysql://{user}:{password}@127.0.0.1:{self.port('mariadb')}/{database}?charset=utf8mb4"

    def mongo_url(self, database: str = "", *, user: str = "root", password: str | None = None) -> str:
        """URL of a MongoDB database; a demo shop's user lives in its own database."""
        password = password or self.secret("mongodb_admin")
        source = "admin" if user == "root" else database
        options = f"authSource={source}&replicaSet=rs0&directConnection=true"
        return f"mongodb://{user}:{password}@127.0.0.1:{self.port('mongodb')}/{database}?{options}"

    def connection_variables(self) -> dict[str, str]:
        """AIRFLOW_CONN_… of every connection: the staging database, the demo shops, and the user's `connections.env`."""
        variables = {"AIRFLOW_CONN_SHOPMINE_STAGING": self.database_url("shopmine")}
        for shop, entry in sorted(self._demo_databases().items()):
            prefix = f"AIRFLOW_CONN_{shop.upper()}"
            variables[f"{prefix}_MYSQL"] = self.mysql_url(shop, user=shop, password=entry.mysql_password)
            variables[f"{prefix}_MONGO"] = self.mongo_url(shop, user=shop, password=entry.mongo_password)
            variables[f"{prefix}_KEY"] = json.dumps({"conn_type": "generic", "password": entry.personal_key})
            if entry.files:
                variables[f"{prefix}_FILES"] = f"file://{entry.files}"
        return variables | read_variables(self.home / "connections.env")

    def connections(self) -> dict[str, Connection]:
        """Every connection by id, as package functions take them; also those of this process's own environment."""
        from shopmine.config.connections import connections_from_environment

        return dict(connections_from_environment({**os.environ, **self.connection_variables()}))

    def command_environment(self) -> dict[str, str]:
        """The variables that a command needs: the folders, the connections, and one thread a library."""
        shops = os.environ.get("SHOPMINE_SHOPS") or str(CHECKOUT / "shops")
        return {
            "SHOPMINE_HOME": str(self.home),
            "SHOPMINE_SHOPS": str(Path(shops).resolve()),
            # Equal bits need a fixed number of threads, and tasks side by side must not fight for the cores.
            **dict.fromkeys(_THREADS, "1"),
            **self.connection_variables(),
        }

    def environment(self) -> dict[str, str]:
        """Every variable that Airflow runs with, besides the process's own; a setting in `connections.env` comes first."""
        from shopmine.local.airflow_settings import airflow_settings

        python_path = {"PYTHONPATH": str(CHECKOUT / "include")}
        return python_path | airflow_settings(self) | self.command_environment()

    def _demo_databases(self) -> dict[str, DemoDatabases]:
        return {shop: DemoDatabases(**entry) for shop, entry in self._secrets().get("demo_databases", {}).items()}

    def _config(self) -> dict[str, Any]:
        return read_json(self.home / "config.json")

    def _secrets(self) -> dict[str, Any]:
        return read_json(self.home / "secrets.json")

    def _write_config(self, config: Mapping[str, Any]) -> None:
        write_private(self.home / "config.json", json.dumps(config, indent=1, sort_keys=True))

    def _complete(self) -> None:
        config = self._config()
        ports = config.setdefault("ports", {})
        if missing := [name for name in PORTS if name not in ports]:
            for name in missing:
                ports[name] = choose_port(set(ports.values()))
            self._write_config(config)
        stored = self._secrets()
        if lacking := [name for name in _SECRETS if name not in stored]:
            if (self.home / "postgres").exists() and not stored:
                raise ConfigError(
                    f"{self.home / 'secrets.json'} is gone but its servers' data is there; restore the file"
                )
            stored |= {name: _SECRETS[name]() for name in lacking}
            write_private(self.home / "secrets.json", json.dumps(stored, indent=1))
        if not (self.home / "connections.env").exists():
            write_private(self.home / "connections.env", _CONNECTIONS_ENV)


def read_variables(path: Path) -> dict[str, str]:
    """The lines NAME=VALUE of a file; empty lines and comments are skipped, quotes round a value are taken off.

    Raises:
        ConfigError: a line is none of these; names the line, not its text (it may hold a password).
    """
    variables = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines() if path.exists() else [], start=1):
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if not name or name.startswith("#"):
            continue
        if not equals or not name.strip().isidentifier():
            raise ConfigError(
                f"{path} line {number} is not NAME=VALUE; write for example AIRFLOW_CONN_MYSHOP_MYSQL=mysql://…"
            )
        value = value.strip()
        quoted = len(value) >= 2 and value[0] == value[-1] and value[0] in "'\""
        variables[name.strip()] = value[1:-1] if quoted else value
    return variables


_CONNECTIONS_ENV: Final = """\
# Connections of your own shops, one a line; the id of a connection is the part behind AIRFLOW_CONN_, in small letters:
# AIRFLOW_CONN_MYSHOP_MYSQL=mysql://user:password@host:3306/database?charset=utf8mb4
# AIRFLOW_CONN_MYSHOP_MONGO=mongodb://user:password@host:27017/database
# Special characters in a password are percent-encoded (@ is %40). Settings of Airflow may stand here too, for example
# AIRFLOW__CORE__PARALLELISM=8. After a change: ./shopmine start
"""
