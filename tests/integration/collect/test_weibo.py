"""A Weibo account: what is read, and each fault with a clear outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest

from fakes.weibo_server import TOKEN, WeiboServer, written
from shopmine.collect import http_client, weibo_client
from shopmine.collect.reading import Opening
from shopmine.collect.weibo import mask_names
from shopmine.config.connections import Connection
from shopmine.config.days import NO_DAY
from shopmine.config.shops import Shop
from shopmine.errors import ConfigError, SourceUnavailableError

from .web_sources import day, read

WriteShop = Callable[..., Shop]
Open = Callable[[Shop, Connection], Opening]
CHINA = 'title = "Shop"\ntimezone = "Asia/Shanghai"\ncurrency = "CNY"\nfirst_day = 2026-03-01\nlast_day = 2026-03-31\n'
TIMELINE, MENTIONS, COMMENTS = "/2/statuses/user_timeline.json", "/2/statuses/mentions.json", "/2/comments/to_me.json"
SOURCE = """
[sources.weibo]
kind = "weibo"
connection = "a"
[sources.weibo.entities.social_posts]
api = "{api}"
day = "created_at"
key = ["idstr"]
fields = {{ post_id = "idstr", customer = "user.idstr", at = "created_at", text = "text", source = {{ constant = "weibo" }} }}
attributes = {{ original = "retweeted_status", reposts = "reposts_count" }}
"""


def post(number: int, at: str, text: str = "好", **more: Any) -> dict[str, Any]:
    user = {"id": 70 + number, "idstr": str(70 + number), "screen_name": f"昵称{number}", "location": "上海"}
    return {
        "id": number,
        "idstr": str(number),
        "created_at": written(at),
        "text": text,
        "user": user,
        "reposts_count": 1,
        **more,
    }


@pytest.fixture
def server() -> Iterator[WeiboServer]:
    fake = WeiboServer()
    for path in (TIMELINE, MENTIONS, COMMENTS):
        fake.posts[path] = [post(n, f"2026-03-{n:02d}T10:00:00") for n in range(9, 0, -1)]
    yield fake
    fake.stop()


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    made: list[float] = []
    for module in (http_client, weibo_client):
        monkeypatch.setattr(module, "sleep", made.append)
    return made


@pytest.fixture
def opened(server: WeiboServer, write_shop: WriteShop, opening: Open) -> Callable[[str], Opening]:
    place = Connection.parse("a", f"weibo://1:{TOKEN}@127.0.0.1:{server.port}?scheme=http")
    return lambda api: opening(write_shop(SOURCE.format(api=api), CHINA), place)


@pytest.mark.parametrize(("api", "path"), [("timeline", TIMELINE), ("mentions", MENTIONS), ("comments", COMMENTS)])
def test_pages_are_read_back_to_the_oldest_wanted_day(
    api: str, path: str, server: WeiboServer, opened: Callable[[str], Opening]
) -> None:
    found = read(opened(api), frozenset({day(6), day(7), day(8)}))
    assert found.counts == {day(6): 1, day(7): 1, day(8): 1}
    assert found.untold == set()
    asked = [params for asked_path, params, _ in server.requests if asked_path == path]
    assert [params["page"] for params in asked] == ["1", "2", "3"], "not one page more than needed"
    assert ["max_id" in params for params in asked] == [False, True, True]
    everything = read(opened(api))
    assert everything.counts == {day(n): 1 for n in range(1, 10)}
    assert everything.untold == set(), "where nothing is left, empty days are told"


def test_persons_are_treated_before_anything_lands(server: WeiboServer, opened: Callable[[str], Opening]) -> None:
    inner = post(1, "2026-03-01T10:00:00", "原文 @李四 a.b@example.org")
    server.posts[MENTIONS] = [
        post(
            9, "2026-03-09T16:30:00", "回复@张三_01:打 13912345678，写 me@example.org <script>", retweeted_status=inner
        )
    ]
    (document,) = read(opened("mentions")).by_day[date(2026, 3, 10)]
    assert document["text"] == "回复@[name]:打 [phone]，写 [email] <script>"
    assert document["retweeted_status"]["text"] == "原文 @[name] [email]"
    assert len(document["user"]["idstr"]) == len(document["retweeted_status"]["user"]["idstr"]) == 64
    for planted in ("昵称", "张三", "李四", "13912345678", "example.org", "上海"):
        assert planted not in str(document)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("@a", "@[name]"),
        ("＠小店官方 早", "@[name] 早"),
        ("//@甲-乙:转//@丙", "//@[name]:转//@[name]"),
        ("mail me@example.org", "mail me@example.org"),
        ("见me@朋友", "见me@[name]"),
        ("5 @ 3", "5 @ 3"),
        ("@@b", "@@[name]"),
    ],
)
def test_names_in_texts(text: str, masked: str) -> None:
    assert mask_names(text) == masked


def test_deleted_posts_are_left_out_and_said(server: WeiboServer, opened: Callable[[str], Opening]) -> None:
    server.posts[MENTIONS][0] = {
        "id": 9,
        "idstr": "9",
        "created_at": written("2026-03-09T10:00:00"),
        "text": "抱歉，此微博已被作者删除",
        "deleted": "1",
    }
    server.posts[MENTIONS][1]["retweeted_status"] = {"id": 1, "text": "抱歉，此微博已被作者删除", "deleted": "1"}
    found = read(opened("mentions"))
    assert day(9) not in found.counts
    assert found.by_day[day(8)][0]["retweeted_status"] is None
    assert "social_posts: 1 deleted posts are left out" in found.notes


def test_what_is_posted_meanwhile_moves_nothing(server: WeiboServer, opened: Callable[[str], Opening]) -> None:
    server.faults.arrives = post(10, "2026-03-10T10:00:00")
    found = read(opened("mentions"))
    assert found.counts == {day(n): 1 for n in range(1, 10)}
    assert found.notes == []


def test_a_pinned_old_post_does_not_end_the_reading(server: WeiboServer, opened: Callable[[str], Opening]) -> None:
    posts = server.posts[TIMELINE]
    server.posts[TIMELINE] = [posts.pop(), *posts]
    assert read(opened("timeline"), frozenset({day(4), day(5)})).counts == {day(4): 1, day(5): 1}
    assert read(opened("timeline")).counts == {day(n): 1 for n in range(1, 10)}


def test_a_page_that_comes_again_is_an_error_and_not_a_loss(
    server: WeiboServer, opened: Callable[[str], Opening]
) -> None:
    server.faults.repeat_page = 3
    with pytest.raises(
        SourceUnavailableError, match=r"page 3 of /2/statuses/mentions.json holds only what came before"
    ):
        read(opened("mentions"))


def test_single_posts_that_come_again_count_once(server: WeiboServer, opened: Callable[[str], Opening]) -> None:
    server.posts[MENTIONS].insert(4, server.posts[MENTIONS][3])
    found = read(opened("mentions"))
    assert found.counts == {day(n): 1 for n in range(1, 10)}
    assert "social_posts: 1 posts came again on another page, and count once" in found.notes


def test_days_beyond_the_interface_s_reach_are_not_told(server: WeiboServer, opened: Callable[[str], Opening]) -> None:
    server.faults.deepest = 4
    found = read(opened("timeline"))
    assert set(found.counts) == {day(7), day(8), day(9)}
    assert found.untold == {day(n) for n in range(1, 7)}, "the day of the oldest post may have more"
    assert found.notes == ["social_posts: read 4 of 9, back to 2026-03-06"]


@pytest.mark.parametrize("code", [10022, 10023, 10024])
def test_a_limit_is_waited_for_or_ends_the_reading_with_whole_days(
    code: int, server: WeiboServer, opened: Callable[[str], Opening], pauses: list[float]
) -> None:
    server.faults.limit_code, server.faults.limit_after, server.faults.reset_seconds = code, 2, 30
    assert len(read(opened("mentions")).documents) == 9
    assert pauses == [30.0]
    server._n_calls = 0
    server.faults.limit_after, server.faults.reset_seconds = 2, 1415
    found = read(opened("mentions"))
    assert set(found.counts) == {day(7), day(8), day(9)}
    assert f"error_code {code}" in found.quota
    assert "it is reset in 1415 s" in found.quota


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (21327, "refuses the access token .* authorise the app again"),
        (21315, "refuses the access token"),
        (10014, "the app may not ask for /2/statuses/mentions.json"),
        (20112, "the app may not ask for"),
    ],
)
def test_what_is_wrong_with_the_account_is_said(
    code: int, message: str, server: WeiboServer, opened: Callable[[str], Opening]
) -> None:
    server.faults.error[MENTIONS] = code
    with pytest.raises(ConfigError, match=message):
        read(opened("mentions"))


def test_a_busy_server_is_asked_again(
    server: WeiboServer, opened: Callable[[str], Opening], pauses: list[float]
) -> None:
    server.faults.busy[MENTIONS] = 2
    assert len(read(opened("mentions")).documents) == 9
    assert pauses == [0.5, 1.0]
    server.faults.error[MENTIONS] = 29999
    with pytest.raises(SourceUnavailableError, match="answers error_code 29999"):
        read(opened("mentions"))


def test_posts_without_a_time_are_kept_apart(server: WeiboServer, opened: Callable[[str], Opening]) -> None:
    server.posts[MENTIONS].append({**post(0, "2026-03-01T00:00:00"), "created_at": "刚刚"})
    assert read(opened("mentions")).counts[NO_DAY] == 1


def test_no_token_is_no_reading(write_shop: WriteShop, opening: Open) -> None:
    place = Connection.parse("a", "weibo://1@")
    with pytest.raises(ConfigError, match="needs the access token as password"):
        read(opening(write_shop(SOURCE.format(api="mentions"), CHINA), place))
