"""The choices of a shop's file: kinds of sources and what each may say about where an entity is read.

The reading itself is one module under `collect`, named like its kind.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class KindSettings:
    """Settings of an entity that belong to one kind of source.

    Attributes:
        one_of: exactly one of these says what is read.
        optional: these may stand beside it.
        apis: what `api` may say.
        personal: what is done to these columns unless the file says how.
    """

    one_of: tuple[str, ...]
    optional: tuple[str, ...] = ()
    apis: tuple[str, ...] = ()
    personal: Mapping[str, Literal["hash", "drop", "mask"]] = field(default_factory=dict)


WECHAT_STATISTICS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "getusersummary": 7, "getusercumulate": 7,
        "getarticleread": 1, "getarticleshare": 1, "getbizsummary": 1,
        "getarticlesummary": 1, "getarticletotal": 1, "getuserread": 3, "getusershare": 7,
        "getupstreammsg": 7,
    }
)  # fmt: skip
"""Calls of WeChat's datacube, and how many days one of them may span."""

_WECHAT_PERSONAL: Final[Mapping[str, Literal["hash", "drop", "mask"]]] = {
    "openid": "hash", "unionid": "hash", "FromUserName": "hash",
    "Content": "mask", "Recognition": "mask",
    "nickname": "drop", "headimgurl": "drop", "remark": "drop",
    "Location_X": "drop", "Location_Y": "drop", "Label": "drop", "Latitude": "drop", "Longitude": "drop",
}  # fmt: skip
_WEIBO_NAMES: Final = ("screen_name", "name", "domain", "profile_url", "profile_image_url", "avatar_large", "avatar_hd",
                       "url", "location", "description", "remark", "weihao")  # fmt: skip
_WEIBO_PLACES: Final = ("", "status.", "retweeted_status.", "reply_comment.")
_WEIBO_PERSONAL: Final[Mapping[str, Literal["hash", "drop", "mask"]]] = {
    **{f"{place}text": "mask" for place in _WEIBO_PLACES},
    **{f"{place}user.{name}": "hash" for place in _WEIBO_PLACES for name in ("id", "idstr")},
    **{f"{place}user.{name}": "drop" for place in _WEIBO_PLACES for name in _WEIBO_NAMES},
    **{f"{place}geo": "drop" for place in _WEIBO_PLACES},
    "in_reply_to_screen_name": "drop",
    "in_reply_to_user_id": "hash",
}

KINDS: Final[Mapping[str, KindSettings]] = MappingProxyType(
    {
        "mysql": KindSettings(one_of=("table", "query"), optional=("where",)),
        "sql": KindSettings(one_of=("table", "query"), optional=("where",)),
        "mongodb": KindSettings(one_of=("collection",), optional=("unwind",)),
        "files": KindSettings(one_of=("path",), optional=("day_from_name", "encoding", "delimiter", "sheet")),
        "wechat": KindSettings(
            one_of=("api",),
            optional=("unwind",),
            apis=("followers", "tags", "menu", "messages", *WECHAT_STATISTICS),
            personal=_WECHAT_PERSONAL,
        ),
        "weibo": KindSettings(one_of=("api",), apis=("timeline", "mentions", "comments"), personal=_WEIBO_PERSONAL),
    }
)
KIND_SETTINGS: Final = tuple(sorted({name for kind in KINDS.values() for name in (*kind.one_of, *kind.optional)}))
SINK_KINDS: Final = ("mysql", "mongodb", "files")


def nearest(name: str, choices: Iterable[str]) -> str:
    """The end of a message about an unknown name: what was probably meant, else what there is."""
    known = sorted(choices)
    if close := difflib.get_close_matches(name, known, n=1, cutoff=0.6):
        return f"; did you mean {close[0]!r}?"
    if folded := [choice for choice in known if choice.lower() == name.lower()]:
        return f"; did you mean {folded[0]!r}?"
    return f"; there are {', '.join(known[:40])}" if known else "; there are none"
