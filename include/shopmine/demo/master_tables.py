"""The demo shop's members, goods, stock and campaigns as its MySQL has them, with the dirt that such tables gather."""

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shopmine.demo.arrow import chosen, joined, money, numbered, times, utc_times
from shopmine.demo.campaigns import CAMPAIGNS, Sendings, shown_campaigns
from shopmine.demo.catalogue import CATEGORIES, Catalogue
from shopmine.demo.members import Members
from shopmine.demo.orders import Orders
from shopmine.demo.seasons import draw_times
from shopmine.demo.shop_tables import FREIGHT_SKU, order_numbers
from shopmine.demo.sizes import LAST_DAY, DemoSize, random_stream

ZERO_DATE: Final = "0000-00-00"
WAREHOUSES: Final = ("CN-EAST", "CN-SOUTH")
_FAMILY: Final = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
_GIVEN: Final = (
    "伟",
    "芳",
    "娜",
    "敏",
    "静",
    "强",
    "磊",
    "军",
    "洋",
    "勇",
    "艳",
    "杰",
    "娟",
    "涛",
    "明",
    "超",
    "小雨",
    "子涵",
)
_CITIES: Final = (
    "上海",
    "北京",
    "广州",
    "深圳",
    "杭州",
    "成都",
    "武汉",
    "西安",
    " 上海 ",
    "ＳＨＡＮＧＨＡＩ",
    "",
    None,
)
_CITY_SHARES: Final = (0.2, 0.18, 0.12, 0.12, 0.1, 0.1, 0.08, 0.06, 0.01, 0.01, 0.01, 0.01)
# Hostile and odd texts that stand at the front of the tables: whatever shows them must show them as text.
ODD_NICKNAMES: Final = (
    "",
    "   ",
    "=1+1",
    "+86@SUM(A1:A9)",
    "Robert'); DROP TABLE member;--",
    "<img src=x onerror=alert(1)>",
    "小明😀",
    "ＦＵＬＬ　ｗｉｄｔｈ",
    "tab\there",
    "back\\slash",
)
ODD_TITLES: Final = (
    None,
    "  ",
    "=HYPERLINK(\"http://example.com\";\"特价\")",
    "'; DELETE FROM goods; --",
    "<script>alert('goods')</script>",
    "全角　ＡＢＣ１２３",
    "新品🔥热卖",
    "换行\n第二行",
)  # fmt: skip


def make_members_table(members: Members, seed: int) -> pa.Table:
    """`member`: the first ones have odd nicknames; a few have no birthday, or the zero date."""
    rng, n = random_stream(seed, "member details"), len(members)
    names = joined(
        chosen(tuple(_FAMILY), rng.integers(0, len(_FAMILY), n)), chosen(_GIVEN, rng.integers(0, len(_GIVEN), n))
    )
    names = pa.concat_arrays([pa.array(ODD_NICKNAMES, pa.string()), names.slice(len(ODD_NICKNAMES))])
    born = np.datetime64("1960-01-01") + rng.integers(0, 16_000, n)
    birthday = born.astype(str).astype(object)
    kind = rng.random(n)
    birthday[kind < 0.1] = None
    birthday[(kind >= 0.1) & (kind < 0.13)] = ZERO_DATE
    birthday[:2] = ZERO_DATE
    registered = draw_times(members.registered, rng)
    return pa.table(
        {
            "member_id": members.number,
            "nickname": names,
            "phone": numbered("139", rng.permutation(n), 8),
            "email": joined("m", pa.array(members.number).cast(pa.string()), "@example.com"),
            "gender": chosen(("F", "M", None), rng.choice(3, n, p=[0.55, 0.35, 0.1])),
            "birthday": pa.array(birthday, pa.string()),
            "city": chosen(_CITIES, rng.choice(len(_CITIES), n, p=_CITY_SHARES)),
            "level": rng.integers(1, 6, n),
            "registered_at": times(registered),
            "updated_at": utc_times(registered),
        }
    )  # fmt: skip


def make_goods_table(catalogue: Catalogue) -> pa.Table:
    """`goods`: the catalogue and the freight; products that nobody's bundle needs have odd titles."""
    titles = catalogue.title.copy()
    plain = np.setdiff1d(np.arange(len(titles)), catalogue.bundles)[: len(ODD_TITLES)]
    titles[plain] = ODD_TITLES
    n = len(titles) + 1
    names = [category.name for category in CATEGORIES]
    at = np.full(n, np.datetime64(LAST_DAY, "s") - np.timedelta64(400, "D"))
    return pa.table(
        {
            "sku": pa.array([*catalogue.sku, FREIGHT_SKU], pa.string()),
            "title": pa.array([*titles, "运费"], pa.string()),
            "category": pa.array([*(names[c] for c in catalogue.category), None], pa.string()),
            "list_price": money(np.append(catalogue.price_cents, 600)),
            "on_sale": np.append(catalogue.is_listed, False).astype(np.int64),
            "goods_type": pa.array(["goods"] * (n - 1) + ["service"], pa.string()),
            "image_url": joined("https://img.example.com/", pa.array([*catalogue.sku, FREIGHT_SKU], pa.string()), ".jpg"),
            "updated_at": utc_times(at),
        }
    )  # fmt: skip


def make_stock_table(catalogue: Catalogue, seed: int) -> pa.Table:
    """`goods_stock`: pieces of each product in each warehouse; one in twenty is sold out."""
    rng, n = random_stream(seed, "stock"), len(catalogue.sku)
    quantity = rng.integers(5, 400, 2 * n)
    quantity[np.repeat(rng.random(n) < 0.05, 2)] = 0
    return pa.table(
        {
            "sku": pa.array(np.repeat(catalogue.sku, 2), pa.string()),
            "warehouse": chosen(WAREHOUSES, np.tile([0, 1], n)),
            "quantity": quantity,
            "updated_at": utc_times(np.full(2 * n, np.datetime64(LAST_DAY, "s") + np.timedelta64(23, "h"))),
        }
    )


def make_campaign_tables(size: DemoSize, members: Members, sendings: Sendings, orders: Orders) -> dict[str, pa.Table]:
    """`campaign`, `coupon` (one for everything that was sent) and `campaign_touch`."""
    number = pa.array(members.number)
    code = [c.code for c in CAMPAIGNS]
    used = _coupon_orders(sendings, orders)
    order_no = order_numbers(orders)
    is_used = used >= 0
    coupon = pa.table(
        {
            "coupon_code": numbered("CP", np.arange(len(used)), 8),
            "campaign_code": chosen(code, sendings.campaign),
            "member_id": number.take(pa.array(sendings.member)),
            "order_no": order_no.take(pa.array(used, mask=~is_used)),
            "updated_at": utc_times(sendings.at),
        }
    )
    steps = (
        ("sent", np.full(len(used), True), sendings.at),
        ("opened", sendings.is_opened, sendings.opened_at),
        ("clicked", sendings.is_clicked, sendings.clicked_at),
        ("redeemed", is_used, orders.at[used]),
    )
    touches = [
        pa.table(
            {
                "member_id": number.take(pa.array(sendings.member[is_so])),
                "campaign_code": chosen(code, sendings.campaign[is_so]),
                "kind": pa.array([kind] * int(is_so.sum()), pa.string()),
                "touched_at": times(at[is_so]),
            }
        )
        for kind, is_so, at in steps
    ]
    return {"campaign": _campaigns(size), "coupon": coupon, "campaign_touch": pa.concat_tables(touches)}


def _campaigns(size: DemoSize) -> pa.Table:
    shown = [CAMPAIGNS[i] for i in shown_campaigns(size)]
    starts = np.array([np.datetime64(c.starts, "s") for c in shown])
    ends = starts + np.array([np.timedelta64(c.n_days * 86_400 - 1, "s") for c in shown])
    ends_text = np.char.replace(ends.astype(str), "T", " ").tolist()
    return pa.table(
        {
            "campaign_code": [c.code for c in shown],
            "name": [c.name for c in shown],
            "channel": [c.channel for c in shown],
            "starts_at": times(starts),
            "ends_at": [f"{ZERO_DATE} 00:00:00" if c.is_open_ended else e for c, e in zip(shown, ends_text, strict=True)],
            "cost": money(np.array([c.cost_cents for c in shown])),
        }
    )  # fmt: skip


def _coupon_orders(sendings: Sendings, orders: Orders) -> npt.NDArray[np.int64]:
    """(n_sendings,) the order in which each coupon was used, else −1."""
    base = int(orders.member.max()) + 1
    keys = sendings.campaign * base + sendings.member
    used = np.flatnonzero(orders.campaign >= 0)
    wanted = orders.campaign[used] * base + orders.member[used]
    sequence = np.argsort(keys)
    place = sequence[np.searchsorted(keys, wanted, sorter=sequence)]
    found = np.full(len(keys), -1)
    found[place] = used
    return found
