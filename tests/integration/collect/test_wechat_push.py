"""Messages and events that WeChat pushes: verified, without persons on the disk, and collected by their day."""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from fastapi import FastAPI
from fastapi.testclient import TestClient

from shopmine.collect.reading import Opening
from shopmine.collect.wechat_push import MOST_BYTES, Push, Receiver
from shopmine.config.connections import Connection
from shopmine.config.days import utc_now
from shopmine.config.shops import Shop
from shopmine.errors import ConfigError, DataError
from shopmine.serving.wechat_push import add_push_routes, find_receivers

from .web_sources import day, read

WriteShop = Callable[..., Shop]
Open = Callable[[Shop, Connection], Opening]
AES_KEY = base64.b64encode(bytes(range(32))).decode().rstrip("=")
NOW = datetime(2026, 3, 5, 16, 30, tzinfo=UTC)  # the 6th in China
CHINA = 'title = "Shop"\ntimezone = "Asia/Shanghai"\ncurrency = "CNY"\nfirst_day = 2026-03-01\nlast_day = 2026-03-31\n'
SOURCE = """
[sources.wechat]
kind = "wechat"
connection = "a"
[sources.wechat.entities.events]
api = "messages"
day = "CreateTime"
key = ["id"]
fields = { event_id = "id", customer = "FromUserName", at = "CreateTime", type = { column = "Event", default = "message" } }
attributes = { text = "Content", menu = "EventKey" }
"""


def place(spool: Path, more: str = "") -> Connection:
    return Connection.parse("a", f"wechat://wx1:secret@?push_token=pushtoken&spool={spool}{more}")


def message(at: datetime, body: str) -> bytes:
    head = f"<ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName><![CDATA[oPlanted]]></FromUserName><CreateTime>{int(at.timestamp())}</CreateTime>"
    return f"<xml>{head}{body}</xml>".encode()


def text(at: datetime = NOW, content: str = "打 13912345678 <![CDATA", number: int = 1) -> bytes:
    return message(
        at, f"<MsgType>text</MsgType><Content>{content.replace('<', '&lt;')}</Content><MsgId>{number}</MsgId>"
    )


def signed(body: bytes, at: datetime = NOW, name: str = "signature", sealed: str = "", **more: str) -> Push:
    params = {"timestamp": str(int(at.timestamp())), "nonce": "n1"}
    parts = sorted(["pushtoken", *params.values(), *([sealed] if sealed else [])])
    return Push(params={**params, name: hashlib.sha1("".join(parts).encode()).hexdigest(), **more}, body=body)


def seal(body: bytes, appid: str = "wx1") -> str:
    plain = b"0123456789abcdef" + struct.pack(">I", len(body)) + body + appid.encode()
    plain += bytes([32 - len(plain) % 32]) * (32 - len(plain) % 32)
    encryptor = Cipher(algorithms.AES(bytes(range(32))), modes.CBC(bytes(range(16)))).encryptor()
    return base64.b64encode(encryptor.update(plain) + encryptor.finalize()).decode()


@pytest.fixture
def opened(tmp_path: Path, write_shop: WriteShop, opening: Open) -> Opening:
    return opening(write_shop(SOURCE, CHINA), place(tmp_path / "spool"))


def test_what_is_pushed_lands_on_its_day_without_persons(opened: Opening, tmp_path: Path) -> None:
    receiver = Receiver(opened)
    receiver.take(signed(text()), NOW)
    receiver.take(signed(text()), NOW)
    receiver.take(signed(message(NOW, "<MsgType>event</MsgType><Event>CLICK</Event><EventKey>=K1</EventKey>")), NOW)
    on_disk = b"".join(path.read_bytes() for path in (tmp_path / "spool").iterdir())
    assert b"oPlanted" not in on_disk
    assert b"13912345678" not in on_disk
    found = read(opened)
    assert found.counts == {day(6): 3}, "16:30 UTC is the next day in China"
    click, *texts = sorted(found.by_day[day(6)], key=lambda document: document.get("Event", "x"))
    assert (click["Event"], click["EventKey"], len(click["id"]), len(click["FromUserName"])) == ("CLICK", "=K1", 64, 64)
    assert texts[0] == texts[1], "a message that is sent again is the same row, which `prepare` counts as a duplicate"
    assert (texts[0]["id"], texts[0]["Content"]) == ("1", "打 [phone] <![CDATA")


def test_days_before_the_first_message_are_not_told(opened: Opening) -> None:
    assert len(read(opened).untold) == 31
    Receiver(opened).take(signed(text()), NOW)
    found = read(opened)
    assert day(5) in found.untold
    assert day(6) not in found.untold


def test_a_line_that_a_crash_cut_off_harms_no_other(opened: Opening, tmp_path: Path) -> None:
    receiver = Receiver(opened)
    receiver.take(signed(text()), NOW)
    (path,) = (tmp_path / "spool").iterdir()
    with path.open("ab") as stream:
        stream.write(b'\n{"id":"2","Cont')
    receiver.take(signed(text(number=3)), NOW)
    found = read(opened)
    assert sorted(document["id"] for document in found.documents) == ["1", "3"]
    assert any("1 lines of" in note for note in found.notes)


def test_encrypted_messages_are_opened(tmp_path: Path, write_shop: WriteShop, opening: Open) -> None:
    opened = opening(write_shop(SOURCE, CHINA), place(tmp_path / "spool", f"&push_aes_key={AES_KEY}"))
    receiver = Receiver(opened)

    def push(sealed: str) -> Push:
        return signed(f"<xml><Encrypt>{sealed}</Encrypt></xml>".encode(), name="msg_signature", sealed=sealed)

    receiver.take(push(seal(text())), NOW)
    assert read(opened).documents[0]["Content"] == "打 [phone] <![CDATA"
    for wrong, why in [
        (push(seal(text(), appid="wx2")), "for another account"),
        (push("AAAA"), "cannot be decrypted"),
        (signed(text()), "is not encrypted"),
    ]:
        with pytest.raises(DataError, match=why):
            receiver.take(wrong, NOW)


@pytest.mark.parametrize(
    ("push", "why"),
    [
        (Push(params={}, body=text()), "signature is not WeChat's"),
        (Push(params={**signed(b"").params, "nonce": "n2"}, body=text()), "signature is not WeChat's"),
        (signed(text(), at=datetime(2026, 3, 5, 10, tzinfo=UTC)), "of another time"),
        (signed(b"<!DOCTYPE x [<!ENTITY a 'b'>]><xml>&a;</xml>"), "has a document type"),
        (signed(b"<xml>"), "is no XML"),
        (signed(b"<xml><MsgId>1</MsgId></xml>"), "has no CreateTime"),
        (signed(b"x" * (MOST_BYTES + 1)), "no message is longer"),
    ],
)
def test_what_is_not_wechat_s_is_refused(push: Push, why: str, opened: Opening, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=why):
        Receiver(opened).take(push, NOW)
    assert not (tmp_path / "spool").exists()


def test_the_address_answers_wechat_and_nobody_else(tmp_path: Path, write_shop: WriteShop, opened: Opening) -> None:
    key = Connection(id="shop_key", kind="generic", password="a key that is long enough")
    app = FastAPI()
    add_push_routes(app, find_receivers({"a": opened.connection, "shop_key": key}))
    now = utc_now()
    with TestClient(app) as client:
        tried = signed(b"", at=now, echostr="hello")
        assert client.get("/wechat/shop/wechat", params=dict(tried.params)).text == "hello"
        sent = signed(text(at=now), at=now)
        answer = client.post("/wechat/shop/wechat", params=dict(sent.params), content=sent.body)
        assert (answer.status_code, answer.text) == (200, "success")
        assert client.post("/wechat/shop/wechat", content=sent.body).status_code == 403
        assert client.post("/wechat/shop/other", content=sent.body).status_code == 404
    assert len(list((tmp_path / "spool").iterdir())) == 1


def test_settings_that_are_missing_are_named(tmp_path: Path, write_shop: WriteShop, opening: Open) -> None:
    shop = write_shop(SOURCE, CHINA)
    with pytest.raises(ConfigError, match="needs the extra `push_token`"):
        Receiver(opening(shop, Connection.parse("a", "wechat://wx1:secret@")))
    with pytest.raises(ConfigError, match="add the extra `spool`"):
        read(opening(shop, Connection.parse("a", "wechat://wx1:secret@")))
