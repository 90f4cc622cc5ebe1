"""MariaDB: the system's `mariadbd`, else Debian's package `mariadb-server-core` unpacked into the state folder."""

import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from shopmine.errors import ConfigError, SourceUnavailableError
from shopmine.local.installation import DemoDatabases, Installation
from shopmine.local.layout import make_folder
from shopmine.local.packages import library_folders, unpack_packages
from shopmine.local.processes import Launch
from shopmine.local.server import Say, server_environment

if TYPE_CHECKING:
    import pymysql

# What MySQL 8.4 sets by itself: a value that does not fit is an error, never cut or zeroed.
_SQL_MODE: Final = "ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
_SYSTEM_TABLES: Final = (
    "mysql_system_tables.sql",
    "mysql_performance_tables.sql",
    "mysql_system_tables_data.sql",
    "fill_help_tables.sql",
    "maria_add_gis_sp_bootstrap.sql",
    "mysql_sys_schema.sql",
)


class MariaServer:
    """The installation's MariaDB; `root` has all rights, each demo shop's user those on its own database."""

    name = "mariadb"
    title = "MariaDB"
    gently = signal.SIGTERM

    def __init__(self, installation: Installation, *, is_durable: bool = True) -> None:
        self._installation = installation
        self._folder = installation.home / "mariadb"
        self._data = self._folder / "data"
        self._unpacked = installation.programs / "mariadb"
        self._is_durable = is_durable

    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._installation.port('mariadb')}"

    def install(self, say: Say) -> None:
        """Fetch its programs where the system has none."""
        if _system_program() is None:
            unpack_packages(["mariadb-server-core"], self._unpacked, say=say)

    def launch(self) -> Launch:
        """How to start it; the first time this makes its system tables."""
        make_folder(self._folder, mode=0o700)
        if not self._data.exists():
            self._make_system_tables()
        safety = [] if self._is_durable else ["--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0"]
        options = [
            f"--datadir={self._data}",
            f"--port={self._installation.port('mariadb')}",
            "--bind-address=127.0.0.1",
            "--socket=",
            f"--pid-file={self._folder / 'mariadbd.pid'}",
            "--skip-name-resolve",
            "--character-set-server=utf8mb4",
            f"--sql-mode={_SQL_MODE}",
            "--default-time-zone=+00:00",
            "--innodb-buffer-pool-size=256M",
            "--max-allowed-packet=64M",
        ]
        return Launch(
            command=[*self._command(), *options, *safety],
            environment=self._environment(),
            log=self._installation.logs / "mariadb.log",
        )

    def ping(self) -> None:
        """Return when it takes orders."""
        self._connect().close()

    def configure(self) -> None:
        """Nothing to do: its root user was made with its system tables."""

    def make_demo_database(self, demo: DemoDatabases) -> None:
        """Make a demo shop's database and its user."""
        with self._connect() as connection, connection.cursor() as cursor:
            user = f"`{demo.shop}`@`127.0.0.1`"
            cursor.execute(f"CREATE DATABASE IF NOT EXISTS `{demo.shop}` CHARACTER SET utf8mb4")
            cursor.execute(f"CREATE USER IF NOT EXISTS {user} IDENTIFIED BY %s", [demo.mysql_password])
            cursor.execute(f"ALTER USER {user} IDENTIFIED BY %s", [demo.mysql_password])
            cursor.execute(f"GRANT ALL ON `{demo.shop}`.* TO {user}")

    def _connect(self) -> "pymysql.Connection[Any]":
        import pymysql

        password = self._installation.secret("mariadb_admin")
        port = self._installation.port("mariadb")
        return pymysql.connect(host="127.0.0.1", port=port, user="root", password=password, connect_timeout=5)

    def _command(self) -> list[str]:
        program = _system_program() or self._unpacked / "usr" / "sbin" / "mariadbd"
        share = self._share()
        places = [f"--lc-messages-dir={share}", f"--character-sets-dir={share / 'charsets'}"]
        if _system_program() is None:
            places.append(f"--plugin-dir={self._unpacked / 'usr/lib/mysql/plugin'}")
        return [str(program), "--no-defaults", *places, *(["--user=root"] if os.geteuid() == 0 else [])]

    def _share(self) -> Path:
        roots = [Path("/"), Path("/usr/local")] if _system_program() else [self._unpacked]
        for folder in [root / "usr/share" / name for root in roots for name in ("mysql", "mariadb")]:
            if (folder / _SYSTEM_TABLES[0]).exists():
                return folder
        raise ConfigError("MariaDB's files (mysql_system_tables.sql) were not found; install mariadb-server-core anew")

    def _environment(self) -> dict[str, str]:
        if _system_program():
            return server_environment()
        return server_environment(LD_LIBRARY_PATH=":".join(library_folders(self._unpacked)))

    def _make_system_tables(self) -> None:
        unfinished = self._folder / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        make_folder(unfinished, mode=0o700)
        (unfinished / "mysql").mkdir()
        share = self._share()
        password = self._installation.secret("mariadb_admin")
        statements = [
            "USE mysql;\nSET @auth_root_socket=NULL;\n",
            *[(share / name).read_text(encoding="utf-8") for name in _SYSTEM_TABLES if (share / name).exists()],
            "\nDELETE FROM mysql.global_priv WHERE User IN ('', 'root');\nFLUSH PRIVILEGES;\n",
            f"CREATE USER root@'127.0.0.1' IDENTIFIED BY '{password}';\n",
            "GRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;\n",
        ]
        options = ["--bootstrap", f"--datadir={unfinished}", "--log-warnings=0", "--enforce-storage-engine="]
        done = subprocess.run(
            [*self._command(), *options],
            input="".join(statements),
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            last = "\n".join(done.stderr.strip().splitlines()[-8:])
            raise SourceUnavailableError(f"mariadbd --bootstrap failed in {unfinished}:\n{last}")
        unfinished.rename(self._data)


def _system_program() -> Path | None:
    found = shutil.which("mariadbd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    return Path(found) if found else None
