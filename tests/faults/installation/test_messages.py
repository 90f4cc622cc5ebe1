"""What goes wrong says what, where and what to do next, on the command line and in a day's run; nothing is left half done."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa

from harness.installations import ROOT
from shopmine.collect.tasks import collect_source
from shopmine.config.connections import Connection
from shopmine.drill.day import run_day
from shopmine.drill.disk import TABLESPACE, NoSmallDiskError, own_server
from shopmine.drill.scratch import SHOP, Scratch, Servers, mongo, mysql, scratch_shop
from shopmine.errors import ConfigError, ShopmineError, SourceUnavailableError
from shopmine.staging.database import open_database
from shopmine.staging.runs import open_run

if TYPE_CHECKING:
    from harness.shared_servers import ServerUrls
    from shopmine.staging.database import Database

pytestmark = [pytest.mark.slow, pytest.mark.servers]
_MADE = """
SELECT (SELECT count(*) FROM raw.batches WHERE source = :source), (SELECT count(*) FROM clean.preparations),
    (SELECT count(*) FROM work.artifacts), (SELECT count(*) FROM work.releases)
"""


@dataclass(slots=True, kw_only=True)
class Shop:
    """A shop on the command line and in a day's run; `connections` are texts by id, the shop's file may be rewritten."""

    scratch: Scratch
    connections: dict[str, str]
    staging: str

    def shopmine(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`./shopmine` with the shop's connections in its environment."""
        environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        environment |= {f"AIRFLOW_CONN_{id_.upper()}": text for id_, text in self.connections.items()}
        environment |= {
            "PYTHONPATH": str(ROOT / "include"),
            "SHOPMINE_SHOPS": str(self.scratch.shops),
            "SHOPMINE_HOME": str(self.scratch.folder / "home"),
        }
        command = [sys.executable, "-m", "shopmine.cli.main", *arguments]
        return subprocess.run(
            command, env=environment, cwd="/", capture_output=True, text=True, timeout=120, check=False
        )

    def refused(self, *arguments: str) -> str:
        """What a command says that must fail: with status 1, without a traceback, without a password."""
        done = self.shopmine(*arguments)
        said = done.stdout + done.stderr
        assert done.returncode == 1, said
        assert "error: " in done.stderr
        assert "Traceback" not in said
        self._no_secret(said)
        return said

    def day(self) -> None:
        """Run the day by its stages."""
        known = {id_: Connection.parse(id_, text) for id_, text in self.connections.items()}
        db = open_database(known)
        try:
            run_day(db, SHOP, self.scratch.day, known)
        finally:
            db.close()

    def collects(self, source: str) -> dict[str, int]:
        """Read one source for a run of the day; what was read."""
        known = {id_: Connection.parse(id_, text) for id_, text in self.connections.items()}
        db = open_database(known)
        try:
            run = open_run(db, shop=SHOP, day=self.scratch.day, known_at=None, started_by=source, config={}).run
            return collect_source(db, run, source, known)
        finally:
            db.close()

    def fails(self, kind: type[ShopmineError], source: str = "") -> str:
        """What a day's run says that must fail and leave nothing of the source, nothing prepared, nothing released."""
        before = self.made(source)
        with pytest.raises(kind) as raised:
            self.day()
        assert self.made(source) == before
        self._no_secret(str(raised.value))
        return str(raised.value)

    def database(self) -> Database:
        return self.scratch.database(self.staging)

    def made(self, source: str = "") -> tuple[int, ...]:
        """How many batches of the source, preparations, artifacts and releases there are."""
        db = self.database()
        try:
            with db.transaction() as connection:
                return tuple(connection.execute(sa.text(_MADE), {"source": source}).one())
        finally:
            db.close()

    def _no_secret(self, said: str) -> None:
        for text in self.connections.values():
            password = urlsplit(text).password
            assert not password or len(password) < 8 or password not in said


@pytest.fixture(scope="module")
def scratch(server_urls: ServerUrls) -> Iterator[Scratch]:
    servers = Servers(postgres=server_urls.postgres, mysql=server_urls.mysql, mongo=server_urls.mongo)
    with scratch_shop(servers) as found:
        yield found


@pytest.fixture
def shop(scratch: Scratch, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setenv("SHOPMINE_SHOPS", str(scratch.shops))
    staging, file = scratch.copy_staging("messages"), scratch.shops / f"{SHOP}.toml"
    kept = file.read_bytes()
    yield Shop(scratch=scratch, connections=scratch.connections(scratch.staging_url(staging)), staging=staging)
    file.write_bytes(kept)
    scratch.drop_staging(staging)


def elsewhere(text: str, *, port: int = 0, password: str = "") -> str:
    """A connection with another port or password."""
    url = urlsplit(text)
    login = f"{url.username or 'nobody'}:{password or url.password or 'none'}"
    return url._replace(netloc=f"{login}@{url.hostname}:{port or url.port}").geturl()


SOURCES = {"demo_mysql": "shop", "demo_mongo": "behaviour"}


@pytest.mark.parametrize("id_", SOURCES)
def test_a_wrong_password_of_a_source(shop: Shop, id_: str) -> None:
    shop.connections[id_] = elsewhere(shop.connections[id_], password="not-the-password")
    for said in (shop.refused("check", SHOP), shop.fails(ConfigError, SOURCES[id_])):
        assert re.search(rf"connection {id_}.* refuses the login; set the right user and password", said)


@pytest.mark.parametrize("id_", SOURCES)
def test_a_source_that_is_down(shop: Shop, id_: str) -> None:
    shop.connections[id_] = elsewhere(shop.connections[id_], port=1)
    for said in (shop.refused("check", SHOP), shop.fails(SourceUnavailableError, SOURCES[id_])):
        assert re.search(rf"connection {id_}.*127\.0\.0\.1:1.* does not answer.*is the server up\? try again", said)
    for source in SOURCES.values():
        if source != SOURCES[id_]:
            assert shop.collects(source)["days"] > 0, "the others go on"


def test_a_wrong_password_of_the_staging_database(shop: Shop) -> None:
    shop.connections["shopmine_staging"] = elsewhere(shop.connections["shopmine_staging"], password="not-the-password")
    said = shop.refused("releases", SHOP)
    if "has no release yet" in said:
        pytest.skip("this PostgreSQL server trusts everybody; the tests' own asks for a password")
    wanted = (
        r"error: the staging database 127\.0\.0\.1:\d+/\w+ refuses the login of '\w+'; set the right user and password"
    )
    assert re.search(f"{wanted} in the connection shopmine_staging", said)
    with pytest.raises(ConfigError, match="refuses the login"):
        shop.day()


def test_a_staging_database_that_is_down(shop: Shop) -> None:
    shop.connections["shopmine_staging"] = elsewhere(shop.connections["shopmine_staging"], port=1)
    said = shop.refused("releases", SHOP)
    assert "the staging database 127.0.0.1:1/" in said
    assert "does not answer" in said
    assert "check that it runs (./shopmine status) and try again" in said


@contextmanager
def renamed(scratch: Scratch, table: str, column: str = "") -> Iterator[None]:
    """While it lasts, a table of the shop's MariaDB or one of its columns has another name."""

    def rename(old: str, new: str) -> str:
        return f"RENAME TABLE {old} TO {new}" if not column else f"ALTER TABLE {table} RENAME COLUMN {old} TO {new}"

    name = column or table
    with mysql(scratch) as cursor:
        cursor.execute(rename(name, f"{name}_2"))
        try:
            yield
        finally:
            cursor.execute(rename(f"{name}_2", name))


def test_a_column_that_is_gone(shop: Shop) -> None:
    with renamed(shop.scratch, "sale_order_line", "price"):
        for said in (shop.refused("check", SHOP), shop.fails(ConfigError)):
            assert re.search(
                r"sources\.\w+\.entities\.order_lines.* has no column 'price'; did you mean 'price_2'", said
            )
    shop.day()


def test_a_table_that_is_gone(shop: Shop) -> None:
    with renamed(shop.scratch, "payment"):
        for said in (shop.refused("check", SHOP), shop.fails(ConfigError)):
            assert re.search(
                r"sources\.\w+\.entities\.payments.* has no table 'payment'; did you mean 'payment_2'", said
            )


def test_a_collection_that_is_gone(shop: Shop) -> None:
    with mongo(shop.scratch) as database:
        database["reviews"].rename("reviews_2")
        try:
            for said in (shop.refused("check", SHOP), shop.fails(ConfigError)):
                assert re.search(r"has no collection 'reviews'; did you mean 'reviews_2'", said)
        finally:
            database["reviews_2"].rename("reviews")


def _replace(old: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new, 1)

    return change


MALFORMED: Mapping[str, tuple[Callable[[str], str], str]] = {
    "no TOML": (_replace("title = ", "title "), r"drill\.toml.*line \d+"),
    "a key that there is not": (_replace("currency = ", "curency = "), r"drill\.toml.*curency.*did you mean 'currency'"),
    "a key of an entity": (_replace("table = ", "tabel = "), r"drill\.toml.*entities\.\w+\.tabel.*did you mean 'table'"),
    "a zone that there is not": (_replace('timezone = "', 'timezone = "Mars/'), r"drill\.toml.*timezone.*Mars/"),
    "days that end before they begin": (_replace("first_day = 20", "first_day = 21"), r"drill\.toml.*last_day 2025-06-30 is before first_day 21"),
    "no text": (lambda _text: "\udcff\udcfe", r"drill\.toml"),
}  # fmt: skip


@pytest.mark.parametrize("what", MALFORMED)
def test_a_malformed_file(shop: Shop, what: str) -> None:
    change, wanted = MALFORMED[what]
    file, day = shop.scratch.shops / f"{SHOP}.toml", shop.scratch.day.isoformat()
    file.write_bytes(change(file.read_text(encoding="utf-8")).encode(errors="surrogateescape"))
    for arguments in (("check", SHOP), ("run", SHOP, day), ("backfill", SHOP, day, day)):
        said = shop.refused(*arguments)
        assert re.search(wanted, said, re.DOTALL), said
    assert re.search(wanted, shop.fails(ConfigError), re.DOTALL)


def test_a_connection_that_is_not_set(shop: Shop) -> None:
    del shop.connections["demo_mongo"]
    for said in (shop.refused("check", SHOP), shop.fails(ConfigError)):
        assert re.search(r"connection 'demo_mongo'.*set AIRFLOW_CONN_DEMO_MONGO", said)


def test_a_shop_that_there_is_not(shop: Shop) -> None:
    for arguments in (
        ("check", "dril"),
        ("run", "dril", "2025-06-30"),
        ("backfill", "dril", "2025-06-30", "2025-06-30"),
    ):
        assert re.search(r"no shop 'dril'.*did you mean 'drill'", shop.refused(*arguments))


def test_a_full_disk_of_the_staging_database(shop: Shop) -> None:
    kept = shop.scratch, shop.staging
    try:
        with own_server(shop.scratch) as (shop.scratch, disk):
            shop.staging = shop.scratch.copy_staging("full", tablespace=TABLESPACE)
            shop.connections["shopmine_staging"] = shop.scratch.staging_url(shop.staging)
            with (
                disk.full(),
                pytest.raises(SourceUnavailableError, match=r"No space left on device.*nothing was written.*make room"),
            ):
                shop.day()
            assert shop.made()[-1] == 0
            shop.day()
            assert shop.made()[-1] == 1
    except NoSmallDiskError as error:
        pytest.skip(str(error))
    finally:
        shop.scratch, shop.staging = kept
