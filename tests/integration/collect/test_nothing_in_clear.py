"""Persons of WeChat, of Weibo and of pushed messages: nowhere in clear, and gone when they are forgotten."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fakes.wechat_server import APPID, SECRET, WechatServer
from fakes.weibo_server import TOKEN, WeiboServer, written
from harness.everything import places
from harness.stages import run_day
from shopmine.collect.personal import personal_key
from shopmine.collect.reading import Opening
from shopmine.collect.wechat_push import Receiver
from shopmine.config.connections import Connection
from shopmine.publish.rights_tasks import forget

from .test_wechat_push import message, signed

if TYPE_CHECKING:
    from shopmine.config.shops import Shop
    from shopmine.staging.database import Database

DAY = date(2026, 3, 9)
AT = datetime(2026, 3, 9, 4, tzinfo=UTC)
PLANTED = {
    "oPlanted", "oUnionPlanted", "昵称甲", "昵称乙", "备注丙", "13912345678", "planted@example.org", "8617001", "微博名丁",
    "张三丰", "https://example.org/face-of-somebody", "描述戊", SECRET, TOKEN,
}  # fmt: skip
NOTE = "ring 13912345678 or planted@example.org"
SHOP = """
title = "Shop"
timezone = "Asia/Shanghai"
currency = "CNY"
first_day = 2026-03-08
last_day = 2026-03-09
[models.segments]
max_clusters = 3
n_bootstraps = 2
[sources.tills]
kind = "files"
connection = "shop_files"
[sources.tills.entities.order_lines]
path = "lines.csv"
day = "at"
key = ["id"]
personal = { buyer = "hash", note = "mask" }
[sources.tills.entities.order_lines.fields]
order_id = "id"
product = "item"
customer = "buyer"
ordered_at = "at"
quantity = "n"
unit_price = "price"
kind = { default = "sale" }
[sources.tills.entities.order_lines.attributes]
note = "note"
[sources.wechat]
kind = "wechat"
connection = "shop_wechat"
[sources.wechat.entities.customers]
api = "followers"
day = "snapshot"
key = ["openid"]
fields = { customer = "openid" }
attributes = { unionid = "unionid", since = "subscribe_time" }
[sources.wechat.entities.events]
api = "messages"
day = "CreateTime"
key = ["id"]
fields = { event_id = "id", customer = "FromUserName", at = "CreateTime", type = { column = "Event", default = "message" } }
attributes = { text = "Content", menu = "EventKey" }
[sources.wechat.entities.events.rules]
no_odd_menu = { type = "^(message|CLICK)$" }
[sources.weibo]
kind = "weibo"
connection = "shop_weibo"
[sources.weibo.entities.social_posts]
api = "mentions"
day = "created_at"
key = ["idstr"]
fields = { post_id = "idstr", customer = "user.idstr", at = "created_at", text = "text", source = { constant = "weibo" } }
attributes = { original = "retweeted_status" }
[sources.weibo.entities.reviews]
api = "comments"
day = "created_at"
key = ["idstr"]
fields = { review_id = "idstr", customer = "user.idstr", at = "created_at", text = "text", rating = "source", source = { constant = "weibo" } }
"""


def follower() -> dict[str, Any]:
    return {
        "subscribe": 1, "subscribe_time": 1_772_380_800, "unionid": "oUnionPlanted", "nickname": "昵称甲",
        "remark": "备注丙 13912345678", "tagid_list": [], "headimgurl": "https://example.org/face-of-somebody",
    }  # fmt: skip


def post(number: int, **more: Any) -> dict[str, Any]:
    user = {"id": 8617001, "idstr": "8617001", "screen_name": "微博名丁", "description": "描述戊", "name": "微博名丁"}
    text = "@张三丰 打 13912345678 或 planted@example.org"
    at = written("2026-03-09T03:00:00")
    return {"id": number, "idstr": str(number), "created_at": at, "text": text, "source": "x", "user": user, **more}


@pytest.fixture
def places_of_the_shop(tmp_path: Path) -> Iterator[dict[str, Connection]]:
    wechat, weibo = WechatServer(), WeiboServer()
    wechat.followers["oPlanted"] = follower()
    weibo.posts["/2/statuses/mentions.json"] = [post(2, retweeted_status=post(1))]
    weibo.posts["/2/comments/to_me.json"] = [post(3)]
    spool = f"push_token=pushtoken&spool={tmp_path / 'spool'}"
    tills = tmp_path / "tills"
    tills.mkdir()
    lines = [
        f"{n},p{n % 3},{'oPlanted' if n % 2 else f'other{n}'},2026-03-0{8 + n % 2} 10:00:00,{'x' if n == 9 else 1},5.00,{NOTE}"
        for n in range(20)
    ]
    (tills / "lines.csv").write_text("id,item,buyer,at,n,price,note\n" + "\n".join(lines) + "\n")
    yield {
        "shop_files": Connection.parse("shop_files", f"file://{tills}"),
        "shop_key": Connection(id="shop_key", kind="generic", password="a key that is long enough"),
        "shop_wechat": Connection.parse(
            "shop_wechat", f"wechat://{APPID}:{SECRET}@127.0.0.1:{wechat.port}?scheme=http&{spool}"
        ),
        "shop_weibo": Connection.parse("shop_weibo", f"weibo://1:{TOKEN}@127.0.0.1:{weibo.port}?scheme=http"),
    }
    wechat.stop()
    weibo.stop()


@pytest.fixture
def receiver(write_shop: Callable[..., Shop], places_of_the_shop: dict[str, Connection]) -> Receiver:
    shop = write_shop(SHOP, "")
    return Receiver(
        Opening(
            source=shop.sources["wechat"],
            connection=places_of_the_shop["shop_wechat"],
            zone=shop.zone,
            key=personal_key(shop, places_of_the_shop),
        )
    )


def push(receiver: Receiver) -> None:
    """A text, and an event whose type a rule of the shop does not let pass."""
    text = "<MsgType>text</MsgType><Content>打 13912345678 或 planted@example.org</Content><MsgId>1</MsgId>"
    event = "<MsgType>event</MsgType><Event>LOCATION</Event><Latitude>31.23045</Latitude>"
    for body in (text, event):
        receiver.take(signed(message(AT, body), AT), AT)


def on_disk(folder: Path) -> str:
    return "\n".join(path.read_text() for path in folder.iterdir())


def test_no_planted_value_is_in_any_table_artifact_log_or_file_and_forgetting_reaches_the_spool(
    staging: Database, places_of_the_shop: dict[str, Connection], receiver: Receiver, tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG)
    push(receiver)
    run_day(staging, "shop", DAY, places_of_the_shop)
    assert places(staging, "shop", PLANTED | {"31.23045"}) == set()
    for planted in PLANTED:
        assert planted not in caplog.text, planted
        assert planted not in on_disk(tmp_path / "spool"), planted
    person = receiver._opening.key.hash_text("oPlanted")
    held = places(staging, "shop", {person})
    everywhere = {"clean.all_customers", "clean.all_events", "quarantined originals", "interactions interactions"}
    assert everywhere <= held

    receipt = forget(staging, "shop", person, places_of_the_shop)

    assert receipt.is_complete, receipt.remaining
    assert receipt.deleted["pushed messages"] == 2
    assert person not in on_disk(tmp_path / "spool")
    assert places(staging, "shop", {person}) == set()
    push(receiver)
    run_day(staging, "shop", DAY, places_of_the_shop)
    assert places(staging, "shop", {person}) == set(), "what is pushed or told once more does not land"


def test_a_spool_that_is_not_here_makes_forgetting_incomplete(
    staging: Database, places_of_the_shop: dict[str, Connection], receiver: Receiver
) -> None:
    receipt = forget(staging, "shop", "somebody", places_of_the_shop)
    assert not receipt.is_complete
    assert list(receipt.remaining) == ["pushed messages of wechat (its connection or folder is not known here)"]
    push(receiver)
    assert forget(staging, "shop", "somebody", places_of_the_shop).is_complete


def test_a_line_cut_off_by_a_crash_is_blanked_where_it_names_the_person_and_what_follows_stays(
    staging: Database, places_of_the_shop: dict[str, Connection], receiver: Receiver, tmp_path: Path
) -> None:
    push(receiver)
    person = receiver._opening.key.hash_text("oPlanted")
    (path,) = (tmp_path / "spool").iterdir()
    path.write_bytes(path.read_bytes() + f'\n{{"FromUserName":"{person}","Con'.encode())
    receiver.take(signed(message(AT, "<MsgId>9</MsgId>").replace(b"oPlanted", b"oOther"), AT), AT)
    assert forget(staging, "shop", person, places_of_the_shop).deleted["pushed messages"] == 3
    assert '"9"' in on_disk(tmp_path / "spool")
    assert person not in on_disk(tmp_path / "spool")
