"""WeChat's server API as its documentation says, with a setting for each fault.

Source: developers.weixin.qq.com/doc/service. Errors come as HTTP 200 with `errcode`; `cgi-bin/token` kills the token before, the
stable token stays the same until it expires or is forced.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from fakes.web_server import Reply, WebServer

APPID, SECRET = "wx0123456789", "app-secret-that-nobody-may-see"
SPANS = {"getusersummary": 7, "getusercumulate": 7, "getarticlesummary": 1, "getuserread": 3, "getarticleread": 1,
         "getarticletotal": 1}  # fmt: skip
USER_FIELDS = (
    "subscribe",
    "openid",
    "language",
    "subscribe_time",
    "unionid",
    "remark",
    "groupid",
    "tagid_list",
    "nickname",
)


@dataclass
class Faults:
    """Each is off unless set.

    Attributes:
        busy: path -> how often it answers -1 first.
        statuses: path -> HTTP answers that come first.
        expire_after: the token is refused (42001) after so many calls with it.
        killed_after: somebody else asks for `cgi-bin/token` after so many calls: the code is 40001 from then on, once.
        always_refused: every token is refused with 40014.
        quota: path -> calls a day; more answer 45009.
        forbidden: paths that this account may not call (48001).
        repeat_page: the second page of openids comes twice.
        loop: the last page leads back to the first.
        short: so many of the followers are never given.
        unknown_users: openids of which batchget says nothing.
        not_ready: days whose statistics are not there yet.
        no_menu: there is no menu (46003).
    """

    busy: Counter[str] = field(default_factory=Counter)
    statuses: dict[str, list[Reply]] = field(default_factory=dict)
    expire_after: int | None = None
    killed_after: int | None = None
    always_refused: bool = False
    quota: dict[str, int] = field(default_factory=dict)
    forbidden: set[str] = field(default_factory=set)
    repeat_page: bool = False
    loop: bool = False
    short: int = 0
    unknown_users: set[str] = field(default_factory=set)
    not_ready: set[date] = field(default_factory=set)
    no_menu: bool = False


class WechatServer(WebServer):
    """One account.

    Attributes:
        followers: what batchget says of each, by openid, in the order of user/get.
        page_size: the real one is 10,000.
        records: call of the datacube -> its records.
    """

    def __init__(self) -> None:
        self.faults = Faults()
        self.followers: dict[str, dict[str, Any]] = {}
        self.tags: list[dict[str, Any]] = []
        self.menu: list[dict[str, Any]] = []
        self.records: dict[str, list[dict[str, Any]]] = {}
        self.page_size, self.yesterday = 3, date(2026, 3, 31)
        self.n_tokens = self.n_forced = self._n_with_token = 0
        self._used: Counter[str] = Counter()
        super().__init__()

    @property
    def token(self) -> str:
        return f"token-{self.n_tokens}"

    def reply(self, path: str, params: dict[str, str], body: Any) -> Reply:
        if queue := self.faults.statuses.get(path):
            return queue.pop(0)
        if self.faults.busy[path] > 0:
            self.faults.busy[path] -= 1
            return Reply({"errcode": -1, "errmsg": "system error"})
        if path == "/cgi-bin/stable_token":
            return Reply(self._stable_token(body))
        return Reply(self._refusal(path, params) or self._answer(path, params, body))

    def _stable_token(self, body: dict[str, Any]) -> dict[str, Any]:
        if body.get("appid") != APPID:
            return {"errcode": 40013, "errmsg": "invalid appid"}
        if body.get("secret") != SECRET:
            return {"errcode": 40125, "errmsg": "invalid appsecret"}
        if self.n_tokens == 0 or body.get("force_refresh"):
            self.n_forced += self.n_tokens > 0
            self.n_tokens += 1
            self._n_with_token = 0
        return {"access_token": self.token, "expires_in": 7200}

    def _refusal(self, path: str, params: dict[str, str]) -> dict[str, Any] | None:
        faults = self.faults
        self._n_with_token += 1
        if params.get("access_token") != self.token or faults.always_refused:
            return {"errcode": 40014, "errmsg": f"invalid access_token {params.get('access_token')}"}
        if faults.expire_after is not None and self._n_with_token > faults.expire_after:
            # A stable token that expires is replaced for everybody who asks then.
            faults.expire_after = None
            self.n_tokens += 1
            return {"errcode": 42001, "errmsg": "access_token expired"}
        if faults.killed_after is not None and self._n_with_token > faults.killed_after:
            if self.n_forced == 0:
                return {"errcode": 40001, "errmsg": "invalid credential, access_token is invalid or not latest"}
            faults.killed_after = None
        if path in faults.forbidden:
            return {"errcode": 48001, "errmsg": "api unauthorized"}
        self._used[path] += 1
        if self._used[path] > faults.quota.get(path, 1 << 30):
            return {"errcode": 45009, "errmsg": "reach max api daily quota limit"}
        return None

    def _answer(self, path: str, params: dict[str, str], body: Any) -> dict[str, Any]:
        if path.startswith("/datacube/"):
            return self._statistics(path.removeprefix("/datacube/"), body)
        match path:
            case "/cgi-bin/user/get":
                return self._openids(params.get("next_openid", ""))
            case "/cgi-bin/user/info/batchget":
                return self._users(body["user_list"])
            case "/cgi-bin/tags/get":
                return {"tags": self.tags}
            case "/cgi-bin/menu/get":
                return (
                    {"errcode": 46003, "errmsg": "menu no exist"}
                    if self.faults.no_menu
                    else {"menu": {"button": self.menu}}
                )
        return {"errcode": 40066, "errmsg": "invalid url"}

    def _openids(self, after: str) -> dict[str, Any]:
        known = list(self.followers)
        given = known[: len(known) - self.faults.short]
        start = given.index(after) + 1 if after in given else 0
        if self.faults.repeat_page and start == 2 * self.page_size:
            self.faults.repeat_page = False
            start = self.page_size
        page = given[start : start + self.page_size]
        following = page[-1] if page else ""
        if self.faults.loop and start + self.page_size >= len(given):
            following = given[self.page_size - 1]
        answer = {"total": len(known), "count": len(page), "next_openid": following}
        return {**answer, "data": {"openid": page}} if page else answer

    def _users(self, asked: list[dict[str, str]]) -> dict[str, Any]:
        if len(asked) > 100:
            return {"errcode": 45001, "errmsg": "too many"}
        named = [user["openid"] for user in asked if user["openid"] not in self.faults.unknown_users]
        return {"user_info_list": [{"openid": openid, **self.followers[openid]} for openid in named]}

    def _statistics(self, name: str, body: dict[str, str]) -> dict[str, Any]:
        first, last = date.fromisoformat(body["begin_date"]), date.fromisoformat(body["end_date"])
        if last < first or last > self.yesterday or last - first >= timedelta(days=SPANS[name]):
            return {"errcode": 61501, "errmsg": "date range error"}
        if any(first <= day <= last for day in self.faults.not_ready):
            return {"errcode": 61503, "errmsg": "data not ready"}
        found = [r for r in self.records.get(name, []) if first.isoformat() <= r["ref_date"] <= last.isoformat()]
        return {"list": found}
