"""Weibo's API as its documentation says, with a setting for each fault.

Source: open.weibo.com/wiki. Errors come with HTTP 400 or 403 and `error_code`; posts are given newest first, by `page` and `count`, at
most those whose id is not above `max_id`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from fakes.web_server import Reply, WebServer

TOKEN = "weibo-token-that-nobody-may-see"
LISTS = {
    "/2/statuses/user_timeline.json": "statuses",
    "/2/statuses/mentions.json": "statuses",
    "/2/comments/to_me.json": "comments",
}


@dataclass
class Faults:
    """Each is off unless set.

    Attributes:
        limit_after: after so many calls the limit is reached (`limit_code`), until it is reset in `reset_seconds`.
        busy: path -> how often it answers 10009 first.
        error: path -> an error_code that it always answers.
        deepest: no more than so many posts are ever given.
        repeat_page: this page gives what the one before gave.
        arrives: a post that comes after the first page was given.
    """

    limit_after: int | None = None
    limit_code: int = 10023
    reset_seconds: int = 3000
    busy: Counter[str] = field(default_factory=Counter)
    error: dict[str, int] = field(default_factory=dict)
    deepest: int = 1 << 30
    repeat_page: int = 0
    arrives: dict[str, Any] | None = None


def written(at: str) -> str:
    """A time as Weibo writes it."""
    return datetime.fromisoformat(at).replace(tzinfo=UTC).strftime("%a %b %d %H:%M:%S +0000 %Y")


class WeiboServer(WebServer):
    """One account; `posts` by path, in any order of ids."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.posts: dict[str, list[dict[str, Any]]] = {path: [] for path in LISTS}
        self.page_size = 2
        self._n_calls = 0
        super().__init__()

    def reply(self, path: str, params: dict[str, str], body: Any) -> Reply:
        if params.get("access_token") != TOKEN:
            return self._error(21332, 400)
        if path == "/2/account/rate_limit_status.json":
            seconds, self.faults.limit_after = self.faults.reset_seconds, None
            return Reply({"remaining_user_hits": 0, "reset_time_in_seconds": seconds, "user_limit": 150})
        if path in self.faults.error:
            return self._error(self.faults.error[path], 403)
        if self.faults.busy[path] > 0:
            self.faults.busy[path] -= 1
            return self._error(10009, 403)
        self._n_calls += 1
        if self.faults.limit_after is not None and self._n_calls > self.faults.limit_after:
            return self._error(self.faults.limit_code, 403)
        return Reply(self._page(path, params))

    def _error(self, code: int, status: int) -> Reply:
        return Reply({"request": "/2/x.json", "error_code": code, "error": "in words"}, status=status)

    def _page(self, path: str, params: dict[str, str]) -> dict[str, Any]:
        number, limit = int(params.get("page", 1)), int(params.get("max_id", 1 << 62))
        posts = [post for post in self.posts[path] if post["id"] <= limit]
        if number > 1 and number == self.faults.repeat_page:
            number -= 1
        start = (number - 1) * self.page_size
        page = posts[: self.faults.deepest][start : start + self.page_size]
        if self.faults.arrives is not None and number == 1:
            self.posts[path].insert(0, self.faults.arrives)
            self.faults.arrives = None
        return {LISTS[path]: page, "total_number": len(posts), "next_cursor": 0}
