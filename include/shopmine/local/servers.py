"""The database servers of one machine: started, checked, stopped; every step can be repeated."""

import shutil
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from shopmine.errors import ConfigError, SourceUnavailableError
from shopmine.local.installation import DemoDatabases, Installation
from shopmine.local.mariadb import MariaServer
from shopmine.local.mongodb import MongoServer
from shopmine.local.ports import is_free
from shopmine.local.postgres import PostgresServer
from shopmine.local.processes import Processes, last_lines
from shopmine.local.server import READY_SECONDS, ComponentStatus, Say, Server

ALL_SERVERS: Final = ("postgres", "mariadb", "mongodb")
_LEAST_FREE_BYTES: Final = 500_000_000
_T = TypeVar("_T")


class Servers:
    """The servers of an installation.

    Args:
        installation: whose servers.
        names: which of them; all by default.
        say: takes a line for the person who waits.
        is_durable: False trades safety against power loss for speed: for tests only.
    """

    def __init__(
        self,
        installation: Installation,
        *,
        names: Collection[str] = ALL_SERVERS,
        say: Say = lambda _line: None,
        is_durable: bool = True,
    ) -> None:
        self._installation = installation
        self._processes = Processes(installation.home)
        self._say = say
        known: list[Server] = [
            kind(installation, is_durable=is_durable) for kind in (PostgresServer, MariaServer, MongoServer)
        ]
        self._servers = [server for server in known if server.name in names]

    def install(self) -> None:
        """Fetch what the servers need, without starting any.

        Raises:
            ConfigError: a package is missing and can't be had; names it.
        """
        self._each(lambda server: server.install(self._say))

    def start(self) -> None:
        """Start what does not run, and wait until all take orders.

        Raises:
            ConfigError: a package is missing, or too little space is left.
            SourceUnavailableError: a server did not come up; with the last lines of its log.
        """
        free = shutil.disk_usage(self._installation.home).free
        if free < _LEAST_FREE_BYTES:
            raise ConfigError(
                f"only {free // 10**6} MB free in {self._installation.home}, 500 MB are needed; make room"
            )
        with self._installation.lock("servers"):
            self._each(self._start_one)

    def stop(self) -> list[str]:
        """Stop every server and whatever a crash left of it; the titles of those that ran."""
        with self._installation.lock("servers"):
            ran = self._each(lambda server: self._processes.stop(server.name, gently=server.gently, seconds=60))
        return [server.title for server, did_run in zip(self._servers, ran, strict=True) if did_run]

    def status(self) -> list[ComponentStatus]:
        """The state of every server, asked for now."""
        return self._each(self._status_one)

    def make_demo_databases(self, demo: DemoDatabases) -> None:
        """Make a demo shop's databases and users in every server."""
        self._each(lambda server: server.make_demo_database(demo))

    def _each(self, do: Callable[[Server], _T]) -> list[_T]:
        with ThreadPoolExecutor(max_workers=len(ALL_SERVERS)) as pool:
            return list(pool.map(do, self._servers))

    def _start_one(self, server: Server) -> None:
        began = time.monotonic()
        # What runs but ends while it is asked (it was just killed, say) is started anew like what does not run.
        if self._processes.find(server.name) is None or self._why_not_ready(server):
            self._launch(server)
            if why := self._why_not_ready(server):
                self._processes.stop(server.name, gently=server.gently)
                log = self._installation.logs / f"{server.name}.log"
                raise SourceUnavailableError(f"{server.title} {why}; the end of {log}:\n{last_lines(log)}")
        server.configure()
        self._say(f"{server.title} runs at {server.address()} ({time.monotonic() - began:.1f} s)")

    def _launch(self, server: Server) -> None:
        self._processes.stop(server.name, gently=server.gently)
        server.install(self._say)
        if not is_free(self._installation.port(server.name)):
            old, new = server.address(), self._installation.move_port(server.name)
            self._say(f"{server.title}: another program listens at {old}; moved to port {new}")
        self._processes.start(server.name, server.launch())

    def _why_not_ready(self, server: Server) -> str | None:
        """Wait until the server takes orders; None when it does."""
        deadline = time.monotonic() + READY_SECONDS
        while (error := _answer(server)) is not None:
            if self._processes.find(server.name) is None:
                return "ended at once"
            if time.monotonic() > deadline:
                return f"does not answer after {READY_SECONDS:.0f} s ({error})"
            time.sleep(0.05)
        return None

    def _status_one(self, server: Server) -> ComponentStatus:
        record = self._processes.find(server.name)
        state = "stopped" if record is None else "running" if _answer(server) is None else "not answering"
        pid = record.pid if record else None
        return ComponentStatus(name=server.name, title=server.title, state=state, address=server.address(), pid=pid)


def _answer(server: Server) -> Exception | None:
    try:
        server.ping()
    except Exception as error:  # noqa: BLE001 - each driver has errors of its own, and all mean: not yet
        return error
    return None
