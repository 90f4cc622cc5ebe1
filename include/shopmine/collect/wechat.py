"""A WeChat official account 微信公众号: followers, tags, menu, statistics, and the messages and events that it pushed.

`api` of an entity says what is read (`API_NAMES`). Followers, tags and the menu are as they are now. Statistics (datacube) are
of a day in China and there from the morning after it; each record also has its figures as a list `metrics` of `metric` and
`value`, to be unwound. Messages and events lie where `wechat_push` put them.
Source: developers.weixin.qq.com/doc/service (user management, custom menus, data analysis).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from shopmine.collect.api_reader import ApiReader, Document, Part, convert_times
from shopmine.collect.http_client import whole_number
from shopmine.collect.json_text import Number
from shopmine.collect.wechat_client import NO_MENU, NOT_READY, CodeError, WechatClient
from shopmine.collect.wechat_spool import Spool
from shopmine.config.days import ONE_DAY, days_between, last_complete_day, utc_now
from shopmine.config.kinds import WECHAT_STATISTICS
from shopmine.errors import SourceUnavailableError

if TYPE_CHECKING:
    from shopmine.collect.reading import Opening
    from shopmine.config.entities import EntityConfig

_CHINA: Final = ZoneInfo("Asia/Shanghai")
_FIRST_STATISTICS: Final = date(2014, 12, 1)
_BATCH: Final = 100
_MOST_PAGES: Final = 100_000
_TIMES_EACH: Final = 2  # a page that was given instead of another may be right the next time
# What names a record of the statistics; every other number of it is a figure.
_NAMES: Final = frozenset(
    {"ref_date", "ref_hour", "stat_date", "msgid", "title", "user_source", "share_scene", "msg_type", "count_interval"}
)
_ALLOWED_LOSS: Final = 0.01  # followers come and go while pages are read


@contextmanager
def open_reader(opening: Opening) -> Iterator[ApiReader]:
    """Make ready; the token is asked for with the first call (see `reading.open_reader`)."""
    client = WechatClient(opening.connection)
    try:
        yield ApiReader(WechatApi(client, opening), opening)
    finally:
        client.close()


class WechatApi:
    """What an account offers (see `api_reader.Api`)."""

    def __init__(self, client: WechatClient, opening: Opening) -> None:
        self._client, self._opening = client, opening
        self._newest = last_complete_day(utc_now(), _CHINA)
        self.notes: list[str] = []

    def parts(
        self, entity: EntityConfig, columns: Sequence[str], days: frozenset[date] | None, *, only_some: bool
    ) -> Iterator[Part]:
        """By the entity's `api` (see `api_reader.Api`)."""
        name = str(entity.api)
        if name in WECHAT_STATISTICS:
            yield from self._statistics(entity, name, frozenset({self._newest}) if days is None else days)
        elif name == "messages":
            yield from Spool(self._opening.connection, entity).parts(days, self.notes)
        elif name == "followers":
            yield Part(days=days, documents=self._followers(entity, columns, only_some=only_some))
        else:
            yield Part(days=days, documents=self._tags() if name == "tags" else self._menu())

    def _followers(self, entity: EntityConfig, columns: Sequence[str], *, only_some: bool) -> Iterator[Document]:
        tags = {tag["id"]: tag["name"] for tag in self._tags()} if "tag_names" in columns else {}
        for openids in self._openids(entity, only_some=only_some):
            for start in range(0, len(openids), _BATCH):
                asked = openids[start : start + _BATCH]
                body = {"user_list": [{"openid": openid, "lang": "zh_CN"} for openid in asked]}
                told = _dicts(self._client.post("/cgi-bin/user/info/batchget", body).get("user_info_list"))
                known = {str(user.get("openid")): user for user in told}
                if missing := sum(openid not in known for openid in asked):
                    self.notes.append(f"{entity.name}: nothing was told of {missing} followers but that they follow")
                for openid in asked:
                    user = {**known.get(openid, {}), "openid": openid}
                    convert_times(user, ("subscribe_time",), _seconds)
                    user["tag_names"] = [tags[tag] for tag in _list(user.get("tagid_list")) if tag in tags]
                    yield user

    def _openids(self, entity: EntityConfig, *, only_some: bool) -> Iterator[list[str]]:
        """New openids page by page. A page that comes again, or one that leads back, is no reason to go round for ever."""
        seen, asked = set[str](), Counter[str]()
        following, total = "", 0
        while asked[following] < _TIMES_EACH and len(asked) < _MOST_PAGES:
            asked[following] += 1
            page = self._client.get("/cgi-bin/user/get", {"next_openid": following} if following else {})
            total = whole_number(page, "total")
            data = page.get("data")
            found = [str(openid) for openid in _list(data.get("openid") if isinstance(data, dict) else None)]
            new = list(dict.fromkeys(openid for openid in found if openid not in seen))
            if repeated := len(found) - len(new):
                self.notes.append(f"{entity.name}: {repeated} openids came again on another page, and count once")
            seen.update(new)
            yield new
            following = str(page.get("next_openid") or "")
            if not found or not following or only_some:
                break
        else:
            if len(seen) < total:
                raise SourceUnavailableError(
                    f"{entity.name}: the pages of user/get lead back to an earlier one after {len(seen)} of {total} followers; "
                    "try again"
                )
        if not only_some:
            self._check_total(entity, len(seen), total)

    def _check_total(self, entity: EntityConfig, n_seen: int, total: int) -> None:
        if n_seen < total * (1 - _ALLOWED_LOSS) - 1:
            raise SourceUnavailableError(
                f"{entity.name}: user/get gave {n_seen} of the {total} followers that it counts; try again"
            )
        if n_seen != total:
            self.notes.append(f"{entity.name}: {n_seen} followers were read while the account counts {total}")

    def _tags(self) -> list[Document]:
        return _dicts(self._client.get("/cgi-bin/tags/get").get("tags"))

    def _menu(self) -> Iterator[Document]:
        """Each button, with its `place` like `1.2` and the name of its `parent`."""
        try:
            menu = self._client.get("/cgi-bin/menu/get").get("menu")
        except CodeError as error:
            if error.code != NO_MENU:
                raise
            return
        for n, button in enumerate(_dicts(menu.get("button") if isinstance(menu, dict) else None), start=1):
            subs = _dicts(button.pop("sub_button", None))
            yield {**button, "place": str(n), "parent": None}
            for m, sub in enumerate(subs, start=1):
                yield {**sub, "place": f"{n}.{m}", "parent": button.get("name")}

    def _statistics(self, entity: EntityConfig, name: str, days: frozenset[date]) -> Iterator[Part]:
        """Days that can be there, in spans that the call allows."""
        askable = sorted(day for day in days if _FIRST_STATISTICS <= day <= self._newest)
        for first, last in _spans(askable, WECHAT_STATISTICS[name]):
            body = {"begin_date": first.isoformat(), "end_date": last.isoformat()}
            try:
                answer = self._client.post(f"/datacube/{name}", body)
            except CodeError as error:
                if error.code != NOT_READY:
                    raise
                self.notes.append(f"{entity.name}: {first} to {last} is not there yet; a later run reads it")
                continue
            if answer.get("is_delay") is True:
                self.notes.append(f"{entity.name}: WeChat says that the figures of {first} to {last} are late")
                continue
            records = [_with_metrics(record) for record in _dicts(answer.get("list"))]
            yield Part(days=frozenset(days_between(first, last)) & days, documents=records)


def _spans(days: Sequence[date], longest: int) -> Iterator[tuple[date, date]]:
    """First and last day of spans of at most so many days that hold all of these."""
    start: date | None = None
    for day in days:
        if start is not None and day - start < timedelta(days=longest):
            continue
        start = day
        rest = [other for other in days if day <= other < day + longest * ONE_DAY]
        yield day, rest[-1]


def _with_metrics(record: Document) -> Document:
    """The record with its figures as a list; totals since publication (`details`) are those of their newest day."""
    details = _dicts(record.get("details"))
    flat = {**record, **(details[-1] if details else {})}
    inner = flat.get("detail")
    figures: Mapping[str, Any] = {**flat, **(inner if isinstance(inner, dict) else {})}
    metrics = [
        {"metric": name, "value": value}
        for name, value in sorted(figures.items())
        if isinstance(value, Number) and name not in _NAMES
    ]
    return {**flat, "metrics": metrics}


def _seconds(text: str) -> int | None:
    return int(text) if text.isdecimal() and 0 < int(text) < 1 << 40 else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _dicts(value: Any) -> list[Document]:
    return [element for element in _list(value) if isinstance(element, dict)]
