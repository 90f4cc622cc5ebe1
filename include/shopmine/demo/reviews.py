"""Reviews of what was bought: good products get good ones; the texts say what the stars say."""

from typing import Final

import numpy as np
import pyarrow as pa

from shopmine.demo.arrow import chosen, numbered, utc_times
from shopmine.demo.catalogue import Catalogue
from shopmine.demo.members import Members
from shopmine.demo.orders import SALE, Lines, Orders
from shopmine.demo.seasons import draw_times
from shopmine.demo.sizes import LAST_DAY, random_stream

_SHARE: Final = 0.08
_WHAT: Final = ("质量", "做工", "包装", "颜色", "味道", "手感", "物流", "性价比")
_BAD: Final = ("很差，不会再买了", "太失望了，要求退货", "和描述不符", "用了两天就坏了")
_FAIR: Final = ("一般般", "还可以，凑合用", "中规中矩")
_GOOD: Final = ("非常好，已经回购", "很满意，推荐购买", "超出预期，家人都喜欢", "好评👍 下次还来")
ODD_REVIEWS: Final = (
    "客服态度差，请联系我 13912345678 或 angry@example.com",
    "<b>好</b><script>alert(document.cookie)</script>",
    "=cmd|' /C calc'!A0",
    "'); DROP TABLE reviews;--",
    "   ",
    "ＧＯＯＤ　！！！😀😀",
)


def make_reviews(orders: Orders, lines: Lines, members: Members, catalogue: Catalogue, seed: int) -> pa.Table:
    """`review`: one in twelve lines is reviewed three to twelve days later; the first reviews are odd ones."""
    rng = random_stream(seed, "reviews")
    line = np.flatnonzero((lines.kind == SALE) & (rng.random(len(lines.kind)) < _SHARE))
    waited = rng.integers(3, 13, len(line)).astype("timedelta64[D]")
    days = orders.at[lines.order[line]].astype("datetime64[D]") + waited
    line, days = line[days <= np.datetime64(LAST_DAY)], days[days <= np.datetime64(LAST_DAY)]
    sequence = np.argsort(days, kind="stable")
    line, at = line[sequence], draw_times(days[sequence], rng)
    product = lines.product[line]
    liking = np.where(catalogue.is_faulty[product], 1.8, 4.3) + rng.normal(0, 0.8, len(line))
    rating = np.clip(np.round(liking), 1, 5).astype(np.int64)
    return pa.table(
        {
            "review_id": numbered("R", np.arange(len(line)), 8),
            "member_id": pa.array(members.number).take(pa.array(orders.member[lines.order[line]])),
            "sku": pa.array(catalogue.sku, pa.string()).take(pa.array(product)),
            "rating": rating,
            "content": _texts(rating, rng),
            "created_at": utc_times(at),
        }
    )


def _texts(rating: np.ndarray, rng: np.random.Generator) -> pa.Array:
    sayings = [*_BAD, *_FAIR, *_GOOD]
    texts = [f"{what}{saying}" for saying in sayings for what in _WHAT]
    first = np.where(rating <= 2, 0, np.where(rating == 3, len(_BAD), len(_BAD) + len(_FAIR)))
    n_choices = np.where(rating <= 2, len(_BAD), np.where(rating == 3, len(_FAIR), len(_GOOD)))
    saying = first + (rng.random(len(rating)) * n_choices).astype(np.int64)
    plain = chosen(texts, saying * len(_WHAT) + rng.integers(0, len(_WHAT), len(rating)))
    return pa.concat_arrays([pa.array(ODD_REVIEWS, pa.string()), plain.slice(len(ODD_REVIEWS))])
