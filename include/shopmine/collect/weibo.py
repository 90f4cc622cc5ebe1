"""Weibo 微博: an account's own posts, those that mention it, and comments on its posts, newest first until the oldest wanted day.

Pages are pinned by the newest id seen (`max_id`), so that what is posted meanwhile moves nothing. Names in texts (@…) are masked, posts
that were deleted are left out. How far back the interface leads is Weibo's decision: days before that are not told.
Source: open.weibo.com/wiki (2/statuses/user_timeline, 2/statuses/mentions, 2/comments/to_me).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final

from shopmine.collect.api_reader import ApiReader, Document, Part, convert_times
from shopmine.collect.http_client import whole_number
from shopmine.collect.weibo_client import WeiboClient
from shopmine.config.days import local_day
from shopmine.errors import QuotaError, SourceUnavailableError

if TYPE_CHECKING:
    from shopmine.collect.reading import Opening
    from shopmine.config.entities import EntityConfig

_APIS: Final[Mapping[str, tuple[str, str]]] = {
    "timeline": ("/2/statuses/user_timeline.json", "statuses"),
    "mentions": ("/2/statuses/mentions.json", "statuses"),
    "comments": ("/2/comments/to_me.json", "comments"),
}
_PAGE: Final = 100
_MOST_PAGES: Final = 1_000
# A name has letters of any script, digits, `_` and `-`.
_NAME: Final = re.compile(r"[@＠][\w·-]{1,40}")
_INNER: Final = ("retweeted_status", "status", "reply_comment")


@contextmanager
def open_reader(opening: Opening) -> Iterator[ApiReader]:
    """Make ready; the first call is that of the first entity (see `reading.open_reader`)."""
    client = WeiboClient(opening.connection)
    try:
        yield ApiReader(WeiboApi(client, opening), opening)
    finally:
        client.close()


class WeiboApi:
    """What an account offers (see `api_reader.Api`)."""

    def __init__(self, client: WeiboClient, opening: Opening) -> None:
        self._client, self._opening = client, opening
        self.notes: list[str] = []

    def parts(
        self,
        entity: EntityConfig,
        columns: Sequence[str],  # noqa: ARG002  a post comes whole
        days: frozenset[date] | None,
        *,
        only_some: bool,
    ) -> Iterator[Part]:
        """From the newest post back: all days that are newer than the oldest post seen are told (see `api_reader.Api`)."""
        walk = _Walk(self._client, entity, self._opening)
        oldest = None if days is None else min(days, default=None)
        try:
            documents = walk.until(oldest, only_some=only_some)
        except QuotaError:
            if days is not None:
                yield Part(days=walk.told(days), documents=walk.documents)
            raise
        finally:
            self.notes += walk.notes()
        yield Part(days=None if days is None else walk.told(days), documents=documents)


class _Walk:
    """Pages of one entity, newest first."""

    def __init__(self, client: WeiboClient, entity: EntityConfig, opening: Opening) -> None:
        self._client, self._entity, self._opening = client, entity, opening
        self._path, self._list = _APIS[str(entity.api)]
        self._oldest_seen: date | None = None
        self._has_all = False
        self._seen: set[str] = set()
        self._n_repeats = self._n_deleted = self._total = 0
        self.documents: list[Document] = []

    def until(self, oldest: date | None, *, only_some: bool) -> list[Document]:
        """All posts back to that day; None: all that there are."""
        newest_id = 0
        for page in range(1, _MOST_PAGES + 1):
            posts = self._page(page, newest_id)
            newest_id = newest_id or max((whole_number(post, "id") for post in posts), default=0)
            n_new = sum(self._take(post) for post in posts)
            is_past = oldest is not None and self._oldest_seen is not None and self._oldest_seen < oldest
            if only_some or is_past:
                break
            if not posts:
                self._has_all = len(self._seen) + self._n_repeats >= self._total
                break
            if not n_new:
                raise SourceUnavailableError(
                    f"{self._entity.name}: page {page} of {self._path} holds only what came before; try again"
                )
        return self.documents

    def told(self, days: frozenset[date]) -> frozenset[date]:
        """Of these the days of which every post was seen: those after the oldest seen, or all where nothing is left."""
        if self._has_all:
            return days
        if self._oldest_seen is None:
            return frozenset()
        return frozenset(day for day in days if day > self._oldest_seen)

    def notes(self) -> Iterator[str]:
        """What was left out, and what the interface does not give."""
        name = self._entity.name
        if self._n_repeats:
            yield f"{name}: {self._n_repeats} posts came again on another page, and count once"
        if self._n_deleted:
            yield f"{name}: {self._n_deleted} deleted posts are left out"
        if self._total > len(self._seen) and self._oldest_seen is not None:
            yield f"{name}: read {len(self._seen)} of {self._total}, back to {self._oldest_seen}"

    def _page(self, page: int, newest_id: int) -> list[Document]:
        params = {"count": str(_PAGE), "page": str(page)}
        if self._entity.api == "timeline" and self._opening.connection.user:
            params["uid"] = self._opening.connection.user
        if newest_id:
            params["max_id"] = str(newest_id)
        answer = self._client.get(self._path, params)
        self._total = max(whole_number(answer, "total_number"), self._total)
        posts = answer.get(self._list)
        return [post for post in posts if isinstance(post, dict)] if isinstance(posts, list) else []

    def _take(self, post: Document) -> bool:
        """Keep a post, once. Whether it is new."""
        name = str(post.get("idstr") or post.get("id"))
        if name in self._seen:
            self._n_repeats += 1
            return False
        self._seen.add(name)
        at = _seconds(str(post.get("created_at")))
        if at is not None:
            # Of the last post of a page: an old one may be pinned above all others.
            self._oldest_seen = local_day(datetime.fromtimestamp(at, UTC), self._opening.zone)
        if _is_deleted(post):
            self._n_deleted += 1
        else:
            self.documents.append(_cleaned(post))
        return True


def _is_deleted(post: Mapping[str, Any]) -> bool:
    return str(post.get("deleted", "0")) == "1" or not isinstance(post.get("user"), dict)


def _cleaned(post: Document) -> Document:
    """Names masked and times made moments, here and in the posts within; one of these that was deleted is taken out."""
    if isinstance(post.get("text"), str):
        post["text"] = mask_names(post["text"])
    convert_times(post, ("created_at",), _seconds)
    for place in _INNER:
        inner = post.get(place)
        if isinstance(inner, dict):
            post[place] = None if _is_deleted(inner) else _cleaned(inner)
    return post


def mask_names(text: str) -> str:
    """The text with `@somebody` replaced by `@[name]`. An address like a@b.example is left to the masking of addresses."""
    return _NAME.sub(lambda found: found[0] if _is_address(text, found) else "@[name]", text)


def _is_address(text: str, found: re.Match[str]) -> bool:
    before, after = text[: found.start()], text[found.end() :]
    return re.search(r"[A-Za-z0-9._%+-]$", before) is not None and re.match(r"\.[A-Za-z]", after) is not None


def _seconds(text: str) -> int | None:
    try:
        return int(datetime.strptime(text, "%a %b %d %H:%M:%S %z %Y").timestamp())
    except (ValueError, OverflowError):
        return None
