"""A WeChat official account: what is read, and each fault with a clear outcome."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest

from fakes.web_server import Reply
from fakes.wechat_server import APPID, SECRET, WechatServer
from shopmine.collect import http_client, wechat_client
from shopmine.collect.forgotten import Forgotten
from shopmine.collect.reading import Opening, open_reader
from shopmine.config.connections import Connection
from shopmine.config.days import NO_DAY
from shopmine.config.shops import Shop
from shopmine.errors import ConfigError, SourceUnavailableError

from .web_sources import MARCH, day, read

WriteShop = Callable[..., Shop]
Open = Callable[[Shop, Connection], Opening]
USERS, INFO, SUMMARY = "/cgi-bin/user/get", "/cgi-bin/user/info/batchget", "/datacube/getarticlesummary"
CHINA = 'title = "Shop"\ntimezone = "Asia/Shanghai"\ncurrency = "CNY"\nfirst_day = 2026-03-01\nlast_day = 2026-03-31\n'
FOLLOWERS = """
[sources.wechat]
kind = "wechat"
connection = "a"
[sources.wechat.entities.customers]
api = "followers"
day = "snapshot"
key = ["openid"]
fields = { customer = "openid" }
attributes = { union = "unionid", since = "subscribe_time", tags = "tag_names", scene = "subscribe_scene" }
"""
STATISTICS = """
[sources.wechat]
kind = "wechat"
connection = "a"
[sources.wechat.entities.channel_stats]
api = "{call}"
day = "ref_date"
unwind = "metrics"
fields = {{ channel = {{ constant = "wechat" }}, item = "{item}", metric = "metrics.metric", value = "metrics.value" }}
"""


@pytest.fixture
def server() -> Iterator[WechatServer]:
    fake = WechatServer()
    for n in range(7):
        fake.followers[f"oOpenId{n}"] = {
            "subscribe": 1, "subscribe_time": 1_772_380_800 + n * 86_400, "unionid": f"oUnion{n}", "nickname": f"Nick{n}",
            "remark": "VIP 13912345678", "tagid_list": [2], "subscribe_scene": "=cmd|' /C calc'!A0",
        }  # fmt: skip
    fake.tags = [{"id": 2, "name": "星标组", "count": 7}]
    yield fake
    fake.stop()


@pytest.fixture
def place(server: WechatServer) -> Connection:
    return Connection.parse("a", f"wechat://{APPID}:{SECRET}@127.0.0.1:{server.port}?scheme=http")


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses are noted instead of made."""
    made: list[float] = []
    for module in (http_client, wechat_client):
        monkeypatch.setattr(module, "sleep", made.append)
    return made


@pytest.fixture
def followers(place: Connection, write_shop: WriteShop, opening: Open) -> Opening:
    return opening(write_shop(FOLLOWERS, CHINA), place)


def statistics(
    call: str, place: Connection, write_shop: WriteShop, opening: Open, item: str = "user_source"
) -> Opening:
    return opening(write_shop(STATISTICS.format(call=call, item=item), CHINA), place)


def articles(days: Iterator[int] | range) -> list[dict[str, Any]]:
    return [
        {"ref_date": day(n).isoformat(), "msgid": f"1000_{n}", "title": "<b>T</b>", "user_source": 0,
         "int_page_read_user": n, "share_count": 2} for n in days
    ]  # fmt: skip


def test_followers_are_read_page_by_page_without_their_names(server: WechatServer, followers: Opening) -> None:
    found = read(followers, None)
    assert len(found.documents) == 7
    assert (server.n_calls(USERS), server.n_calls(INFO), server.n_tokens) == (4, 3, 1)
    text = str(found.documents)
    for planted in ("oOpenId", "oUnion", "Nick", "13912345678"):
        assert planted not in text
    one = next(d for d in found.documents if d["subscribe_time"]["$date"]["$numberLong"] == "1772380800000")
    assert (len(one["openid"]), len(one["unionid"]), one["tag_names"]) == (64, 64, ["星标组"])
    assert one["subscribe_scene"] == "=cmd|' /C calc'!A0", "hostile text is only text"
    assert read(followers, None).documents == found.documents, "the same answers are the same lines"


def test_a_hundred_followers_are_asked_for_at_a_time(server: WechatServer, followers: Opening) -> None:
    server.page_size = 10_000
    server.followers = {f"o{n}": {"subscribe": 1} for n in range(250)}
    assert len(read(followers, None).documents) == 250
    assert [len(body["user_list"]) for path, _, body in server.requests if path == INFO] == [100, 100, 50]


def test_followers_can_be_events_of_the_day_on_which_they_came(
    place: Connection, server: WechatServer, write_shop: WriteShop, opening: Open
) -> None:
    events = FOLLOWERS.replace("customers", "events").replace('day = "snapshot"', 'day = "subscribe_time"')
    events = events.replace(
        '{ customer = "openid" }',
        '{ event_id = "openid", customer = "openid", at = "subscribe_time", type = { constant = "follow" } }',
    )
    server.followers["oOpenId9"] = {"subscribe": 0}
    found = read(opening(write_shop(events, CHINA), place))
    assert found.counts == {**{day(n): 1 for n in range(2, 9)}, NO_DAY: 1}
    assert found.untold == set()


def test_a_forgotten_follower_does_not_land(server: WechatServer, followers: Opening) -> None:
    (entity,) = followers.source.read_entities()
    hashed = followers.key.hash_text("oOpenId3")
    found = read(followers, None, forgotten=Forgotten.of([entity], frozenset({hashed})))
    assert len(found.documents) == 6
    assert hashed not in str(found.documents)


def test_names_are_never_mapped_by_mistake(write_shop: WriteShop) -> None:
    with pytest.raises(
        ConfigError, match=r"personal\.nickname: is dropped, but 'nickname' is used; hash it or unmap it"
    ):
        write_shop(FOLLOWERS.replace('"subscribe_scene"', '"nickname"'), CHINA)
    kept = write_shop(
        FOLLOWERS.replace('"subscribe_scene"', '"nickname"').replace(
            "key =", 'personal = { nickname = "hash" }\nkey ='
        ),
        CHINA,
    )
    assert kept.sources["wechat"].entities["customers"].personal["nickname"] == "hash"


@pytest.mark.parametrize("fault", ["expire_after", "killed_after"])
def test_a_token_that_dies_midway_is_renewed(fault: str, server: WechatServer, followers: Opening) -> None:
    setattr(server.faults, fault, 2)
    assert len(read(followers, None).documents) == 7
    assert (server.n_tokens, server.n_forced) == (2, 1 if fault == "killed_after" else 0), (
        "forced only when nothing else helps"
    )


def test_a_token_that_is_refused_again_and_again_is_an_error_and_not_a_loop(
    server: WechatServer, followers: Opening
) -> None:
    server.faults.always_refused = True
    with pytest.raises(SourceUnavailableError, match=r"errcode 40014.*somebody else force") as told:
        read(followers, None)
    assert server.n_forced == 1
    assert "token-" not in str(told.value)


@pytest.mark.parametrize(
    ("login", "message"),
    [
        (f"wrong:{SECRET}", "the AppID is not right"),
        (f"{APPID}:wrong", "the AppSecret is not right"),
        ("", "needs the AppID as login and the AppSecret as password"),
    ],
)
def test_a_wrong_login_says_what_is_wrong(
    login: str, message: str, server: WechatServer, write_shop: WriteShop, opening: Open
) -> None:
    place = Connection.parse("a", f"wechat://{login}@127.0.0.1:{server.port}?scheme=http")
    with pytest.raises(ConfigError, match=message) as told:
        read(opening(write_shop(FOLLOWERS, CHINA), place), None)
    assert SECRET not in str(told.value)


def test_a_secret_is_never_sent_in_clear(write_shop: WriteShop, opening: Open) -> None:
    place = Connection.parse("a", f"wechat://{APPID}:{SECRET}@api.example.org?scheme=http")
    with pytest.raises(ConfigError, match="would send its secret in clear; use https"):
        read(opening(write_shop(FOLLOWERS, CHINA), place), None)


def test_a_busy_server_is_asked_again_with_growing_pauses(
    server: WechatServer, followers: Opening, pauses: list[float]
) -> None:
    server.faults.busy.update({USERS: 2, "/cgi-bin/stable_token": 1})
    assert len(read(followers, None).documents) == 7
    assert pauses == [0.5, 0.5, 1.0]
    server.faults.busy[USERS] = 99
    with pytest.raises(SourceUnavailableError, match=r"is busy \(/cgi-bin/user/get, 4 tries\)"):
        read(followers, None)


def test_statuses_broken_answers_and_retry_after(server: WechatServer, followers: Opening, pauses: list[float]) -> None:
    server.faults.statuses[USERS] = [
        Reply(raw=b"<html>", status=502),
        Reply(raw=b"[1]"),
        Reply({}, 429, {"Retry-After": "7"}),
    ]
    assert len(read(followers, None).documents) == 7
    assert pauses == [0.5, 1.0, 7.0]
    server.faults.statuses[USERS] = [Reply({}, 429, {"Retry-After": "3600"})]
    assert "asks to wait 3600 s" in read(followers, None).quota
    server.faults.statuses[USERS] = [Reply(raw=b"{")] * 4
    with pytest.raises(
        SourceUnavailableError, match=r"does not answer /cgi-bin/user/get .status 200 and no JSON object"
    ):
        read(followers, None)


def test_a_call_that_the_account_may_not_make_says_so(server: WechatServer, followers: Opening) -> None:
    server.faults.forbidden.add(USERS)
    with pytest.raises(ConfigError, match=r"no permission .* take the entity out of the shop's file \(errcode 48001\)"):
        read(followers, None)


def test_a_page_that_comes_again_counts_once(server: WechatServer, followers: Opening) -> None:
    server.faults.repeat_page = True
    found = read(followers, None)
    assert len(found.documents) == 7
    assert "customers: 3 openids came again on another page, and count once" in found.notes


def test_pages_that_lead_back_end(server: WechatServer, followers: Opening) -> None:
    server.faults.loop = True
    assert len(read(followers, None).documents) == 7, "all were seen before"
    server.faults.short = 2
    with pytest.raises(SourceUnavailableError, match="lead back to an earlier one after 5 of 7 followers"):
        read(followers, None)


def test_fewer_followers_than_counted_are_an_error_and_not_a_loss(server: WechatServer, followers: Opening) -> None:
    server.faults.short = 3
    with pytest.raises(SourceUnavailableError, match="gave 4 of the 7 followers that it counts"):
        read(followers, None)


def test_followers_of_whom_nothing_is_told_are_kept(server: WechatServer, followers: Opening) -> None:
    server.faults.unknown_users = {"oOpenId0"}
    found = read(followers, None)
    assert len(found.documents) == 7
    assert "customers: nothing was told of 1 followers but that they follow" in found.notes


@pytest.mark.parametrize(("call", "longest"), [("getarticlesummary", 1), ("getuserread", 3), ("getusersummary", 7)])
def test_statistics_are_asked_for_in_spans_that_the_call_allows(
    call: str, longest: int, server: WechatServer, place: Connection, write_shop: WriteShop, opening: Open
) -> None:
    server.records[call] = articles(range(1, 32))
    found = read(statistics(call, place, write_shop, opening))
    assert found.counts == {day(n): 1 for n in range(1, 32)}
    assert found.by_day[day(5)][0]["metrics"] == [
        {"metric": "int_page_read_user", "value": 5}, {"metric": "share_count", "value": 2},
    ]  # fmt: skip
    assert server.n_calls(f"/datacube/{call}") == -(-31 // longest)
    few = read(statistics(call, place, write_shop, opening), frozenset({day(3), day(20)}))
    assert few.counts == {day(3): 1, day(20): 1}


def test_totals_since_publication_are_those_of_the_newest_day(
    server: WechatServer, place: Connection, write_shop: WriteShop, opening: Open
) -> None:
    details = [{"stat_date": f"2026-03-0{n}", "target_user": 10, "int_page_read_user": n} for n in (1, 2, 3)]
    server.records["getarticletotal"] = [{"ref_date": "2026-03-01", "msgid": "1_1", "title": "T", "details": details}]
    found = read(statistics("getarticletotal", place, write_shop, opening, item="msgid"), frozenset({day(1)}))
    assert found.by_day[day(1)][0]["metrics"] == [
        {"metric": "int_page_read_user", "value": 3}, {"metric": "target_user", "value": 10},
    ]  # fmt: skip


def test_days_that_are_not_there_yet_are_not_told(
    server: WechatServer, place: Connection, write_shop: WriteShop, opening: Open
) -> None:
    server.records["getarticlesummary"] = articles(range(1, 31))
    server.faults.not_ready.add(day(30))
    tomorrow = date(2999, 1, 1)
    wanted = frozenset({day(28), day(29), day(30), date(2014, 11, 30), tomorrow})
    found = read(statistics("getarticlesummary", place, write_shop, opening), wanted)
    assert found.counts == {day(28): 1, day(29): 1}
    assert found.untold == {day(30), date(2014, 11, 30), tomorrow}
    assert found.notes == ["channel_stats: 2026-03-30 to 2026-03-30 is not there yet; a later run reads it"]


def test_what_was_read_before_the_quota_ended_is_whole(
    server: WechatServer, place: Connection, write_shop: WriteShop, opening: Open
) -> None:
    server.records["getarticlesummary"] = articles(range(1, 32))
    server.faults.quota[SUMMARY] = 10
    found = read(statistics("getarticlesummary", place, write_shop, opening))
    assert set(found.counts) == {day(n) for n in range(1, 11)}
    assert "today's quota of /datacube/getarticlesummary is used up (errcode 45009)" in found.quota


def test_tags_and_menu(server: WechatServer, place: Connection, write_shop: WriteShop, opening: Open) -> None:
    def snapshot(api: str, columns: str) -> list[dict[str, Any]]:
        text = FOLLOWERS[: FOLLOWERS.index("[sources.wechat.entities")]
        text += f'[sources.wechat.entities.campaigns]\napi = "{api}"\nday = "snapshot"\nfields = {columns}\n'
        return read(opening(write_shop(text, CHINA), place), None).documents

    assert snapshot("tags", '{ campaign = "id", name = "name" }') == [{"id": 2, "name": "星标组"}]
    server.menu = [
        {"name": "店", "sub_button": [{"type": "click", "name": "今日", "key": "K1"}]},
        {"type": "view", "name": "网", "url": "u"},
    ]
    found = snapshot("menu", '{ campaign = "place", name = "name", channel = "parent" }')
    assert found == [
        {"name": "今日", "parent": "店", "place": "1.1"}, {"name": "店", "parent": None, "place": "1"},
        {"name": "网", "parent": None, "place": "2"},
    ]  # fmt: skip
    server.faults.no_menu = True
    assert snapshot("menu", '{ campaign = "place", name = "name" }') == []


def test_neither_token_nor_person_gets_into_a_log(
    server: WechatServer, followers: Opening, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("httpx").setLevel(logging.DEBUG)
    with caplog.at_level(logging.DEBUG):
        read(followers, None)
    assert not any(word in caplog.text for word in ("token-", "oOpenId", SECRET))


def test_check_shows_treated_rows_and_what_no_document_has(server: WechatServer, followers: Opening) -> None:
    (entity,) = followers.source.read_entities()
    with open_reader(followers) as reader:
        sample = reader.sample(entity, [*followers.source.columns("customers"), "qr_scene"], 2)
    assert len(sample.rows) == 2
    assert "oOpenId" not in str(sample)
    assert any("'qr_scene' is in none of" in hint for hint in sample.hints)


def test_an_unknown_call_is_named(write_shop: WriteShop) -> None:
    with pytest.raises(ConfigError, match=r"customers.api: unknown 'follower'; did you mean 'followers'\?"):
        write_shop(FOLLOWERS.replace('"followers"', '"follower"'), CHINA)
    assert MARCH
