"""The example of all other kinds of sources: `check` finds nothing wrong, and every row of every source is accounted for."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from fakes.wechat_server import APPID, SECRET, WechatServer
from fakes.weibo_server import TOKEN, WeiboServer
from shopmine.cli.check_command import check
from shopmine.collect.personal import personal_key
from shopmine.collect.reading import Opening
from shopmine.collect.tasks import collect_source
from shopmine.collect.wechat_push import Receiver
from shopmine.config.connections import Connection, connections_from_environment
from shopmine.config.shops import load_shop
from shopmine.demo.loading import EXAMPLES
from shopmine.prepare.tasks import prepare
from shopmine.staging.runs import open_run

from .test_nothing_in_clear import AT, follower, post, push

if TYPE_CHECKING:
    from shopmine.staging.database import Database

DAY = date(2026, 3, 9)


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Connection]]:
    """A warehouse in SQLite, an export of a till, an account each; 4, 2, 1 + 2 + 1 + 2, and 1 + 1 rows."""
    monkeypatch.setenv("SHOPMINE_SHOPS", str(EXAMPLES))
    with sqlite3.connect(tmp_path / "shop.db") as warehouse:
        warehouse.execute("CREATE TABLE order_lines (line_id, order_id, sku, phone, ordered_at, pieces, price)")
        warehouse.executemany(
            "INSERT INTO order_lines VALUES (?, 'o', 'a', '13912345678', '2026-03-09 10:00:00', ?, '2.50')",
            [(1, 1), (2, 2), (3, -1), (4, "many")],
        )
    warehouse.close()
    (tmp_path / "exports" / "sales").mkdir(parents=True)
    (tmp_path / "exports" / "sales" / "till-2026-03-09.csv").write_text(
        "store,product,pieces,revenue\n1,a,1,2.5\n2,b,1,3\n"
    )
    wechat, weibo = WechatServer(), WeiboServer()
    wechat.followers["oPlanted"] = follower()
    wechat.yesterday = date(2100, 1, 1)  # `check` asks for the newest day there is
    wechat.menu = [{"name": "Shop", "type": "view", "key": "k"}]
    wechat.records["getusersummary"] = [
        {"ref_date": DAY.isoformat(), "user_source": 0, "new_user": 3, "cancel_user": 1}
    ]
    weibo.posts["/2/statuses/mentions.json"] = [post(2)]
    weibo.posts["/2/comments/to_me.json"] = [post(3)]
    local = "127.0.0.1"
    addresses = {
        "sql": f"sqlite:///{tmp_path / 'shop.db'}",
        "files": f"file://{tmp_path / 'exports'}",
        "wechat": f"wechat://{APPID}:{SECRET}@{local}:{wechat.port}?scheme=http&push_token=pushtoken&spool={tmp_path / 'spool'}",
        "weibo": f"weibo://1:{TOKEN}@{local}:{weibo.port}?scheme=http",
        "key": "generic://:a%20key%20that%20is%20long@",
    }
    environment = {f"AIRFLOW_CONN_CHANNELS_{name.upper()}": address for name, address in addresses.items()}
    for name, address in environment.items():
        monkeypatch.setenv(name, address)
    yield connections_from_environment(environment)
    wechat.stop()
    weibo.stop()


@pytest.mark.slow
def test_check_finds_nothing_wrong_and_every_row_is_accounted_for(
    staging: Database, places: dict[str, Connection]
) -> None:
    shop = load_shop("channels")
    source, key = shop.sources["wechat"], personal_key(shop, places)
    push(Receiver(Opening(source=source, connection=places["channels_wechat"], zone=shop.zone, key=key)))
    looked = CliRunner().invoke(check, ["channels"])
    assert (looked.exit_code, "everything is right" in looked.output) == (0, True), looked.output
    assert "13912345678" not in looked.output
    run = open_run(staging, shop="channels", day=DAY, known_at=None, started_by="test", config={}).run
    for name in shop.sources:
        collect_source(staging, run, name, places)
    prepare(staging, run)
    query = "SELECT source || '.' || entity, sum(read), sum(expanded), sum(kept), sum(quarantined) FROM clean.accounting GROUP BY 1"
    with staging.snapshot() as connection:
        counts = {name: tuple(map(int, rest)) for name, *rest in connection.execute(sa.text(query))}
    assert counts == {
        "warehouse.order_lines": (4, 4, 3, 1),
        "offline.store_sales": (2, 2, 2, 0),
        "wechat.customers": (1, 1, 1, 0),
        "wechat.channel_stats": (1, 2, 2, 0),
        "wechat.campaigns": (1, 1, 1, 0),
        "wechat.events": (2, 2, 2, 0),
        "weibo.social_posts": (1, 1, 1, 0),
        "weibo.reviews": (1, 1, 1, 0),
    }
    assert AT.date() == DAY
